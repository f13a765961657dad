"""What the recorded examples of one harness add up to."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from math import isnan, nan

from domain.events import ExampleAnswered, Score, Usage
from domain.statistics import mean


class Tally:
    """Counts and scores of one harness's askings: `examples` of its `rows`, each `repeats` times.

    A score stands at `row * repeats + repeat`; NaN where there is none.
    """

    def __init__(self, examples: int, rows: int, repeats: int) -> None:
        self.examples = examples
        self.repeats = repeats
        self.recorded = 0
        self.passed = 0
        self.model_errors = 0
        self.grader_errors = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self._rows = rows
        self._erring = bytearray(rows)
        self._scores = defaultdict[str, "array[float]"](partial(_unscored, rows * repeats))

    def add(self, event: Score) -> None:
        """Take in one scored asking."""
        self.recorded += 1
        self.passed += event.passed
        if event.usage:
            self._add_tokens(event.usage)
        if event.error is not None or event.errors:
            self.model_errors += event.error is not None
            self.grader_errors += len(event.errors)
            self._erring[event.row] = 1
        place, scores = event.row * self.repeats + event.repeat, self._scores
        for grader, score in event.scores.items():
            scores[grader][place] = score

    def add_answer(self, event: ExampleAnswered) -> None:
        """Take in one answer that is not scored yet."""
        if event.usage:
            self._add_tokens(event.usage)

    @property
    def erring(self) -> int:
        """How many examples had any error."""
        return self._erring.count(1)

    def samples(self, grader: str) -> Iterator[list[float]]:
        """Give each example's scores of a grader, one for each graded repeat; examples without any are left out."""
        scores = self._scores.get(grader, array("d"))
        for first in range(0, len(scores), self.repeats):
            sample = [score for score in scores[first : first + self.repeats] if not isnan(score)]
            if sample:
                yield sample

    def scores(self, grader: str) -> Iterator[float]:
        """Give each graded example's score of a grader: the mean over its repeats."""
        if self.repeats == 1:
            return (score for score in self._scores.get(grader, ()) if not isnan(score))
        return map(mean, self.samples(grader))

    def by_row(self, grader: str) -> "array[float]":
        """Give each row's score of a grader, the mean over its repeats; NaN where there is none."""
        scores = self._scores[grader]
        if self.repeats == 1:
            return scores[:]
        samples = (scores[first : first + self.repeats] for first in range(0, len(scores), self.repeats))
        kept = ([score for score in sample if not isnan(score)] for sample in samples)
        return array("d", (mean(sample) if sample else nan for sample in kept))

    def askings(self) -> Iterator[list[dict[str, float]]]:
        """Give for each example with a score the scores by grader of each of its repeats."""
        for row in range(self._rows):
            places = range(row * self.repeats, (row + 1) * self.repeats)
            scores = [self._at(place) for place in places]
            if any(scores):
                yield scores

    def _at(self, place: int) -> dict[str, float]:
        return {grader: scores[place] for grader, scores in self._scores.items() if not isnan(scores[place])}

    def _add_tokens(self, usage: Usage) -> None:
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens


def _unscored(places: int) -> "array[float]":
    return array("d", [nan]) * places


Tallies = Mapping[tuple[str, str], Tally]
"""By suite and harness; a harness without examples in the run has none."""
