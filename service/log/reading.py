"""Reading an event log: short reads by position, on a connection that can't write.

Anyone may read at any time, beside the process that writes.
"""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Self

import aiosqlite

from domain import chain, codec
from domain.chain import Head
from domain.checkpoint import Found
from domain.errors import LogUnavailable, LogUnreadable
from domain.events import FORMAT, Event, LogCreated, Recorded
from service.log.connection import on_its_thread, open_reading

PAGE = 500
PAGE_BYTES = 1_000_000
"""A page of events has no further one after so many bytes of bodies: a single body may have 8 MB and more."""

NEVER = (1 << 63) - 1
"""Above every version and position."""

_COLUMNS = "position, run_id, version, type, at, body, leaf, hash"
_HEAD = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
_FIRST = "SELECT type, body FROM events WHERE position = 1"


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


class LogReader:
    """An open log to read from."""

    def __init__(self, path: Path, reading: aiosqlite.Connection) -> None:
        self.path = path
        self._reading = reading

    @classmethod
    async def open_to_read(cls, path: Path) -> Self:
        """Open a log by its absolute path.

        LogUnavailable where it can't be opened, LogUnreadable where it is none of ours.
        """
        try:
            reader = cls(path, await open_reading(path))
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"can't open the log {path}: {error}") from error
        try:
            await reader.check_format()
        except BaseException:
            await reader.close()
            raise
        return reader

    async def close(self) -> None:
        """Close the connection."""
        await self._reading.close()

    async def check_format(self) -> LogCreated:
        """Give the log's first event; LogUnreadable unless this is a log of a format known here."""
        first = await self._read_first()
        if not isinstance(first, LogCreated):
            raise LogUnreadable(f"{self.path} is not an event log: its first event is not log_created")
        if first.format != FORMAT:
            raise LogUnreadable(f"{self.path} has format {first.format}; this matchspec knows format {FORMAT}")
        return first

    async def last_version(self, run_id: str) -> int:
        """Give the version of a run's last event; 0 where the log has none."""
        ((version,),) = await self._read("SELECT ifnull(max(version), 0) FROM events WHERE run_id = ?", run_id)
        return int(version)

    async def read_one(self, run_id: str, version: int) -> StoredEvent | None:
        """Read one event of a run as it is stored; None where it has no such."""
        query = f"SELECT {_COLUMNS} FROM events WHERE run_id = ? AND version = ?"
        page = await self._read_page(query, run_id, version)
        return page[0] if page else None

    async def read_head(self, position: int) -> Head:
        """Read where the log stood after an event; LogUnreadable where it has no such."""
        if position == 0:
            return Head(0, chain.START)
        rows: list[tuple[bytes]] = await self._read("SELECT hash FROM events WHERE position = ?", position)
        if not rows:
            raise LogUnreadable(f"the log has no event {position}")
        return Head(position, rows[0][0])

    async def read_between(self, position: int, up_to: int, run_id: str) -> AsyncIterator[list[StoredEvent]]:
        """Read the events behind a position up to another in pages, those of other runs without their bodies."""
        columns = _COLUMNS.replace("body", "CASE WHEN run_id = ? THEN body ELSE x'' END")
        query = f"SELECT {columns} FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT {PAGE}"
        while page := await self._read_page(query, run_id, position, up_to):
            yield page
            position = page[-1].position

    async def read_stored(
        self, run_id: str, after: int = 0, up_to: int = NEVER, page_bytes: int = PAGE_BYTES
    ) -> AsyncIterator[list[StoredEvent]]:
        """Read a run's events as they are stored, a page at a time: those behind version `after`, up to `up_to`."""
        query = (
            f"SELECT {_COLUMNS} FROM events WHERE run_id = ? AND version > ? AND version <= ?"
            f" ORDER BY version LIMIT {PAGE}"
        )
        while page := await self._read_page(query, run_id, after, up_to, page_bytes=page_bytes):
            yield page
            after = page[-1].version

    async def read_run(self, run_id: str, after: int = 0, up_to: int = NEVER) -> AsyncIterator[Recorded]:
        """Read a run's events in order: those behind version `after`, up to version `up_to`."""
        async for page in self.read_stored(run_id, after, up_to):
            for stored in page:
                yield _recorded(stored)

    async def read_run_ids(self) -> list[str]:
        """Name all runs, in the order in which they began; the run `log` is one of them."""
        rows = await self._read("SELECT run_id FROM events GROUP BY run_id ORDER BY min(position)")
        return [run_id for (run_id,) in rows]

    async def read_ends(self) -> AsyncIterator[Recorded]:
        """Read how every run began and ended, in the log's order."""
        after = 0
        ends = "type IN ('started', 'finished')"
        query = f"SELECT {_COLUMNS} FROM events WHERE {ends} AND position > ? ORDER BY position LIMIT {PAGE}"
        while page := await self._read_page(query, after):
            for stored in page:
                yield _recorded(stored)
            after = page[-1].position

    async def read_after(self, position: int) -> AsyncIterator[Recorded]:
        """Read all events behind a position."""
        query = f"SELECT {_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT {PAGE}"
        while page := await self._read_page(query, position):
            for stored in page:
                yield _recorded(stored)
            position = page[-1].position

    async def read_bodies(self, run_id: str, versions: Sequence[int], up_to: int) -> dict[int, bytes]:
        """Read the stored bytes of some events of a run by their versions, of those that have at most `up_to`."""
        marks = ",".join("?" * len(versions))
        query = f"SELECT version, body FROM events WHERE run_id = ? AND version IN ({marks}) AND length(body) <= ?"
        return dict(await self._read(query, run_id, *versions, up_to))

    async def read_body(self, run_id: str, version: int) -> bytes:
        """Read the stored bytes of one event, however many."""
        rows: list[tuple[bytes]] = await self._read(
            "SELECT body FROM events WHERE run_id = ? AND version = ?", run_id, version
        )
        return rows[0][0]

    async def read_content(self, digest: str) -> bytes:
        """Read pinned contents; LogUnreadable where they are missing."""
        query = "SELECT bytes FROM contents WHERE digest = ?"
        rows: list[tuple[bytes]] = await self._read(query, bytes.fromhex(digest))
        if not rows:
            raise LogUnreadable(f"the log lacks the contents {digest}")
        return rows[0][0]

    async def read_at(self, position: int) -> Found | None:
        """Read hash and time of the event at a position; None where there is none."""
        rows: list[tuple[bytes, str]] = await self._read("SELECT hash, at FROM events WHERE position = ?", position)
        return Found(*rows[0]) if rows else None

    async def _read_first(self) -> Event | None:
        rows: list[tuple[str, bytes]] = await self._read(_FIRST)
        return codec.decode(*rows[0]) if rows else None

    async def _read_head(self) -> Head:
        rows: list[tuple[int, bytes]] = await self._read(_HEAD)
        return Head(*rows[0]) if rows else Head(0, chain.START)

    async def _read_page(self, query: str, *parameters: object, page_bytes: int = PAGE_BYTES) -> list[StoredEvent]:
        try:
            return await on_its_thread(self._reading, _fetch_page, query, parameters, page_bytes)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LogUnavailable(f"the log can't be read: {error}") from error

    async def _read(self, query: str, *parameters: object) -> list[Any]:
        try:
            return list(await self._reading.execute_fetchall(query, parameters))
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LogUnavailable(f"the log can't be read: {error}") from error


def _fetch_page(
    connection: sqlite3.Connection, query: str, parameters: Sequence[object], page_bytes: int
) -> list[StoredEvent]:
    page, size = [], 0
    with closing(connection.execute(query, parameters)) as rows:
        for row in rows:
            page.append(StoredEvent._make(row))
            size += len(page[-1].body)
            if size >= page_bytes:
                break
    return page


def _recorded(stored: StoredEvent) -> Recorded:
    position, run_id, version, name, at, body, _, link = stored
    return Recorded(position, run_id, version, at, codec.decode(name, body), link)
