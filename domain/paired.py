"""The statistics of paired scores: two runs over the same examples, each example its own control."""

from math import exp, fsum, lgamma, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from domain.compared import Paired, Word
from domain.statistics import TOLERANCE, Interval

RESAMPLES = 10_000
POWER = 0.8
SEED = 1979
"""Of the resamples: the same pairs give the same interval for ever. B. Efron published the bootstrap in 1979."""

VALUES = 256
"""Up to so many different values, a resample is drawn as how often it holds each of them."""

DRAWN = 5_000
"""Above so many pairs with more values than that, a resample is drawn as how many fall into each of VALUES ranges."""

_BLOCK = 1_000_000

Scores = NDArray[np.float64]


def compare_pairs(base: Scores, head: Scores, confidence_level: float) -> Paired:
    """Compare the scores of two runs, example by example: element i of both is about the same one.

    The interval is that of the difference of the means, and decides the word. It takes so many examples that moved as
    could tell anything (see `movers_needed`). A difference within TOLERANCE is none.
    """
    n = len(base)
    if n == 0:
        return Paired(n=0, confidence_level=confidence_level, wins=0, losses=0, ties=0, word="no evidence")
    moved = head - base
    moved[np.abs(moved) <= TOLERANCE] = 0.0
    wins, losses = int((moved > 0).sum()), int((moved < 0).sum())
    interval = bootstrap(moved, confidence_level)
    enough = wins + losses >= movers_needed(confidence_level)
    binary = bool(np.isin(base, (0.0, 1.0)).all() and np.isin(head, (0.0, 1.0)).all())
    return Paired(
        n=n,
        base_mean=fsum(base) / n,
        head_mean=fsum(head) / n,
        difference=fsum(moved) / n,
        ci_lower=interval.lower,
        ci_upper=interval.upper,
        confidence_level=confidence_level,
        p_value=mcnemar(wins, losses) if binary else None,
        wins=wins,
        losses=losses,
        ties=n - wins - losses,
        detectable=detectable(moved, confidence_level),
        word=_word(interval) if enough else "no evidence",
    )


def bootstrap(moved: Scores, confidence_level: float) -> Interval:
    """Give the percentile interval of the mean of paired differences, over RESAMPLES resamples.

    B. Efron, R. Tibshirani, An introduction to the bootstrap, 1993, chapter 13. Their corrected interval (BCa) is not
    used: where few examples moved, and most to one side, it leaves 0 behind sooner than an exact test would.
    The order of the differences does not matter, and with all signs turned the interval is its own mirror image.
    """
    values, mirrored = _oriented(np.sort(moved))
    means = _resampled_means(values)
    tail = (1 - confidence_level) / 2
    lower, upper = map(float, np.quantile(means, [tail, 1 - tail]))
    mean = fsum(values) / len(values)
    lower, upper = min(lower, mean), max(upper, mean)
    return Interval(-upper, -lower) if mirrored else Interval(lower, upper)


def mcnemar(wins: int, losses: int) -> float:
    """Give the p-value of McNemar's exact test, two-sided: a fair coin thrown for each example that moved.

    Q. McNemar, Psychometrika 12, 1947; twice the smaller tail of the binomial distribution, at most 1.
    """
    thrown, fewer = wins + losses, min(wins, losses)
    if 2 * fewer >= thrown:
        return 1.0
    share = total = 1.0
    for k in range(fewer, 0, -1):  # each term of the tail as a share of the largest
        share *= k / (thrown - k + 1)
        total += share
        if share < 1e-17 * total:
            break
    largest = lgamma(thrown + 1) - lgamma(fewer + 1) - lgamma(thrown - fewer + 1) - thrown * log(2)
    return min(1.0, 2 * exp(largest) * total)


def detectable(moved: Scores, confidence_level: float) -> float | None:
    """Give the smallest true difference that as many examples, spread alike, show with a chance of POWER.

    (z of 1 - a/2 + z of POWER) * s / sqrt(n), a = 1 - confidence_level, s the standard deviation of the differences:
    E. Miller, Adding error bars to evals, arXiv 2411.00640, section 5, without resampled answers.
    """
    n = len(moved)
    spread = float(np.std(moved, ddof=1)) if n > 1 else 0.0
    normal = NormalDist()
    found = (normal.inv_cdf(POWER) - normal.inv_cdf((1 - confidence_level) / 2)) * spread / sqrt(n)
    return found if TOLERANCE < found <= 1 else None


def movers_needed(confidence_level: float) -> int:
    """Give how many examples must move before they can tell anything: 6 at 0.95.

    Fewer would all go the same way by chance more often than 1 - confidence_level (the sign test); a bootstrap of so
    few, or of some that moved by the same, does not know that.
    """
    needed = 1
    while 2.0 ** (1 - needed) > 1 - confidence_level + TOLERANCE:
        needed += 1
    return needed


def _word(interval: Interval) -> Word:
    if interval.lower > TOLERANCE:
        return "better"
    return "worse" if interval.upper < -TOLERANCE else "no evidence"


def _oriented(values: Scores) -> tuple[Scores, bool]:
    """Give sorted values, or their mirror image: of the two always the same one, and whether it is the image."""
    image = -values[::-1]
    differing = np.flatnonzero(values != image)
    mirrored = bool(len(differing)) and bool(values[differing[0]] < image[differing[0]])
    return (image, True) if mirrored else (values, False)


def _resampled_means(values: Scores) -> Scores:
    random = np.random.Generator(np.random.PCG64(SEED))
    different = np.unique(values)
    if len(different) > VALUES and len(values) <= DRAWN:
        return _drawn_means(values, random)
    return _counted_means(values, different, random)


def _drawn_means(values: Scores, random: np.random.Generator) -> Scores:
    """Draw every example of every resample, as many at once as _BLOCK allows."""
    n = len(values)
    rows = max(1, _BLOCK // n)
    sizes = [min(rows, RESAMPLES - first) for first in range(0, RESAMPLES, rows)]
    return np.concatenate([values[random.integers(0, n, size=(size, n))].mean(axis=1) for size in sizes])


def _counted_means(values: Scores, different: Scores, random: np.random.Generator) -> Scores:
    """Draw how many examples of each resample fall into each group of values.

    A group is one value, or one of VALUES ranges of equal width. Within a range the sum of the drawn is taken as
    normally distributed, with the range's own mean and variance: nothing is lost but the shape within it.
    """
    n = len(values)
    edges = different if len(different) <= VALUES else np.linspace(different[0], different[-1], VALUES + 1)[:-1]
    group = np.searchsorted(edges, values, side="right") - 1
    sizes = np.bincount(group, minlength=len(edges))
    filled = sizes > 0
    means = np.bincount(group, values, len(edges))[filled] / sizes[filled]
    variances = np.bincount(group, values**2, len(edges))[filled] / sizes[filled] - means**2
    counts = random.multinomial(n, sizes[filled] / n, size=RESAMPLES)
    sums: Scores = counts @ means
    if len(different) > VALUES:
        sums += random.standard_normal(RESAMPLES) * np.sqrt(counts @ np.maximum(variances, 0.0))
    return sums / n
