"""The plan of a run: every setting as it was resolved, pinned so that resume and replay never read a file again."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from domain.events import PinnedHarness
from domain.grader_spec import Grader, grader_name
from domain.model_spec import CommandModel, Model
from domain.spec import Defaults, Harness, Statistics, Suite, SuiteStatistics

OVERALL = "overall"
BASELINE = "baseline"
"""The row of a run that is held to another one."""

T = TypeVar("T")


class PlannedHarness(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A harness of the plan. `file` is the harness file; `code` the SHA-256 of each script a command model runs."""

    name: str
    file: str
    dataset: str
    model: Model
    graders: list[Grader]
    concurrency: int
    timeout_seconds: float
    retries: int
    retry_delay_ms: int
    repeats: int = 1
    code: dict[str, str] = {}


class PlannedSuite(msgspec.Struct, frozen=True, kw_only=True):
    """A suite of the plan."""

    name: str
    tags: list[str]
    thresholds: dict[str, float]
    statistics: Statistics
    harnesses: list[PlannedHarness]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to do. `config` is the path of its `matchspec.yml`, `tags` and `concurrency` are the request's.

    With `fail_fast`, harnesses go one after another, and the first that fails is the last. With `of_paths`, suites are
    harness files below the paths that they are named after, relative to the config's folder; no config lists them.
    """

    config: str
    suites: list[PlannedSuite]
    tags: list[str]
    concurrency: int | None
    fail_fast: bool = False
    of_paths: bool = False

    def harness(self, suite: str, harness: str) -> tuple[PlannedSuite, PlannedHarness]:
        """Find a harness by its names."""
        for planned_suite in self.suites:
            if planned_suite.name == suite:
                for planned in planned_suite.harnesses:
                    if planned.name == harness:
                        return planned_suite, planned
        raise KeyError((suite, harness))


class HarnessSource(NamedTuple):
    """A harness as read: its file as the plan names it, its dataset as it is written, its scripts' digests."""

    file: str
    dataset: str
    spec: Harness
    code: Mapping[str, str]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Plan)


def encode_plan(plan: Plan) -> bytes:
    """Give the plan's bytes as they are pinned."""
    return _encoder.encode(plan)


def decode_plan(content: bytes) -> Plan:
    """Read a pinned plan."""
    return _decoder.decode(content)


def plan_suite(
    suite: Suite,
    harnesses: Sequence[HarnessSource],
    defaults: Defaults,
    statistics: Statistics,
    concurrency: int | None = None,
) -> PlannedSuite:
    """Resolve a suite's settings against the config's; a `concurrency` comes before what harness files say."""
    return PlannedSuite(
        name=suite.name,
        tags=suite.tags,
        thresholds=dict(suite.thresholds),
        statistics=resolve_statistics(statistics, suite.statistics),
        harnesses=[plan_harness(source, defaults, concurrency) for source in harnesses],
    )


def plan_harness(source: HarnessSource, defaults: Defaults, concurrency: int | None = None) -> PlannedHarness:
    """Resolve a harness's settings: its own, else the config's defaults; a `concurrency` comes before both."""
    spec = source.spec
    return PlannedHarness(
        name=spec.name,
        file=source.file,
        dataset=source.dataset,
        model=spec.model,
        graders=spec.graders,
        concurrency=_first(concurrency, _first(spec.concurrency, defaults.concurrency)),
        timeout_seconds=_first(spec.timeout_seconds, defaults.timeout_seconds),
        retries=_first(spec.retries, defaults.retries),
        retry_delay_ms=_first(spec.retry_delay_ms, defaults.retry_delay_ms),
        repeats=spec.repeats,
        code=dict(source.code),
    )


def resolve_statistics(config: Statistics, suite: SuiteStatistics) -> Statistics:
    """Let a suite's own statistics replace the config's, field by field."""
    own = {name: value for name in suite.__struct_fields__ if (value := getattr(suite, name)) is not None}
    return msgspec.structs.replace(config, **own)


def threshold_of(grader: Grader, suite: PlannedSuite) -> float:
    """The threshold a grader is held to: its own, the suite's under its name, the suite's `overall`, 1.0."""
    if grader.threshold is not None:
        return grader.threshold
    return suite.thresholds.get(grader_name(grader), suite.thresholds.get(OVERALL, 1.0))


def with_timeout(plan: Plan, seconds: float) -> Plan:
    """Give every attempt another time limit, also where a command has its own."""
    suites = [
        msgspec.structs.replace(suite, harnesses=[_harness_with_timeout(one, seconds) for one in suite.harnesses])
        for suite in plan.suites
    ]
    return msgspec.structs.replace(plan, suites=suites)


def _harness_with_timeout(harness: PlannedHarness, seconds: float) -> PlannedHarness:
    model = harness.model
    if isinstance(model, CommandModel):
        model = msgspec.structs.replace(model, timeout_seconds=seconds)
    return msgspec.structs.replace(harness, model=model, timeout_seconds=seconds)


def without_left_out(plan: Plan, pinned: Sequence[PinnedHarness]) -> Plan:
    """Keep only the harnesses that have examples in the run."""
    kept = {(harness.suite, harness.harness) for harness in pinned if harness.examples != 0}
    suites = [
        msgspec.structs.replace(suite, harnesses=[h for h in suite.harnesses if (suite.name, h.name) in kept])
        for suite in plan.suites
    ]
    return msgspec.structs.replace(plan, suites=[suite for suite in suites if suite.harnesses])


def name_left_out(pinned: Sequence[PinnedHarness]) -> list[str]:
    """Say in words which suites and harnesses have no example in the run."""
    asked = {harness.suite for harness in pinned if harness.examples != 0}
    suites = dict.fromkeys(harness.suite for harness in pinned)
    warnings = [
        f"suite '{name}' is left out: none of its examples carries the tags" for name in suites if name not in asked
    ]
    return warnings + [
        f"harness '{harness.harness}' of suite '{harness.suite}' is left out: none of its examples carries the tags"
        for harness in pinned
        if harness.examples == 0 and harness.suite in asked
    ]


def _first(own: T | None, default: T) -> T:
    return default if own is None else own
