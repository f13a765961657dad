"""What asking every example several times tells: how often one try, or all of several, would pass."""

from collections.abc import Callable, Mapping
from itertools import chain, repeat
from math import comb, fsum
from typing import NamedTuple


class Agreement(NamedTuple):
    """Element k - 1 of the lists is about k tries; `disagree` is a share of the examples. None without repeats."""

    pass_at_k: list[float] | None
    pass_all_k: list[float] | None
    disagree: float | None


NO_REPEATS = Agreement(None, None, None)


class Tries(NamedTuple):
    """How many tries an example has, and how many of them pass."""

    made: int
    passed: int


def agreement(examples: Mapping[Tries, int]) -> Agreement:
    """Compare the repeats of examples, given how many examples there are with the same tries.

    An example that lost tries to errors counts only for as many as it has.
    """
    if not examples:
        return NO_REPEATS
    longest = max(tries.made for tries in examples)
    return Agreement(
        [_mean(pass_at_k, k, examples) for k in range(1, longest + 1)],
        [_mean(pass_all_k, k, examples) for k in range(1, longest + 1)],
        sum(n for tries, n in examples.items() if 0 < tries.passed < tries.made) / sum(examples.values()),
    )


def _mean(estimate: Callable[[int, int, int], float], k: int, examples: Mapping[Tries, int]) -> float:
    """Average an estimate over the examples that have k tries, exactly rounded."""
    enough = {tries: n for tries, n in examples.items() if tries.made >= k}
    estimates = chain.from_iterable(repeat(estimate(*tries, k), n) for tries, n in enough.items())
    return fsum(estimates) / sum(enough.values())


def pass_at_k(tries: int, passed: int, k: int) -> float:
    """Estimate without bias how likely at least one of k tries passes (Chen et al., arXiv 2107.03374)."""
    return 1 - comb(tries - passed, k) / comb(tries, k)


def pass_all_k(tries: int, passed: int, k: int) -> float:
    """Estimate without bias how likely all of k tries pass (Yao et al., arXiv 2406.12045)."""
    return comb(passed, k) / comb(tries, k)
