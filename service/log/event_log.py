"""The event log: append, read a run, read how all runs began and ended, read contents.

All of an append is one call on the writing connection's thread: a task that is cancelled half-way can't leave a
transaction open, and 256 waiting events cost one hop and one sync.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import aiosqlite

from domain import chain, codec
from domain.errors import LogUnavailable, LogUnreadable
from domain.events import FORMAT, LOG, Event, LogCreated, Recorded
from service.log.connection import open_reading, open_writing
from service.log.holder import LogLock

T = TypeVar("T")

PAGE = 500
_COLUMNS = "position, run_id, version, type, at, body"
_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_STORE = "INSERT INTO contents SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM contents WHERE digest = ?1)"
_HEAD = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
_FIRST = "SELECT type, body FROM events WHERE position = 1"

_Row = tuple[int, str, int, str, str, bytes]


class NewEvent(NamedTuple):
    """An event to append, with its bytes: the writer gave it its version, the log gives it its position."""

    run_id: str
    version: int
    at: str
    event: Event
    body: bytes


class Content(NamedTuple):
    """Bytes to pin; `digest` is their SHA-256 in hex."""

    digest: str
    content: bytes


class Head(NamedTuple):
    """The log's last event."""

    position: int
    hash: bytes


class EventLog:
    """An open log. `crashed` tells whether the process that wrote it before ended without closing it."""

    def __init__(self, path: Path, lock: LogLock, writing: aiosqlite.Connection, reading: aiosqlite.Connection) -> None:
        self.path = path
        self.crashed = lock.crashed
        self.crash_told = False
        self.head = Head(0, chain.START)
        self._lock = lock
        self._writing = writing
        self._reading = reading

    @classmethod
    async def open(cls, path: Path, now: str) -> Self:
        """Open the log, or create it; `now` is the time as the log writes it.

        LogInUse where another process writes it, LogUnreadable where it is none of ours, LogUnavailable on a fault.
        """
        path = _prepare(path)
        lock = LogLock.take(path, now)
        try:
            log = cls(path, lock, *await _connect(path))
        except BaseException:
            lock.release()
            raise
        try:
            await log._begin(now)
        except BaseException:
            await log.close()
            raise
        return log

    async def close(self) -> None:
        """Close both connections and let go of the lock.

        A crash that was found at the opening, and that no run was told of, stays on record for the next process.
        """
        await self._reading.close()
        await self._writing.close()
        self._lock.release(clean=self.crash_told or not self.crashed)

    async def reopen(self) -> None:
        """Begin to write again, on a fresh connection after a fault; LogUnavailable while it lasts. Reads go on."""
        await self._writing.close()
        try:
            self._writing = await open_writing(self.path)
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"can't open the log {self.path}: {error}") from error
        self.head = await self._read_head()

    async def append(self, events: Sequence[NewEvent], contents: Sequence[Content] = ()) -> list[Recorded]:
        """Commit events and the contents they name in one synced transaction.

        LogUnavailable when the commit failed: it may or may not have happened, and only `reopen` tells.
        """
        try:
            self.head = await self._on_writing_thread(_commit, self.head, events, contents)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LogUnavailable(f"the log can't be written: {error}") from error
        first = self.head.position - len(events) + 1
        return [Recorded(first + place, *new[:4]) for place, new in enumerate(events)]

    async def read_run(self, run_id: str, after: int = 0) -> AsyncIterator[Recorded]:
        """Read a run's events in order, from the one behind version `after` on."""
        query = f"SELECT {_COLUMNS} FROM events WHERE run_id = ? AND version > ? ORDER BY version LIMIT {PAGE}"
        while rows := await self._read(query, run_id, after):
            for row in rows:
                yield _recorded(row)
            after = rows[-1][2]

    async def read_ends(self) -> AsyncIterator[Recorded]:
        """Read how every run began and ended, in the log's order."""
        after = 0
        ends = "type IN ('started', 'finished')"
        query = f"SELECT {_COLUMNS} FROM events WHERE {ends} AND position > ? ORDER BY position LIMIT {PAGE}"
        while rows := await self._read(query, after):
            for row in rows:
                yield _recorded(row)
            after = rows[-1][0]

    async def read_after(self, position: int) -> AsyncIterator[Recorded]:
        """Read all events behind a position."""
        query = f"SELECT {_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT {PAGE}"
        while rows := await self._read(query, position):
            for row in rows:
                yield _recorded(row)
            position = rows[-1][0]

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

    async def _begin(self, now: str) -> None:
        first = await self._read_first()
        if first is None:
            created = LogCreated(format=FORMAT, log_id=secrets.token_hex(16))
            await self.append([NewEvent(LOG, 1, now, created, codec.encode(created))])
        elif not isinstance(first, LogCreated):
            raise LogUnreadable(f"{self.path} is not an event log: its first event is not log_created")
        elif first.format != FORMAT:
            raise LogUnreadable(f"{self.path} has format {first.format}; this matchspec knows format {FORMAT}")
        self.head = await self._read_head()

    async def _read_first(self) -> Event | None:
        rows: list[tuple[str, bytes]] = await self._read(_FIRST)
        return codec.decode(*rows[0]) if rows else None

    async def _read_head(self) -> Head:
        rows: list[tuple[int, bytes]] = await self._read(_HEAD)
        return Head(*rows[0]) if rows else Head(0, chain.START)

    async def _read(self, query: str, *parameters: object) -> list[Any]:
        try:
            return list(await self._reading.execute_fetchall(query, parameters))
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LogUnavailable(f"the log can't be read: {error}") from error

    async def _on_writing_thread(self, call: Callable[..., T], *arguments: object) -> T:
        # aiosqlite has no public way to run a whole transaction as one call on its thread.
        connection = self._writing
        running = connection._execute(call, connection._conn, *arguments)  # type: ignore[no-untyped-call] # noqa: SLF001
        result: T = await asyncio.shield(running)
        return result


def _commit(
    connection: sqlite3.Connection, head: Head, events: Sequence[NewEvent], contents: Sequence[Content]
) -> Head:
    rows, head = _chained(head, events)
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_STORE, [(bytes.fromhex(digest), content) for digest, content in contents])
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return head


def _chained(head: Head, events: Sequence[NewEvent]) -> tuple[list[tuple[object, ...]], Head]:
    rows: list[tuple[object, ...]] = []
    position, previous = head
    for run_id, version, at, event, body in events:
        position += 1
        name = codec.type_name(event)
        leaf = chain.leaf(version, run_id, name, at, body)
        previous = chain.link(previous, position, leaf)
        rows.append((position, run_id, version, name, at, body, leaf, previous))
    return rows, Head(position, previous)


def _recorded(row: _Row) -> Recorded:
    position, run_id, version, name, at, body = row
    return Recorded(position, run_id, version, at, codec.decode(name, body))


async def _connect(path: Path) -> tuple[aiosqlite.Connection, aiosqlite.Connection]:
    try:
        writing = await open_writing(path)
        try:
            return writing, await open_reading(path)
        except BaseException:
            await writing.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise LogUnavailable(f"can't open the log {path}: {error}") from error


def _prepare(path: Path) -> Path:
    """Resolve links, so that two names of a log meet at one lock, and make its folder."""
    resolved = path.resolve()
    try:
        resolved.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogUnavailable(f"can't make the folder {resolved.parent}: {error.strerror}") from error
    return resolved
