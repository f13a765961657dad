"""What a comparison of two runs says, row by row."""

from typing import Literal

import msgspec

Word = Literal["better", "worse", "no evidence"]


class Paired(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How `n` examples fared in two runs, `difference` being head less base. All but counts are absent for n = 0.

    `p_value` is there where every score is 0 or 1. `detectable` is absent where the examples tell nothing about it: all
    moved by the same, or not even a difference of 1 would have been found.
    """

    n: int
    base_mean: float | None = None
    head_mean: float | None = None
    difference: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    confidence_level: float
    p_value: float | None = None
    wins: int
    losses: int
    ties: int
    detectable: float | None = None
    word: Word


class ComparedRow(Paired, frozen=True, kw_only=True, omit_defaults=True):
    """One grader compared; `missing` counts the examples both graded that have no score of this one in a run.

    `flips` counts those that reach the grader's mark in one run only.
    """

    name: str
    suite: str
    harness: str | None
    decides: bool
    missing: int
    flips: int
