"""The statistics of a row, against scipy and by hand."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from domain.statistics import mean, pass_rate, reaches, wilson

LEVELS = [0.01, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.999999]
SHARES = st.floats(0, 1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 37, 120, 1319])
def test_the_interval_is_wilsons(n: int, level: float) -> None:
    """For k successes of n both bounds are those of scipy."""
    for k in {0, 1, n // 3, n // 2, n - 1, n}:
        oracle = binomtest(k, n).proportion_ci(level, method="wilson")
        assert wilson(k / n, n, level) == pytest.approx((oracle.low, oracle.high), abs=1e-10)


def test_the_interval_of_seven_in_ten() -> None:
    """(0.7 + z²/20 ± z sqrt(0.021 + z²/400)) / (1 + z²/10) with z = 1.95996, worked out by hand."""
    assert wilson(0.7, 10, 0.95) == pytest.approx((0.39678, 0.89221), abs=5e-6)


def test_no_success_has_a_lower_bound_of_exactly_0_and_only_successes_an_upper_one_of_1() -> None:
    """With z² = 3.8415: 0 of 10 reaches up to z² / (10 + z²) = 0.27753, and 10 of 10 down to 1 - 0.27753."""
    none, only = wilson(0.0, 10, 0.95), wilson(1.0, 10, 0.95)
    assert none.lower == 0.0
    assert none.upper == pytest.approx(0.27753, abs=5e-6)
    assert only.lower == pytest.approx(0.72247, abs=5e-6)
    assert only.upper == pytest.approx(1.0, abs=1e-12)


@settings(deadline=None)
@given(share=SHARES, n=st.integers(1, 10**9), level=st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_an_interval_lies_in_0_to_1_around_the_score(share: float, n: int, level: float) -> None:
    """At every level that a config may name, however near to 0 or 1."""
    lower, upper = wilson(share, n, level)
    assert 0.0 <= lower <= share <= upper <= 1.0


def test_the_highest_level_below_1_has_an_interval() -> None:
    """1 - 2^-53, the last number before 1, is allowed in a config."""
    lower, upper = wilson(0.5, 100, 1 - 2**-53)
    assert 0.0 < lower < 0.2
    assert 0.8 < upper < 1.0


@settings(deadline=None)
@given(share=SHARES, n=st.integers(1, 10**6))
def test_more_examples_and_less_confidence_narrow_the_interval(share: float, n: int) -> None:
    """The width falls with n and rises with the level."""
    narrow, wide, unsure = wilson(share, 4 * n, 0.95), wilson(share, n, 0.95), wilson(share, n, 0.5)
    assert narrow.upper - narrow.lower <= wide.upper - wide.lower
    assert unsure.upper - unsure.lower <= wide.upper - wide.lower


@given(st.lists(SHARES, min_size=1, max_size=50), st.randoms())
def test_the_order_of_scores_never_changes_their_mean(scores: list[float], chance: random.Random) -> None:
    """Not even in the last digit."""
    shuffled = scores.copy()
    chance.shuffle(shuffled)
    assert mean(shuffled) == mean(scores)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.1] * 10, 0.1),
        ([1.0] * 7 + [0.0] * 3, 0.7),
        ([1.0, 1e-16, 0.0, 1e-16], 0.25 + 2**-54),  # the two small ones count together, alone they would be lost
        ([0.3], 0.3),
    ],
)
def test_a_mean_is_exact(scores: list[float], expected: float) -> None:
    """The sum is rounded once, at its end: ten times 0.1 is 1."""
    assert mean(scores) == expected


@pytest.mark.parametrize(
    ("score", "threshold", "is_reached"),
    [
        (0.7, 0.7, True),
        (0.1 + 0.2, 0.3, True),
        (0.3, 0.1 + 0.2, True),  # 0.30000000000000004
        (mean([1.0] * 6 + [0.0] * 4), 0.6, True),
        (1 - 0.9, 0.1, True),  # 0.09999999999999998
        (0.7 - 0.9e-9, 0.7, True),
        (0.7 - 1.1e-9, 0.7, False),
        (0.6999, 0.7, False),
        (0.0, 0.0, True),
        (1.0, 1.0, True),
        (0.0, 1.0, False),
    ],
)
def test_a_threshold_allows_a_billionth(score: float, threshold: float, is_reached: bool) -> None:
    """Decimals mean what they say, and nothing more is given away."""
    assert reaches(score, threshold) == is_reached


@pytest.mark.parametrize(
    ("scores", "threshold", "share"),
    [
        ([0.5, 0.7, 0.9], 0.7, 2 / 3),
        ([0.1 + 0.2, 0.3, 0.29], 0.3, 2 / 3),
        ([0.3, 0.2], 0.1 + 0.2, 0.5),
        ([0.0], 0.0, 1.0),
        ([0.9, 0.8], 1.0, 0.0),
    ],
)
def test_the_pass_rate_is_the_share_of_scores_that_reach_the_threshold(
    scores: list[float], threshold: float, share: float
) -> None:
    """With the same billionth of slack."""
    assert pass_rate(scores, threshold) == share
