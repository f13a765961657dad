"""Two runs compared: one row for each grader, as the head's verdict has them, and one for the examples that passed."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from domain.compared import ComparedRow, Paired, Word
from domain.grader_spec import Grader, grader_name
from domain.marks import weights_of
from domain.paired import Scores, compare_pairs
from domain.pairing import Matched, Recorded, match
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

    def within(self, keys: Container[Key]) -> Self:
        """Leave out the harnesses that are not among these."""
        return self._replace(harnesses=[name for name in self.harnesses if (self.suite, name) in keys])

    def columns(self) -> Iterator[tuple[Key, str]]:
        """Give the scores that it needs, by harness and grader."""
        for harness in self.harnesses:
            for grader in self.weights or [self.name]:
                yield (self.suite, harness), grader


class Flip(NamedTuple):
    """An example that reaches a grader's mark in one run only; `place` is its turn among the shared of its harness."""

    series: Series
    harness: str
    place: int
    base_score: float
    head_score: float


class Compared(NamedTuple):
    """Two runs compared: `overall` is about the examples that passed, element i of `flips` belongs to the row i."""

    matched: Mapping[Key, Matched]
    rows: list[ComparedRow]
    overall: Paired
    flips: list[list[Flip]]

    @property
    def word(self) -> Word:
        """What the rows that decide and `overall` say: worse where one is, better where one is and none worse."""
        words = {self.overall.word, *(row.word for row in self.rows if row.decides)}
        if "worse" in words:
            return "worse"
        return "better" if "better" in words else "no evidence"


def compare_runs(base: Mapping[Key, Recorded], head: Mapping[Key, Recorded], series: Sequence[Series]) -> Compared:
    """Compare two runs by the head's rows. Takes seconds for 100,000 examples."""
    nothing = Recorded()
    keys = dict.fromkeys([*head, *base])
    matched = {key: match(base.get(key, nothing), head.get(key, nothing)) for key in keys}
    series = [one.within(keys) for one in series]
    before: dict[Key, dict[str, Scores]] = {key: {} for key in keys}
    after: dict[Key, dict[str, Scores]] = {key: {} for key in keys}
    for one in series:
        for key, grader in one.columns():
            before[key][grader], after[key][grader] = matched[key].scores(grader)
    flips = [list(find_flips(one, before, after)) for one in series]
    passed = [one.passed() for one in matched.values()]
    level = max((one.confidence_level for one in series), default=0.95)
    return Compared(
        matched,
        [compare_series(one, before, after, len(own)) for one, own in zip(series, flips, strict=True)],
        compare_pairs(_joined(was for was, _ in passed), _joined(now for _, now in passed), level),
        flips,
    )


def series_of_plan(plan: Plan, keys: Sequence[Key]) -> list[Series]:
    """Give the rows in the order of the verdict, those that don't decide last in each suite, over these harnesses."""
    return [series for suite in plan.suites for series in _series_of_suite(suite, frozenset(keys))]


def compare_series(series: Series, base: ScoresByKey, head: ScoresByKey, flips: int = 0) -> ComparedRow:
    """Compare one row, of which so many flips were found."""
    before, after = _scores_of(series, base), _scores_of(series, head)
    both = ~(np.isnan(before) | np.isnan(after))
    paired = compare_pairs(_counted(series, before[both]), _counted(series, after[both]), series.confidence_level)
    return ComparedRow(
        name=series.name,
        suite=series.suite,
        harness=series.harness,
        decides=series.decides,
        missing=int((~both).sum()),
        flips=flips,
        **{name: getattr(paired, name) for name in Paired.__struct_fields__},
    )


def find_flips(series: Series, base: ScoresByKey, head: ScoresByKey) -> Iterator[Flip]:
    """Give the examples that flipped: first those that got worse, each in the head's order."""
    if series.mark is None:
        return
    flips = [flip for harness in series.harnesses for flip in _flips_of(series, harness, series.mark, base, head)]
    yield from (flip for flip in flips if flip.head_score < flip.base_score)
    yield from (flip for flip in flips if flip.head_score > flip.base_score)


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
    return _joined(_scores_in(series, harness, scores) for harness in series.harnesses)


def _joined(columns: Iterable[Scores]) -> Scores:
    return np.concatenate([np.empty(0), *columns])


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
