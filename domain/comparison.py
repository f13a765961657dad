"""Two runs compared: one row for each grader, as the head's verdict has them, and one for the examples that passed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from domain.grader_spec import Grader, grader_name
from domain.marks import weights_of
from domain.paired import Paired, Scores, Word, compare_pairs
from domain.plan import OVERALL, Plan, PlannedHarness, PlannedSuite, threshold_of
from domain.statistics import TOLERANCE

Key = tuple[str, str]
"""A suite's and a harness's name."""

ScoresByKey = Mapping[Key, Mapping[str, Scores]]
"""By harness and grader, the scores of the examples that two runs share; NaN where there is none."""


class Series(NamedTuple):
    """What one row compares: the scores of a grader over `harnesses`, or with `weights` their weighted mean.

    With `pass_at` an example counts as 1 from there on, else as 0. `mark` is what an example passes at, None where
    nothing is decided.
    """

    name: str
    suite: str
    harness: str | None
    harnesses: Sequence[str]
    mark: float | None
    pass_at: float | None
    weights: Mapping[str, float] | None
    confidence_level: float

    @property
    def decides(self) -> bool:
        """Whether the verdict rests on it."""
        return self.mark is not None


class ComparedRow(Paired, frozen=True, kw_only=True, omit_defaults=True):
    """One grader compared; `missing` counts the examples both graded that have no score of this one in a run."""

    name: str
    suite: str
    harness: str | None
    decides: bool
    missing: int = 0


class Flip(NamedTuple):
    """An example that reaches a grader's mark in one run only; `place` is its turn among the shared of its harness."""

    series: Series
    harness: str
    place: int
    base_score: float
    head_score: float


def series_of_plan(plan: Plan, keys: Sequence[Key]) -> list[Series]:
    """Give the rows in the order of the verdict, those that don't decide last in each suite, over these harnesses."""
    return [series for suite in plan.suites for series in _series_of_suite(suite, frozenset(keys))]


def compare_series(series: Series, base: ScoresByKey, head: ScoresByKey) -> ComparedRow:
    """Compare one row."""
    before, after = _scores_of(series, base), _scores_of(series, head)
    both = ~(np.isnan(before) | np.isnan(after))
    paired = compare_pairs(_counted(series, before[both]), _counted(series, after[both]), series.confidence_level)
    return ComparedRow(
        name=series.name,
        suite=series.suite,
        harness=series.harness,
        decides=series.decides,
        missing=int((~both).sum()),
        **{name: getattr(paired, name) for name in Paired.__struct_fields__},
    )


def find_flips(series: Series, base: ScoresByKey, head: ScoresByKey) -> Iterator[Flip]:
    """Give the examples that flipped: first those that got worse, each in the head's order."""
    if series.mark is None:
        return
    flips = [flip for harness in series.harnesses for flip in _flips_of(series, harness, series.mark, base, head)]
    yield from (flip for flip in flips if flip.head_score < flip.base_score)
    yield from (flip for flip in flips if flip.head_score > flip.base_score)


def sum_up(words: Sequence[Word]) -> Word:
    """Say in one word what several rows say: worse where one is, better where one is and none worse."""
    if "worse" in words:
        return "worse"
    return "better" if "better" in words else "no evidence"


def _series_of_suite(suite: PlannedSuite, keys: frozenset[Key]) -> Iterator[Series]:
    pooled: dict[str, Series] = {}
    overall, informational = [], []
    for harness in suite.harnesses:
        if (suite.name, harness.name) not in keys:
            continue
        weights = weights_of(harness)
        for grader in harness.graders:
            series = _series(suite, harness, grader)
            if grader.threshold is not None:
                yield series
            elif weights:
                informational.append(series._replace(mark=None))
            else:
                pooled[series.name] = _pool(pooled.get(series.name), series)
        if weights:
            mark = suite.thresholds.get(OVERALL, 1.0)
            overall.append(_series(suite, harness, None)._replace(weights=weights, mark=mark))
    yield from (*pooled.values(), *overall, *informational)


def _series(suite: PlannedSuite, harness: PlannedHarness, grader: Grader | None) -> Series:
    mark = None
    if grader:
        mark = threshold_of(grader, suite) if grader.pass_at is None else grader.pass_at
    return Series(
        name=grader_name(grader) if grader else OVERALL,
        suite=suite.name,
        harness=harness.name,
        harnesses=[harness.name],
        mark=mark,
        pass_at=grader.pass_at if grader else None,
        weights=None,
        confidence_level=suite.statistics.confidence_level,
    )


def _pool(first: Series | None, second: Series) -> Series:
    before = first.harnesses if first else []
    return second._replace(harness=None, harnesses=[*before, *second.harnesses])


def _scores_of(series: Series, scores: ScoresByKey) -> Scores:
    columns = [_scores_in(series, harness, scores) for harness in series.harnesses]
    return np.concatenate(columns) if columns else np.empty(0)


def _scores_in(series: Series, harness: str, scores: ScoresByKey) -> Scores:
    by_grader = scores[series.suite, harness]
    if series.weights is None:
        return by_grader[series.name]
    total = sum(series.weights.values())
    weighted: Scores = sum(
        (weight / total * by_grader[grader] for grader, weight in series.weights.items()), np.zeros(1)
    )
    return weighted


def _counted(series: Series, scores: Scores) -> Scores:
    return scores if series.pass_at is None else (scores >= series.pass_at - TOLERANCE).astype(np.float64)


def _flips_of(series: Series, harness: str, mark: float, base: ScoresByKey, head: ScoresByKey) -> Iterator[Flip]:
    before, after = _scores_in(series, harness, base), _scores_in(series, harness, head)
    both = ~(np.isnan(before) | np.isnan(after))
    flipped = both & ((before >= mark - TOLERANCE) != (after >= mark - TOLERANCE))
    for place in np.flatnonzero(flipped):
        yield Flip(series, harness, int(place), float(before[place]), float(after[place]))
