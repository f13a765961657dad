"""Rounds that alternate, so that what else the machine does falls on all sides alike."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def alternate(rounds: int, *sides: Callable[[], T]) -> list[tuple[T, ...]]:
    """Measure every side once a round, in turn from the first and from the last; gives each side's values."""
    taken: list[list[T]] = [[] for _ in sides]
    for number in range(rounds):
        for place in range(len(sides)) if number % 2 == 0 else reversed(range(len(sides))):
            taken[place].append(sides[place]())
    return [tuple(values) for values in taken]


def each(taken: Iterable[T], value: Callable[[T], float]) -> tuple[float, ...]:
    """One value of every round."""
    return tuple(map(value, taken))
