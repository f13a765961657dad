"""A comparison of two runs as `GET /compare` gives it: `docs/api.md`."""

import msgspec
from msgspec import UNSET, UnsetType

from domain.compared import ComparedRow, Paired, Word
from domain.events import Status, Verdict


class ComparedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two runs."""

    run_id: str
    status: Status
    suite: str | None
    suites: list[str] | UnsetType = UNSET
    started_at: str
    verdict: Verdict | UnsetType = UNSET
    error: str | UnsetType = UNSET


class NamedExample(msgspec.Struct, frozen=True):
    """Where an example is found."""

    suite: str
    harness: str
    id: str


class LeftOut(msgspec.Struct, frozen=True):
    """Examples that are not compared; `total` counts them, `examples` names the first."""

    total: int
    examples: list[NamedExample]


class AllLeftOut(msgspec.Struct, frozen=True):
    """By reason: they ask something else, one run has no score of them, only one run has them."""

    changed: LeftOut
    ungraded: LeftOut
    base_only: LeftOut
    head_only: LeftOut


class FlipDocument(msgspec.Struct, frozen=True):
    """An example that reaches a grader's mark in one run only."""

    suite: str
    harness: str
    id: str
    grader: str
    base_score: float
    head_score: float
    input: str
    expected: str
    base_output: str | None
    head_output: str | None


class ComparisonDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs compared: `word` sums up the rows that decide and `overall`, the examples that passed."""

    base: ComparedRun
    head: ComparedRun
    word: Word
    differences: list[str]
    shared: int
    rows: list[ComparedRow]
    overall: Paired
    left_out: AllLeftOut
    flips_total: int
    flips: list[FlipDocument] | UnsetType = UNSET
