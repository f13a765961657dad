"""The scores that one row is made of, and how many of an example's tries pass."""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from domain.marks import weighted_scores
from domain.repeats import Tries
from domain.statistics import mean, reaches
from domain.tally import Tally


class Pooled(NamedTuple):
    """One grader's scores in all of some harnesses or, with weights, the weighted mean of all graders.

    They are gathered from the tallies when they are asked for: a million take 8 MB then, and nothing before.
    """

    tallies: Sequence[Tally]
    grader: str
    weights: Mapping[str, float] | None = None

    def scores(self) -> "array[float]":
        """Give each graded example's score: the mean over its repeats."""
        return array("d", chain.from_iterable(map(self._scores_of, self.tallies)))

    def tries(self, mark: float) -> Counter[Tries]:
        """Count how many of each example's repeats pass, from the mark on; an example asked once is no repeat."""
        repeated = (tally for tally in self.tallies if tally.repeats > 1)
        samples = chain.from_iterable(map(self._samples_of, repeated))
        return Counter(Tries(len(sample), sum(reaches(score, mark) for score in sample)) for sample in samples)

    def _scores_of(self, tally: Tally) -> Iterator[float]:
        return tally.scores(self.grader) if self.weights is None else map(mean, self._samples_of(tally))

    def _samples_of(self, tally: Tally) -> Iterator[list[float]]:
        if self.weights is None:
            return tally.samples(self.grader)
        weighted = (weighted_scores(self.weights, askings) for askings in tally.askings())
        return (sample for sample in weighted if sample)
