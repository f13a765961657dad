"""The statistics of a row: mean, Wilson score interval, pass rate."""

from collections.abc import Sequence
from math import fsum, sqrt
from statistics import NormalDist
from typing import NamedTuple

TOLERANCE = 1e-9
"""Slack of every comparison with a threshold, so that decimals mean what they say."""


class Interval(NamedTuple):
    """A confidence interval, clipped to 0-1."""

    lower: float
    upper: float


def mean(scores: Sequence[float]) -> float:
    """Average scores, exactly rounded: their order never matters. There must be one at least."""
    return fsum(scores) / len(scores)


def reaches(score: float, threshold: float) -> bool:
    """Tell whether a score is at or above a threshold, within TOLERANCE."""
    return score >= threshold - TOLERANCE


def pass_rate(scores: Sequence[float], threshold: float) -> float:
    """The share of scores that reach a threshold."""
    return sum(reaches(score, threshold) for score in scores) / len(scores)


def wilson(share: float, n: int, confidence_level: float) -> Interval:
    """The Wilson score interval of a share among n (E. B. Wilson, JASA 22, 1927).

    For means of scores between 0 and 1 it is conservative: no variable on [0, 1] with mean p varies more than a
    coin with probability p.
    """
    z = -NormalDist().inv_cdf((1 - confidence_level) / 2)
    half = z * z / (2 * n)
    center = share + half
    margin = sqrt(z * z * share * (1 - share) / n + half * half)
    scale = 1 + 2 * half
    # The interval holds the share, also where rounding says otherwise.
    return Interval(max(0.0, min(share, (center - margin) / scale)), min(1.0, max(share, (center + margin) / scale)))
