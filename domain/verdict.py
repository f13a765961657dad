"""From scores to a verdict."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from domain.events import FinalStatus, Row, Verdict
from domain.plan import Plan, PlannedHarness, PlannedSuite, threshold_of
from domain.spec import Statistics, grader_name
from domain.statistics import TOLERANCE, mean, pass_rate, reaches, wilson


class Tally:
    """What the recorded examples of one harness add up to. `erring` counts those with any error at all."""

    def __init__(self) -> None:
        self.recorded = 0
        self.passed = 0
        self.model_errors = 0
        self.grader_errors = 0
        self.erring = 0
        self.scores: dict[str, array[float]] = {}

    def add_score(self, grader: str, score: float) -> None:
        """Take in one example's score."""
        self.scores.setdefault(grader, array("d")).append(score)


Tallies = Mapping[tuple[str, str], Tally]
"""By suite and harness; a harness without examples in the run has none."""


class Outcome(NamedTuple):
    """How a run ends."""

    status: FinalStatus
    verdict: Verdict | None
    rows: list[Row]
    error: str | None
    warnings: list[str]


class _Group(NamedTuple):
    """The scores one row is made of, and the threshold they are held to."""

    name: str
    harness: str | None
    threshold: float
    scores: Sequence[float]


def decide(plan: Plan, tallies: Tallies) -> Outcome:
    """Turn the scores of a run that has recorded all its examples into rows and a verdict."""
    rows = make_rows(plan, tallies)
    error = _why_no_verdict(plan, tallies, rows)
    warnings = [*_small_samples(plan, rows), *_errors(plan, tallies)]
    if error:
        return Outcome("error", None, rows, error, warnings)
    if all(row.passed for row in rows):
        return Outcome("passed", "PASS", rows, None, warnings)
    return Outcome("failed", "FAIL", rows, None, warnings)


def make_rows(plan: Plan, tallies: Tallies) -> list[Row]:
    """Give all rows in the order suites, harnesses and graders are written, pooled ones after a suite's own."""
    return [make_row(suite, group) for suite in plan.suites for group in _groups(suite, tallies)]


def make_row(suite: PlannedSuite, group: _Group) -> Row:
    """Hold a group of scores against its threshold."""
    n = len(group.scores)
    if n == 0:
        return Row(
            name=group.name, threshold=group.threshold, passed=False, n=0, suite=suite.name, harness=group.harness
        )
    score = mean(group.scores)
    interval = wilson(min(score, 1.0), n, suite.statistics.confidence_level)
    return Row(
        name=group.name,
        score=score,
        threshold=group.threshold,
        passed=_row_passes(suite.statistics, score, interval.lower, n, group.threshold),
        n=n,
        ci_lower=interval.lower,
        ci_upper=interval.upper,
        suite=suite.name,
        harness=group.harness,
        pass_rate=pass_rate(group.scores, group.threshold),
    )


def _row_passes(statistics: Statistics, score: float, lower: float, n: int, threshold: float) -> bool:
    if n < statistics.min_sample_size and statistics.min_sample_action == "fail":
        return False
    return reaches(lower if statistics.use_lower_bound else score, threshold)


def _groups(suite: PlannedSuite, tallies: Tallies) -> Iterator[_Group]:
    pooled: dict[str, _Group] = {}
    for harness in _asked(suite, tallies):
        for grader in harness.graders:
            name = grader_name(grader)
            scores = tallies[suite.name, harness.name].scores.get(name, array("d"))
            threshold = threshold_of(grader, suite)
            if grader.threshold is not None:
                yield _Group(name, harness.name, threshold, scores)
            elif name in pooled:
                pooled[name] = pooled[name]._replace(scores=array("d", pooled[name].scores) + scores)
            else:
                pooled[name] = _Group(name, None, threshold, scores)
    yield from pooled.values()


def _asked(suite: PlannedSuite, tallies: Tallies) -> list[PlannedHarness]:
    return [harness for harness in suite.harnesses if (suite.name, harness.name) in tallies]


def _suite_tallies(suite: PlannedSuite, tallies: Tallies) -> list[Tally]:
    return [tallies[suite.name, harness.name] for harness in _asked(suite, tallies)]


def _why_no_verdict(plan: Plan, tallies: Tallies, rows: Sequence[Row]) -> str | None:
    recorded = sum(tally.recorded for tally in tallies.values())
    if sum(tally.model_errors for tally in tallies.values()) == recorded:
        return f"every model call failed ({recorded} of {recorded})"
    for suite in plan.suites:
        counted = _suite_tallies(suite, tallies)
        erring, examples = sum(tally.erring for tally in counted), sum(tally.recorded for tally in counted)
        limit = suite.statistics.max_error_rate
        if examples and erring / examples > limit + TOLERANCE:
            share = f"{erring} of {examples} examples of suite '{suite.name}'"
            return f"{share} had an error, more than max_error_rate {limit:g} allows"
    empty = next((row for row in rows if row.n == 0), None)
    return f"no example of suite '{empty.suite}' has a score of grader '{empty.name}'" if empty else None


def _small_samples(plan: Plan, rows: Sequence[Row]) -> Iterator[str]:
    statistics = {suite.name: suite.statistics for suite in plan.suites}
    for row in rows:
        minimum = statistics[row.suite].min_sample_size
        if row.n < minimum:
            yield f"low confidence: '{row.name}' of suite '{row.suite}' has n={row.n}, below min_sample_size {minimum}"


def _errors(plan: Plan, tallies: Tallies) -> Iterator[str]:
    for suite in plan.suites:
        for harness in _asked(suite, tallies):
            tally = tallies[suite.name, harness.name]
            if tally.model_errors:
                failed = f"{tally.model_errors} of {tally.recorded} examples"
                yield f"the model of harness '{harness.name}' failed on {failed}"
            if tally.grader_errors:
                failed = f"{tally.grader_errors} times in {tally.recorded} examples"
                yield f"graders of harness '{harness.name}' failed {failed}"
