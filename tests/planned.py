"""Builders of a plan's parts with sensible defaults."""

from collections.abc import Mapping

from domain.grader_spec import ContainsGrader, ExactMatchGrader, Grader, RegexConfig, RegexGrader
from domain.model_spec import EchoModel, Model
from domain.plan import Plan, PlannedHarness, PlannedSuite
from domain.spec import Statistics


def exact(
    threshold: float | None = None,
    name: str | None = None,
    *,
    weight: float | None = None,
    pass_at: float | None = None,
) -> Grader:
    """An exact_match grader."""
    return ExactMatchGrader(name=name, threshold=threshold, weight=weight, pass_at=pass_at)


def contains(threshold: float | None = None, *, weight: float | None = None, pass_at: float | None = None) -> Grader:
    """A contains grader."""
    return ContainsGrader(threshold=threshold, weight=weight, pass_at=pass_at)


def regex(threshold: float | None = None) -> Grader:
    """A regex grader."""
    return RegexGrader(threshold=threshold, config=RegexConfig(pattern="x"))


def harness(name: str, *graders: Grader, model: Model | None = None, repeats: int = 1) -> PlannedHarness:
    """A harness with these graders; exact_match where none is named."""
    return PlannedHarness(
        name=name,
        file=f"evals/{name}.yml",
        dataset="dataset.jsonl",
        model=model or EchoModel(),
        graders=list(graders) or [exact()],
        concurrency=4,
        timeout_seconds=30,
        retries=0,
        retry_delay_ms=250,
        repeats=repeats,
    )


def suite(
    name: str,
    *harnesses: PlannedHarness,
    thresholds: Mapping[str, float] | None = None,
    statistics: Statistics | None = None,
) -> PlannedSuite:
    """A suite of these harnesses, without tags."""
    return PlannedSuite(
        name=name,
        tags=[],
        thresholds=dict(thresholds or {}),
        statistics=statistics or Statistics(),
        harnesses=list(harnesses),
    )


def plan(*suites: PlannedSuite) -> Plan:
    """A plan of these suites; of `qa` with the harness `a` where none is named."""
    named = list(suites) or [suite("qa", harness("a"))]
    return Plan(config="matchspec.yml", suites=named, tags=[], concurrency=None)
