"""The statistics of paired scores, against scipy, by hand, and by what must hold for any scores."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats

from domain.compared import Paired
from domain.paired import bootstrap, compare_pairs, detectable, mcnemar, movers_needed

PAIRS = st.lists(st.tuples(*[st.sampled_from([0.0, 0.3, 1.0])] * 2), min_size=1, max_size=15)


def compare(base: ArrayLike, head: ArrayLike, level: float = 0.95) -> Paired:
    """Compare lists of scores."""
    return compare_pairs(np.array(base, dtype=float), np.array(head, dtype=float), level)


def flips(n: int, wins: int, losses: int) -> Paired:
    """Compare two runs of n examples scored 0 or 1, of which so many changed."""
    base = [0.0] * wins + [1.0] * losses + [1.0] * (n - wins - losses)
    head = [1.0] * wins + [0.0] * losses + [1.0] * (n - wins - losses)
    return compare(base, head)


@pytest.mark.parametrize("moved", [(0, 6), (3, 10), (10, 10), (286, 458), (49_000, 50_100), (0, 100_000), (1, 0)])
def test_mcnemar_is_the_exact_test_of_a_coin(moved: tuple[int, int]) -> None:
    """The p-value is scipy's binomial test's, to nine digits, up to 100,000 examples that moved."""
    oracle = stats.binomtest(min(moved), sum(moved)).pvalue
    assert mcnemar(*moved) == mcnemar(*reversed(moved)) == pytest.approx(oracle, rel=1e-9)


def test_mcnemar_by_hand() -> None:
    """One win and five losses: 2 * (1 + 6) / 2^6; of nothing that moved nothing follows."""
    assert mcnemar(1, 5) == pytest.approx(14 / 64)
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(
    ("n", "kind", "level"),
    [(20, "binary", 0.95), (1319, "binary", 0.95), (200, "any", 0.8), (200, "any", 0.99), (5001, "any", 0.95)],
)
def test_the_interval_is_the_percentile_bootstraps(n: int, kind: str, level: float) -> None:
    """Both bounds are scipy's, within four standard errors of a quantile of 10,000, whichever way they are drawn."""
    random = np.random.default_rng(20261122)
    moved = random.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.6, 0.3]) if kind == "binary" else random.normal(0.02, 0.2, n)
    oracle = stats.bootstrap((moved,), np.mean, confidence_level=level, method="percentile", rng=random, batch=500)
    bounds, tail = oracle.confidence_interval, (1 - level) / 2
    error = sqrt(2 * tail * (1 - tail) / 10_000) / stats.norm.pdf(stats.norm.ppf(tail)) * moved.std() / sqrt(n)
    grain = 1 / n if kind == "binary" else 0.0
    assert bootstrap(moved, level) == pytest.approx((bounds.low, bounds.high), abs=4 * error + grain)


def test_an_interval_by_ranges_keeps_the_spread_within_them() -> None:
    """One example far away makes all others fall into one range of 256: the interval is still that of their spread.

    5,999 normal differences of 0.001 and one of 1: the standard error is sqrt(5999 * 1e-6 + 1) / 6000, and the one is
    in a resample 0, 1, 2, ... times; the bounds at 0.8 are those of 0 and 2 times.
    """
    random = np.random.default_rng(20261122)
    moved = np.append(0.001 * random.standard_normal(5999), 1.0)
    lower, upper = bootstrap(moved, 0.8)
    assert lower == pytest.approx(moved[:-1].mean(), abs=3e-5)
    assert upper == pytest.approx(moved[:-1].mean() + 2 / 6000, abs=3e-5)


def test_the_detectable_difference_by_hand() -> None:
    """Four differences of 0.1 and four of -0.1: s = 0.1 * sqrt(8 / 7), (1.95996 + 0.84162) * s / sqrt(8) = 0.10589."""
    assert detectable(np.array([0.1, -0.1] * 4), 0.95) == pytest.approx(0.10589, abs=5e-6)


def test_a_difference_of_the_detectable_size_is_found_four_times_in_five() -> None:
    """Of 400 draws of 500 normal differences with that mean, 80 % are found; three standard errors are allowed."""
    random = np.random.default_rng(20261122)
    spread = random.normal(0.0, 0.2, 500)
    size = detectable(spread, 0.95)
    assert size is not None
    draws = random.normal(size, spread.std(ddof=1), (400, 500))
    found = sum(
        mean - 1.959964 * deviation > 0 for mean, deviation in zip(draws.mean(1), draws.std(1) / sqrt(500), strict=True)
    )
    assert found / 400 == pytest.approx(0.8, abs=3 * sqrt(0.8 * 0.2 / 400))


def test_a_comparison_by_hand() -> None:
    """Ten examples: 0.4 before, 0.5 after, two wins, one loss; three that moved are no evidence of anything."""
    paired = compare([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 1, 1, 0, 0, 0, 0])
    assert (paired.n, paired.wins, paired.losses, paired.ties) == (10, 2, 1, 7)
    assert (paired.base_mean, paired.head_mean, paired.difference) == pytest.approx((0.4, 0.5, 0.1))
    assert paired.p_value == 1.0
    assert paired.word == "no evidence"
    # The variance of nine tenths of 0, 1, 1, -1: (3 - 10 * 0.01) / 9
    assert paired.detectable == pytest.approx(2.80158 * sqrt(2.9 / 9 / 10), abs=5e-6)


@pytest.mark.parametrize(
    ("n", "wins", "losses", "word"),
    [
        (100, 30, 5, "better"),
        (100, 5, 30, "worse"),
        (100, 15, 15, "no evidence"),
        (1000, 0, 5, "no evidence"),
        (1000, 0, 6, "worse"),
        (6, 6, 0, "better"),
        (5, 5, 0, "no evidence"),
        (1, 1, 0, "no evidence"),
        (50, 0, 0, "no evidence"),
    ],
)
def test_the_word(n: int, wins: int, losses: int, word: str) -> None:
    """The interval decides, where at least six examples moved: five all one way come by chance once in sixteen."""
    assert flips(n, wins, losses).word == word


def test_how_many_must_move() -> None:
    """The first k with 2^(1-k) <= 1 - level: 1/16 <= 0.1, 1/32 <= 0.05, 1/128 <= 0.01."""
    assert [movers_needed(level) for level in (0.5, 0.9, 0.95, 0.99)] == [2, 5, 6, 8]
    assert movers_needed(1 - 2**-53) < 60


def test_nothing_to_compare() -> None:
    """No numbers, and no evidence."""
    paired = compare([], [])
    assert (paired.n, paired.word) == (0, "no evidence")
    assert {paired.base_mean, paired.difference, paired.ci_lower, paired.p_value, paired.detectable} == {None}


def test_scores_between_0_and_1_have_no_mcnemar() -> None:
    """The test is of coins; seven examples that all gain the same are better for sure, by exactly that."""
    paired = compare([0.25] * 7, [0.5] * 7)
    assert paired.p_value is None
    assert (paired.ci_lower, paired.difference, paired.ci_upper, paired.word) == (0.25, 0.25, 0.25, "better")
    assert paired.detectable is None


def test_the_dust_of_floats_is_no_difference() -> None:
    """0.1 + 0.2 is 0.30000000000000004."""
    paired = compare([0.3] * 10, [0.1 + 0.2] * 10)
    assert (paired.ties, paired.difference, paired.word) == (10, 0.0, "no evidence")


@settings(max_examples=25, deadline=None)
@given(pairs=PAIRS)
def test_a_run_compared_with_itself(pairs: list[tuple[float, float]]) -> None:
    """The difference is 0, and its interval."""
    scores = [base for base, _ in pairs]
    paired = compare(scores, scores)
    assert (paired.ci_lower, paired.difference, paired.ci_upper) == (0.0, 0.0, 0.0)
    assert (paired.wins, paired.losses, paired.word) == (0, 0, "no evidence")


@settings(max_examples=25, deadline=None)
@given(pairs=PAIRS)
def test_swapped_runs_give_the_mirror_image(pairs: list[tuple[float, float]]) -> None:
    """Wins are losses, better is worse, the interval is its negative, to the last bit."""
    base, head = zip(*pairs, strict=True)
    one, other = compare(base, head), compare(head, base)
    assert (one.wins, one.losses, one.p_value) == (other.losses, other.wins, other.p_value)
    assert (one.ci_lower, one.ci_upper) == (-(other.ci_upper or 0.0), -(other.ci_lower or 0.0))
    assert one.difference == -(other.difference or 0.0)
    assert {"better": "worse", "worse": "better"}.get(one.word, one.word) == other.word


@settings(max_examples=25, deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_the_order_of_the_examples_does_not_matter(pairs: list[tuple[float, float]], data: st.DataObject) -> None:
    """Nor does asking twice: the same pairs in any order give the same, to the last bit but for the detectable."""
    shuffled = data.draw(st.permutations(pairs))
    one, other = (compare([base for base, _ in some], [head for _, head in some]) for some in (pairs, shuffled))
    assert one.detectable == pytest.approx(other.detectable)
    fields = [name for name in Paired.__struct_fields__ if name != "detectable"]
    assert [getattr(one, name) for name in fields] == [getattr(other, name) for name in fields]


def test_scores_of_many_values_keep_their_order_of_drawing() -> None:
    """Also where every resample is drawn example by example, or range by range."""
    random = np.random.default_rng(20261122)
    for n in (1000, 6000):
        moved = random.normal(0.01, 0.3, n)
        interval = bootstrap(moved, 0.95)
        assert bootstrap(random.permutation(moved), 0.95) == interval
        assert bootstrap(-moved, 0.95) == (-interval.upper, -interval.lower)
