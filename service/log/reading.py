"""Reading an event log: short reads by position, on a connection that can't write.

Anyone may read at any time, beside those who write.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from domain import chain, codec
from domain.chain import Head
from domain.checkpoint import Found
from domain.errors import LogUnreadable
from domain.events import FORMAT, Event, LogCreated, Recorded
from domain.stretch import Stretch
from service.log.address import LogAddress
from service.log.row import COLUMNS, Row, StoredEvent, decoded
from service.log.rows import NEVER, PAGE, PAGE_BYTES, RUN, Rows, Span, check_whole

DECODED = 50
"""So many events are decoded at once: the garbage collector looks through all that live at a time."""

_HEAD = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
_FIRST = "SELECT type, body FROM events WHERE position = 1"


class LogReader:
    """An open log to read from."""

    def __init__(self, address: LogAddress, rows: Rows) -> None:
        self.address = address
        self._rows = rows

    async def close(self) -> None:
        """Close the connection."""
        await self._rows.close()

    async def check_format(self) -> LogCreated:
        """Give the log's first event; LogUnreadable unless this is a log of a format known here."""
        first = await self._read_first()
        if not isinstance(first, LogCreated):
            raise LogUnreadable(f"{self.address} is not an event log: its first event is not log_created")
        if first.format != FORMAT:
            raise LogUnreadable(f"{self.address} has format {first.format}; this matchspec knows format {FORMAT}")
        return first

    async def last_version(self, run_id: str, position: int = NEVER) -> int:
        """Give the version of a run's last event up to a position; 0 where the log has none."""
        query = "SELECT coalesce(max(version), 0) FROM events WHERE run_id = ? AND position <= ?"
        ((version,),) = await self._rows.read(query, run_id, position)
        return int(version)

    async def read_one(self, run_id: str, version: int) -> StoredEvent | None:
        """Read one event of a run as it is stored; None where it has no such."""
        query = f"SELECT {COLUMNS} FROM events WHERE run_id = ? AND version = ?"
        page = await self._read_stored(query, run_id, version)
        return page[0] if page else None

    async def read_head(self, position: int) -> Head:
        """Read where the log stood after an event; LogUnreadable where it has no such."""
        if position == 0:
            return Head(0, chain.START)
        rows: list[tuple[bytes]] = await self._rows.read("SELECT hash FROM events WHERE position = ?", position)
        if not rows:
            raise LogUnreadable(f"the log has no event {position}")
        return Head(position, rows[0][0])

    async def read_between(self, position: int, up_to: int, run_id: str) -> AsyncIterator[list[StoredEvent]]:
        """Read the events behind a position up to another in pages, those of other runs without their bodies."""
        columns = COLUMNS.replace("body", "CASE WHEN run_id = ? THEN body ELSE ? END AS body")
        query = f"SELECT {columns} FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT {PAGE}"
        while page := await self._read_stored(query, run_id, b"", position, up_to):
            yield page
            position = page[-1].position

    async def read_stored(
        self, run_id: str, after: int = 0, up_to: int = NEVER, page_bytes: int = PAGE_BYTES
    ) -> AsyncIterator[list[StoredEvent]]:
        """Read a run's events as they are stored, a page at a time: those behind version `after`, up to `up_to`."""
        while page := await self._read_stored(RUN, run_id, after, up_to, page_bytes=page_bytes):
            yield page
            after = page[-1].version

    async def fold_run(self, run_id: str, take: Callable[[Stretch], None], after: int = 0, up_to: int = NEVER) -> None:
        """Hand what is folded of a run's events to `take`: of those behind version `after`, up to `up_to`."""
        await self.fold_spans([Span(run_id, after, up_to)], take)

    async def fold_spans(self, spans: Iterable[Span], take: Callable[[Stretch], None]) -> None:
        """Hand what is folded of the events of spans to `take`, one span after the other, each in order.

        It may be called on a thread: nobody else may look at what it changes before this returns.
        """
        left = deque(spans)
        while left:
            await self._rows.fold_page(left, take)

    async def read_run(self, run_id: str, after: int = 0, up_to: int = NEVER) -> AsyncIterator[Recorded]:
        """Read a run's events in order: those behind version `after`, up to `up_to`; LogUnreadable if one lacks."""
        while page := await self._rows.read_page(RUN, run_id, after, up_to):
            check_whole(run_id, after, page[-1][2], len(page))
            for some in _decoded(page):
                for recorded in some:
                    yield recorded
            after = page[-1][2]

    async def read_run_ids(self) -> list[str]:
        """Name all runs, in the order in which they began; the run `log` is one of them."""
        rows = await self._rows.read("SELECT run_id FROM events GROUP BY run_id ORDER BY min(position)")
        return [run_id for (run_id,) in rows]

    async def read_ends(self) -> AsyncIterator[Recorded]:
        """Read how every run began and ended, in the log's order."""
        after = 0
        ends = "type IN ('started', 'finished')"
        query = f"SELECT {COLUMNS} FROM events WHERE {ends} AND position > ? ORDER BY position LIMIT {PAGE}"
        while page := await self._rows.read_page(query, after):
            for some in _decoded(page):
                for recorded in some:
                    yield recorded
            after = page[-1][0]

    async def read_after(self, position: int, up_to: int = NEVER) -> AsyncIterator[list[Recorded]]:
        """Read all events behind a position, up to the position `up_to`, in order, some at a time."""
        query = f"SELECT {COLUMNS} FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT {PAGE}"
        while page := await self._rows.read_page(query, position, up_to):
            for some in _decoded(page):
                yield some
            position = page[-1][0]

    async def read_bodies(self, run_id: str, versions: Sequence[int], up_to: int) -> dict[int, bytes]:
        """Read the stored bytes of some events of a run by their versions, of those that have at most `up_to`."""
        return await self._rows.read_bodies(run_id, versions, up_to)

    async def read_body(self, run_id: str, version: int) -> bytes:
        """Read the stored bytes of one event, however many."""
        rows: list[tuple[bytes]] = await self._rows.read(
            "SELECT body FROM events WHERE run_id = ? AND version = ?", run_id, version
        )
        return rows[0][0]

    async def read_content(self, digest: str) -> bytes:
        """Read pinned contents; LogUnreadable where they are missing."""
        query = "SELECT bytes FROM contents WHERE digest = ?"
        rows: list[tuple[bytes]] = await self._rows.read(query, bytes.fromhex(digest))
        if not rows:
            raise LogUnreadable(f"the log lacks the contents {digest}")
        return rows[0][0]

    async def read_at(self, position: int) -> Found | None:
        """Read hash and time of the event at a position; None where there is none."""
        rows: list[tuple[bytes, str]] = await self._rows.read(
            "SELECT hash, at FROM events WHERE position = ?", position
        )
        return Found(*rows[0]) if rows else None

    async def _read_stored(self, query: str, *parameters: object, page_bytes: int = PAGE_BYTES) -> list[StoredEvent]:
        page = await self._rows.read_page(query, *parameters, page_bytes=page_bytes)
        return [StoredEvent._make(row) for row in page]

    async def _read_first(self) -> Event | None:
        rows: list[tuple[str, bytes]] = await self._rows.read(_FIRST)
        return codec.decode(*rows[0]) if rows else None

    async def _read_head(self) -> Head:
        rows: list[tuple[int, bytes]] = await self._rows.read(_HEAD)
        return Head(*rows[0]) if rows else Head(0, chain.START)


def _decoded(page: Sequence[Row]) -> Iterator[list[Recorded]]:
    for first in range(0, len(page), DECODED):
        yield decoded(page[first : first + DECODED])
