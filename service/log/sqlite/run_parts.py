"""A run's events, read to be folded: SQLite joins the bodies of a hundred into one row, and they are decoded at once.

A row of a result costs more than its columns: at each the reading thread lets go of the interpreter, and a server's
loop has it first.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from domain import codec
from domain.events import ExampleAnswered, Score
from domain.stretch import Stretch, alone
from service.log.row import COLUMNS, decoded
from service.log.rows import PAGE_BYTES, Span, incomplete

PART = 100
"""So many events are joined, and live at once as Python's objects: the collector looks through them."""

PARTS = 20
"""So many parts are folded before others who read have their turn; who folds waits for the busy loop in between."""

LARGE_BYTES = 20_000
"""An event with a larger body is read by itself."""

APART, ANSWERED, SCORED = "012"

_PART = f"""
SELECT coalesce(max(version), 0), coalesce(group_concat(kind, ''), ''), max(position),
    CAST('[' || coalesce(group_concat(CASE kind WHEN {ANSWERED} THEN body END), '') || ']' AS BLOB),
    CAST('[' || coalesce(group_concat(CASE kind WHEN {SCORED} THEN body END), '') || ']' AS BLOB),
    count(*) = ?4
FROM (
    SELECT position, version, body, CASE
        WHEN length(body) > ?5 THEN {APART}
        WHEN type = 'example_scored' THEN {SCORED}
        WHEN type = 'example_answered' THEN {ANSWERED}
        ELSE {APART}
    END AS kind
    FROM events WHERE run_id = ?1 AND version > ?2 AND version <= ?3 ORDER BY version LIMIT ?4
)
"""
# In order without a word: whether SQLite goes by the key (run_id, version) or by position, versions rise.
_SCORES = """
SELECT coalesce(max(version), 0), count(*), max(position), CAST('[' || group_concat(body) || ']' AS BLOB)
FROM events
WHERE run_id = ? AND version > ? AND version <= ? AND type = 'example_scored' AND length(body) <= ?
"""
_ONE = f"SELECT {COLUMNS} FROM events WHERE run_id = ? AND version = ?"


class _Part(NamedTuple):
    """The next events of a span: each one's kind, a character; the highest position; the bodies of those not apart.

    `last` is the last one's version; `more` tells whether any may follow.
    """

    last: int
    kinds: str
    position: int
    answered: bytes
    scored: bytes
    more: int


def fold_page(connection: sqlite3.Connection, spans: deque[Span], take: Callable[[Stretch], None]) -> None:
    """Hand the events of spans to `take`, as many as fill a page, and leave of the spans what is to come."""
    room, part = PAGE_BYTES, None
    with connection:
        connection.execute("BEGIN")
        for _ in range(PARTS):
            if not spans or room <= 0:
                return
            span = spans.popleft()
            part = _read_part(connection, span, part)
            after = span.after
            for stretch, size in _stretches(connection, span, part):
                take(stretch)
                after, room = after + len(stretch.events), room - size
                if room <= 0:
                    break
            if part.more or after < part.last:
                spans.appendleft(span._replace(after=after))


def _read_part(connection: sqlite3.Connection, span: Span, before: _Part | None) -> _Part:
    """Read the next events of a span as scores, in a third less time, where those before let expect nothing else."""
    if span.after and (before is None or (before.more and ANSWERED not in before.kinds)):
        up_to = min(span.up_to, span.after + PART)
        scores = connection.execute(_SCORES, (span.run_id, span.after, up_to, LARGE_BYTES))
        last, count, position, scored = scores.fetchone()
        if count == last - span.after:
            return _Part(last, SCORED * count, position, b"[]", scored, more=True)
    return _Part._make(connection.execute(_PART, (*span, PART, LARGE_BYTES)).fetchone())


def _stretches(connection: sqlite3.Connection, span: Span, part: _Part) -> Iterator[tuple[Stretch, int]]:
    """Give a part's events by the stretch, with about how many bytes of bodies it has."""
    run_id, version, kinds = span.run_id, span.after + 1, part.kinds
    if not kinds:
        return
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
