"""What asking every example several times tells: how often one try, or all of several, would pass."""

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

from domain.statistics import mean, reaches


class Agreement(NamedTuple):
    """Element k - 1 of the lists is about k tries; `disagree` is a share of the examples. None without repeats."""

    pass_at_k: list[float] | None
    pass_all_k: list[float] | None
    disagree: float | None


NO_REPEATS = Agreement(None, None, None)


class _Tries(NamedTuple):
    made: int
    passed: int


def agreement(samples: Sequence[Sequence[float]], mark: float) -> Agreement:
    """Compare the repeats of examples: each sample holds one example's scores, a try passes from the mark on.

    An example that lost tries to errors counts only for as many as it has.
    """
    tries = [_Tries(len(sample), sum(reaches(score, mark) for score in sample)) for sample in samples]
    enough = [[one for one in tries if one.made >= k] for k in range(1, max(one.made for one in tries) + 1)]
    return Agreement(
        [mean([pass_at_k(*one, k) for one in those]) for k, those in enumerate(enough, 1)],
        [mean([pass_all_k(*one, k) for one in those]) for k, those in enumerate(enough, 1)],
        mean([float(0 < one.passed < one.made) for one in tries]),
    )


def pass_at_k(tries: int, passed: int, k: int) -> float:
    """Estimate without bias how likely at least one of k tries passes (Chen et al., arXiv 2107.03374)."""
    return 1 - comb(tries - passed, k) / comb(tries, k)


def pass_all_k(tries: int, passed: int, k: int) -> float:
    """Estimate without bias how likely all of k tries pass (Yao et al., arXiv 2406.12045)."""
    return comb(passed, k) / comb(tries, k)
