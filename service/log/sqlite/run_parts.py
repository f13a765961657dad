"""A run's events, read to be folded: SQLite joins the bodies of a hundred into one row, and they are decoded at once.

A row of a result costs more than its columns: at each the reading thread lets go of the interpreter, and a server's
loop has it first.
"""

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from domain import codec
from domain.events import ExampleAnswered, Score
from domain.stretch import Stretch, alone
from service.log.row import COLUMNS, decoded
from service.log.rows import PAGE_BYTES, incomplete

PART = 100
"""So many events are joined, and live at once as Python's objects: the collector looks through them."""

FOLDED = 2_000
"""So many events are folded before others who read have their turn; who folds waits for the busy loop in between."""

LARGE_BYTES = 20_000
"""An event with a larger body is read by itself."""

APART, ANSWERED, SCORED = "012"

_PART = f"""
SELECT max(version), group_concat(kind, ''), max(position),
    CAST('[' || coalesce(group_concat(CASE kind WHEN {ANSWERED} THEN body END), '') || ']' AS BLOB),
    CAST('[' || coalesce(group_concat(CASE kind WHEN {SCORED} THEN body END), '') || ']' AS BLOB)
FROM (
    SELECT position, version, body, CASE
        WHEN length(body) > {LARGE_BYTES} THEN {APART}
        WHEN type = 'example_scored' THEN {SCORED}
        WHEN type = 'example_answered' THEN {ANSWERED}
        ELSE {APART}
    END AS kind
    FROM events WHERE run_id = ? AND version > ? AND version <= ? ORDER BY version LIMIT {PART}
)
"""
_ONE = f"SELECT {COLUMNS} FROM events WHERE run_id = ? AND version = ?"


class _Part(NamedTuple):
    """The next events of a run: each one's kind, a character; the highest position; the bodies of those not apart."""

    last: int
    kinds: str
    position: int
    answered: bytes
    scored: bytes


def fold_page(
    connection: sqlite3.Connection, run_id: str, after: int, up_to: int, take: Callable[[Stretch], None]
) -> int | None:
    """Hand the events of a run behind a version to `take`, as many as fill a page.

    Gives the version behind which more may follow, None where none do.
    """
    count = size = 0
    while count < FOLDED:
        part = _Part._make(connection.execute(_PART, (run_id, after, up_to)).fetchone())
        if not part.kinds:
            return None
        for stretch, stretch_bytes in _stretches(connection, run_id, after + 1, part):
            take(stretch)
            size += stretch_bytes
            if size >= PAGE_BYTES:
                return stretch.version + len(stretch.events) - 1
        if len(part.kinds) < PART:
            return None
        after, count = part.last, count + len(part.kinds)
    return after


def _stretches(connection: sqlite3.Connection, run_id: str, version: int, part: _Part) -> Iterator[tuple[Stretch, int]]:
    """Give the events by the stretch, with about how many bytes of bodies it has."""
    kinds = part.kinds
    answered, scored = (
        codec.decode_folded("example_answered", part.answered),
        codec.decode_folded("example_scored", part.scored),
    )
    found = (part.last - version + 1, len(answered), len(scored))
    if found != (len(kinds), kinds.count(ANSWERED), kinds.count(SCORED)):
        raise incomplete(run_id, version - 1, part.last)
    askings = {ANSWERED: iter(answered), SCORED: iter(scored)}
    mean_bytes = (len(part.answered) + len(part.scored)) // len(kinds)
    place = 0
    for number, some in enumerate(kinds.split(APART)):
        if number:
            row = connection.execute(_ONE, (run_id, version + place)).fetchone()
            yield alone(*decoded([row])), len(row[5])
            place += 1
        if some:
            end = place + len(some)
            stretch = Stretch(run_id, version + place, part.position, _in_order(some, askings))
            yield stretch, len(some) * mean_bytes
            place = end


def _in_order(kinds: str, askings: dict[str, Iterator[ExampleAnswered | Score]]) -> list[ExampleAnswered | Score]:
    if ANSWERED not in kinds:
        return list(islice(askings[SCORED], len(kinds)))
    return [next(askings[kind]) for kind in kinds]
