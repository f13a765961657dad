"""From scores to a verdict."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain.events import FinalStatus, Information, Row, Verdict
from domain.grader_spec import Grader, grader_name
from domain.marks import Marks, marks_of, weights_of
from domain.plan import OVERALL, Plan, PlannedHarness, PlannedSuite, threshold_of
from domain.pooled import Pooled
from domain.repeats import agreement
from domain.spec import Statistics
from domain.statistics import TOLERANCE, mean, pass_rate, reaches, wilson
from domain.tally import Tallies, Tally


class Outcome(NamedTuple):
    """How a run ends."""

    status: FinalStatus
    verdict: Verdict | None
    rows: list[Row]
    informational: list[Information]
    error: str | None
    warnings: list[str]


class Held(NamedTuple):
    """What a run was held to beside its thresholds: deciding rows, and what to warn of."""

    rows: Sequence[Row]
    warnings: Sequence[str]


NOTHING_HELD = Held((), ())


class _Group(NamedTuple):
    """What one row is made of, and what it is held to."""

    name: str
    harness: str | None
    threshold: float
    pass_at: float | None
    pooled: Pooled


def decide(plan: Plan, tallies: Tallies, held: Held = NOTHING_HELD) -> Outcome:
    """Turn the scores of a run that has recorded all its examples into rows and a verdict; `held` decides with them."""
    rows, informational = make_rows(plan, tallies), make_informational(plan, tallies)
    error = _why_no_verdict(plan, tallies, rows)
    warnings = [*_small_samples(plan, rows), *_errors(plan, tallies), *held.warnings]
    rows += held.rows
    if error:
        return Outcome("error", None, rows, informational, error, warnings)
    if all(row.passed for row in rows):
        return Outcome("passed", "PASS", rows, informational, None, warnings)
    return Outcome("failed", "FAIL", rows, informational, None, warnings)


def fails(plan: Plan, tallies: Tallies) -> bool:
    """Tell whether the harnesses that have been asked, were they all, do not pass."""
    return decide(plan, tallies).verdict != "PASS"


def make_rows(plan: Plan, tallies: Tallies) -> list[Row]:
    """Give all rows in the order suites, harnesses and graders are written.

    The rows of a suite's harnesses come first, then those pooled over the suite, `overall` last.
    """
    return [_make_row(suite, group) for suite in plan.suites for group in _groups(suite, tallies)]


def make_informational(plan: Plan, tallies: Tallies) -> list[Information]:
    """Give the graders that do not decide: those of weighted harnesses without a threshold of their own."""
    return [
        _make_information(suite, harness, grader, tallies[suite.name, harness.name])
        for suite in plan.suites
        for harness in _asked(suite, tallies)
        if weights_of(harness)
        for grader in harness.graders
        if grader.threshold is None
    ]


def count_passed(plan: Plan, tallies: Tallies) -> int:
    """Count the examples that are passed, by the mean of each grader's scores over the repeats."""
    return sum(
        _count_passed(marks_of(suite, harness), tallies[suite.name, harness.name])
        for suite in plan.suites
        for harness in _asked(suite, tallies)
    )


def _count_passed(marks: Marks, tally: Tally) -> int:
    if tally.repeats == 1:
        return tally.passed
    return sum(marks.passes_repeated(askings) for askings in tally.askings())


def _groups(suite: PlannedSuite, tallies: Tallies) -> Iterator[_Group]:
    pooled: dict[str, _Group] = {}
    for harness in _asked(suite, tallies):
        tally = tallies[suite.name, harness.name]
        for grader in harness.graders:
            group = _group(grader, threshold_of(grader, suite), harness.name, tally)
            if grader.threshold is not None:
                yield group
            elif weights_of(harness) is None:
                pooled[group.name] = _pool(pooled[group.name], group) if group.name in pooled else group
    yield from (group._replace(harness=None) for group in pooled.values())
    yield from _overall_groups(suite, tallies)


def _group(grader: Grader, threshold: float, harness: str, tally: Tally) -> _Group:
    name = grader_name(grader)
    return _Group(name, harness, threshold, grader.pass_at, Pooled([tally], name))


def _pool(first: _Group, second: _Group) -> _Group:
    tallies = [*first.pooled.tallies, *second.pooled.tallies]
    return first._replace(pooled=Pooled(tallies, first.name))


def _overall_groups(suite: PlannedSuite, tallies: Tallies) -> Iterator[_Group]:
    threshold = suite.thresholds.get(OVERALL, 1.0)
    for harness in _asked(suite, tallies):
        weights = weights_of(harness)
        if weights:
            pooled = Pooled([tallies[suite.name, harness.name]], OVERALL, weights)
            yield _Group(OVERALL, harness.name, threshold, None, pooled)


def _make_row(suite: PlannedSuite, group: _Group) -> Row:
    scores = group.pooled.scores()
    n = len(scores)
    if n == 0:
        return Row(
            name=group.name, threshold=group.threshold, passed=False, n=0, suite=suite.name, harness=group.harness
        )
    score = _score(scores, group.pass_at)
    interval = wilson(min(score, 1.0), n, suite.statistics.confidence_level)
    mark = group.threshold if group.pass_at is None else group.pass_at
    repeated = agreement(group.pooled.tries(mark))
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
        pass_rate=pass_rate(scores, mark),
        pass_at=group.pass_at,
        pass_at_k=repeated.pass_at_k,
        pass_all_k=repeated.pass_all_k,
        disagree=repeated.disagree,
    )


def _score(scores: Sequence[float], pass_at: float | None) -> float:
    """Average; with `pass_at`, an example counts as 1 from the mark on, else as 0."""
    return mean(scores) if pass_at is None else pass_rate(scores, pass_at)


def _row_passes(statistics: Statistics, score: float, lower: float, n: int, threshold: float) -> bool:
    if n < statistics.min_sample_size and statistics.min_sample_action == "fail":
        return False
    return reaches(lower if statistics.use_lower_bound else score, threshold)


def _make_information(suite: PlannedSuite, harness: PlannedHarness, grader: Grader, tally: Tally) -> Information:
    name = grader_name(grader)
    scores = Pooled([tally], name).scores()
    n = len(scores)
    if n == 0:
        return Information(name=name, n=0, suite=suite.name, harness=harness.name)
    score = _score(scores, grader.pass_at)
    interval = wilson(min(score, 1.0), n, suite.statistics.confidence_level)
    return Information(
        name=name,
        score=score,
        n=n,
        ci_lower=interval.lower,
        ci_upper=interval.upper,
        suite=suite.name,
        harness=harness.name,
    )


def _asked(suite: PlannedSuite, tallies: Tallies) -> list[PlannedHarness]:
    return [harness for harness in suite.harnesses if (suite.name, harness.name) in tallies]


def _why_no_verdict(plan: Plan, tallies: Tallies, rows: Sequence[Row]) -> str | None:
    recorded = sum(tally.recorded for tally in tallies.values())
    if sum(tally.model_errors for tally in tallies.values()) == recorded:
        return f"every model call failed ({recorded} of {recorded})"
    for suite in plan.suites:
        counted = [tallies[suite.name, harness.name] for harness in _asked(suite, tallies)]
        erring, examples = sum(tally.erring for tally in counted), sum(tally.examples for tally in counted)
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
            recorded = f"{tally.recorded} {'examples' if tally.repeats == 1 else 'askings'}"
            if tally.model_errors:
                failed = f"{tally.model_errors} of {recorded}"
                yield f"the model of harness '{harness.name}' failed on {failed}"
            if tally.grader_errors:
                failed = f"{tally.grader_errors} times in {recorded}"
                yield f"graders of harness '{harness.name}' failed {failed}"
