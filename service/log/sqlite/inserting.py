"""Puts the events of a group into a file's log, some with one statement.

For each statement, sqlite3 lets go of the interpreter and waits until it gets it back, 5 ms where others are busy: with
a statement an event, a group of 64 took 650 ms beside an event loop that never rests.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain

from service.log.row import Row

SIZES = (64, 32, 16, 8, 4, 2, 1)
"""How many rows a statement has: few different numbers, so that sqlite3 has each statement prepared already."""

MOST_BYTES = 1_000_000
"""Of bodies in a group: SQLite copies the rows of such a statement first, in a file where they are large."""

_ROW = "(?, ?, ?, ?, ?, ?, ?, ?)"
_INSERTS = {size: f"INSERT INTO events VALUES {', '.join([_ROW] * size)}" for size in SIZES}


def insert_events(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Insert rows in their order; sqlite3.Error."""
    for some in _portions(rows):
        connection.execute(_INSERTS[len(some)], tuple(chain.from_iterable(map(_as_bound, some))))


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    first = 0
    for size in SIZES if sum(len(row[5]) for row in rows) <= MOST_BYTES else (1,):
        while len(rows) - first >= size:
            yield rows[first : first + size]
            first += size


def _as_bound(row: Row) -> tuple[object, ...]:
    """Give a row as sqlite3 binds it at once: for `bytes` it looks for an adapter first, and finds none, each time."""
    position, run_id, version, name, at, body, leaf, link = row
    return position, run_id, version, name, at, bytearray(body), bytearray(leaf), bytearray(link)
