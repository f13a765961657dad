"""An event as it is stored: a row of eight columns."""

from collections.abc import Sequence
from typing import NamedTuple

from domain import codec
from domain.events import Recorded

COLUMNS = "position, run_id, version, type, at, body, leaf, hash"

Row = tuple[int, str, int, str, str, bytes, bytes, bytes]
"""The columns of an event; what is folded at once needs no names for them."""


class StoredEvent(NamedTuple):
    """An event as it is stored, column for column; `leaf` and `hash` have 32 bytes."""

    position: int
    run_id: str
    version: int
    type: str
    at: str
    body: bytes
    leaf: bytes
    hash: bytes


def decoded(rows: Sequence[Row]) -> list[Recorded]:
    """Decode what is stored; LogUnreadable for an event that can't be read."""
    return [
        Recorded(position, run_id, version, at, codec.decode(name, body), link)
        for position, run_id, version, name, at, body, _, link in rows
    ]
