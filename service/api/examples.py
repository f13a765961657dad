"""A result with its examples, as `/openapi.json` tells it. Their entries are joined from stored bytes
(`projections/entries.py`); these types describe them and are never made.
"""

import msgspec
from msgspec import UNSET, UnsetType

from domain.events import Usage
from service.api.documents import RunDocument


class RepeatDocument(msgspec.Struct):
    """One asking of an example that is asked several times."""

    output: str | None
    scores: dict[str, float]
    passed: bool
    latency_ms: float
    attempts: int
    usage: Usage | UnsetType = UNSET
    error: str | UnsetType = UNSET
    errors: dict[str, str] | UnsetType = UNSET
    details: dict[str, object] | UnsetType = UNSET
    secrets: list[str] | UnsetType = UNSET


class ExampleDocument(msgspec.Struct):
    """An example. Where it is asked several times, what belongs to one asking stands in `repeats`."""

    id: str
    input: str
    expected: str
    output: str | None
    scores: dict[str, float]
    passed: bool
    tags: list[str]
    suite: str
    harness: str
    latency_ms: float | UnsetType = UNSET
    attempts: int | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    metadata: dict[str, object] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    errors: dict[str, str] | UnsetType = UNSET
    details: dict[str, object] | UnsetType = UNSET
    secrets: list[str] | UnsetType = UNSET
    repeats: list[RepeatDocument] | UnsetType = UNSET


class ExamplesDocument(msgspec.Struct):
    """A page of examples; with `next` there may be more. `places` are cursors, one for each example."""

    examples: list[ExampleDocument]
    places: list[str]
    next: str | UnsetType = UNSET


class ResultDocument(RunDocument):
    """A run; `examples` are there once it is over."""

    examples: list[ExampleDocument] | UnsetType = UNSET
