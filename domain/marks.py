"""What decides whether one example is passed."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import NamedTuple

from domain.grader_spec import grader_name
from domain.plan import OVERALL, PlannedHarness, PlannedSuite, threshold_of
from domain.statistics import mean, reaches


class Marks(NamedTuple):
    """The mark of every grader of a harness; in a weighted one also the weights (sum 1) and the overall mark."""

    graders: dict[str, float]
    weights: dict[str, float] | None
    overall: float

    def passes(self, scores: Mapping[str, float]) -> bool:
        """Tell whether an example with these scores is passed; a missing score never is."""
        if self.weights is not None:
            score = weighted(self.weights, scores)
            return score is not None and reaches(score, self.overall)
        return all(name in scores and reaches(scores[name], mark) for name, mark in self.graders.items())

    def passes_repeated(self, askings: Sequence[Mapping[str, float]]) -> bool:
        """Tell whether an example with the scores of these repeats is passed: by the means over them."""
        if self.weights is not None:
            scores = weighted_scores(self.weights, askings)
            return bool(scores) and reaches(mean(scores), self.overall)
        return self.passes(mean_scores(askings))


def marks_of(suite: PlannedSuite, harness: PlannedHarness) -> Marks:
    """Give a harness's marks: a grader's `pass_at`, else its threshold."""
    marks = {
        grader_name(grader): threshold_of(grader, suite) if grader.pass_at is None else grader.pass_at
        for grader in harness.graders
    }
    return Marks(marks, weights_of(harness), suite.thresholds.get(OVERALL, 1.0))


def weights_of(harness: PlannedHarness) -> dict[str, float] | None:
    """Give a harness's weights, divided by their sum; None where it has none."""
    weights = {grader_name(grader): grader.weight for grader in harness.graders if grader.weight is not None}
    total = fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if weights else None


def weighted(weights: Mapping[str, float], scores: Mapping[str, float]) -> float | None:
    """The weighted mean of an example's scores; None where one is missing."""
    if not scores.keys() >= weights.keys():
        return None
    return fsum(weight * scores[name] for name, weight in weights.items()) / fsum(weights.values())


def weighted_scores(weights: Mapping[str, float], askings: Sequence[Mapping[str, float]]) -> list[float]:
    """The weighted mean of each repeat that has one."""
    return [score for scores in askings if (score := weighted(weights, scores)) is not None]


def mean_scores(askings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Give an example's score of each grader: the mean over the repeats that have one."""
    graders = dict.fromkeys(grader for scores in askings for grader in scores)
    return {grader: mean([scores[grader] for scores in askings if grader in scores]) for grader in graders}
