"""Grading the recorded outputs of a run that is over anew: what the new run is made of. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import UnsetType
from msgspec.structs import replace

from domain.errors import LogUnreadable, NoExamples, SuiteNotFound
from domain.events import ExampleAnswered, ExampleScored, PinnedHarness
from domain.model_spec import HttpModel, Model, OpenAIModel
from domain.plan import Plan, PlannedHarness, PlannedSuite

Key = tuple[str, str]
"""A suite's and a harness's name."""


class Old(NamedTuple):
    """A run that is over. `suite` is the one it was asked for, None for all.

    `whole` counts, by harness, the examples of which every repeat is recorded.
    """

    run_id: str
    suite: str | None
    plan: Plan
    harnesses: Sequence[PinnedHarness]
    whole: Mapping[Key, int]


class Regrade(NamedTuple):
    """The plan of a new run, its harnesses, and what of the old one is left out, in sentences."""

    plan: Plan
    harnesses: list[PinnedHarness]
    warnings: list[str]


def plan_regrade(old: Old, today: Sequence[PlannedSuite], config: str) -> Regrade:
    """Hold what an old run recorded to the graders and thresholds of today's suites, which come from `config`.

    What the outputs came from is the old run's: model, examples, repeats, tags. Harnesses are matched by their names
    and the suite's. Raises SuiteNotFound where the suite asked for is no more, NoExamples where nothing is left.
    """
    names = [suite.name for suite in today]
    if old.suite is not None and old.suite not in names:
        where = "there" if old.plan.of_paths else f"in {config}"
        raise SuiteNotFound(f"suite '{old.suite}' of {old.run_id} is not {where} any more")
    suites = [suite for one in today if (suite := _regrade_suite(old, one)).harnesses]
    if not suites:
        raise NoExamples(f"nothing of {old.run_id} can be graded anew: {'; '.join(_left_out(old, today))}")
    plan = Plan(config=config, suites=suites, tags=old.plan.tags, concurrency=None, of_paths=old.plan.of_paths)
    pinned = {(harness.suite, harness.harness): harness for harness in old.harnesses}
    keys = [(suite.name, harness.name) for suite in suites for harness in suite.harnesses]
    harnesses = [replace(pinned[key], examples=old.whole[key]) for key in keys]
    return Regrade(plan, harnesses, list(_left_out(old, today)))


def recorded_outcome(event: ExampleAnswered | ExampleScored) -> ExampleAnswered | ExampleScored:
    """Give the answer that an event of the old run holds; where the model gave none, the event that says why."""
    if isinstance(event, ExampleAnswered) or event.error is not None:
        return event
    output, latency_ms, attempts = event.output, event.latency_ms, event.attempts
    if not isinstance(output, str) or isinstance(latency_ms, UnsetType) or isinstance(attempts, UnsetType):
        raise LogUnreadable(f"the log has neither an output nor an error of example '{event.example}'")
    return ExampleAnswered(
        suite=event.suite,
        harness=event.harness,
        example=event.example,
        repeat=event.repeat,
        row=event.row,
        output=output,
        latency_ms=latency_ms,
        attempts=attempts,
        usage=event.usage,
        secrets=event.secrets,
    )


def _regrade_suite(old: Old, today: PlannedSuite) -> PlannedSuite:
    """Keep the harnesses with recorded examples, and the selection by the tags of old."""
    before = next(suite for suite in old.plan.suites if suite.name == today.name)
    known = {harness.name: harness for harness in before.harnesses if old.whole.get((today.name, harness.name))}
    harnesses = [_regrade_harness(known[one.name], one) for one in today.harnesses if one.name in known]
    return replace(today, tags=before.tags, harnesses=harnesses)


def _regrade_harness(old: PlannedHarness, today: PlannedHarness) -> PlannedHarness:
    return replace(
        old,
        file=today.file,
        model=_without_prices(old.model),
        graders=today.graders,
        concurrency=today.concurrency,
        code=today.code,
    )


def _without_prices(model: Model) -> Model:
    """Nothing is paid again."""
    return replace(model, prices=None) if isinstance(model, HttpModel | OpenAIModel) else model


def _left_out(old: Old, today: Sequence[PlannedSuite]) -> Iterator[str]:
    named = {suite.name: [harness.name for harness in suite.harnesses] for suite in today}
    for suite in old.plan.suites:
        if suite.name not in named:
            yield f"suite '{suite.name}' is left out: today's files have it no more"
    for harness in old.harnesses:
        if harness.suite in named and harness.examples != 0:
            yield from _left_out_of(old, harness, named[harness.suite])
    asked = {(harness.suite, harness.harness) for harness in old.harnesses}
    for suite in today:
        for name in named[suite.name]:
            if (suite.name, name) not in asked:
                yield f"harness '{name}' of suite '{suite.name}' is left out: {old.run_id} did not ask it"


def _left_out_of(old: Old, harness: PinnedHarness, today: Sequence[str]) -> Iterator[str]:
    name = f"harness '{harness.harness}' of suite '{harness.suite}'"
    whole, examples = old.whole.get((harness.suite, harness.harness), 0), harness.examples or 0
    if harness.harness not in today:
        yield f"{name} is left out: today's files have it no more"
    elif not whole:
        yield f"{name} is left out: {old.run_id} recorded no answer for any of its examples"
    elif whole < examples:
        yield f"{examples - whole} of {examples} examples of {name} are left out: {old.run_id} did not record them"
