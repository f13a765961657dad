"""The event log in a SQLite file, written by one process.

All of an append is one call on the writing connection's thread: a task that is cancelled half-way can't leave a
transaction open, and 256 waiting events cost one hop and one sync.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import aiosqlite

from domain.chain import Head
from domain.errors import LogUnavailable
from domain.events import Recorded
from service.log.checkpoint_file import checkpoint_path
from service.log.event_log import Append, Content, Decide, EventLog, NewEvent, chained
from service.log.regular import check_regular
from service.log.rows import Rows
from service.log.signing import Signer
from service.log.sqlite.connection import mark, on_its_thread, open_writing
from service.log.sqlite.holder import LogLock
from service.log.sqlite.inserting import insert_events
from service.log.sqlite.rows import SqliteRows
from service.log.sqlite.wal import WalCheckpoints

T = TypeVar("T")

_STORE = "INSERT INTO contents SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM contents WHERE digest = ?1)"


class SqliteLog(EventLog):
    """An open log in a file."""

    def __init__(
        self, path: Path, lock: LogLock, writing: aiosqlite.Connection, rows: Rows, signer: Signer | None
    ) -> None:
        super().__init__(path, rows, checkpoint_path(path), signer)
        self.crashed = lock.crashed
        self._path = path
        self._lock = lock
        self._writing = writing
        self._wal = WalCheckpoints(path)

    @classmethod
    async def open(cls, path: Path, now: str, signer: Signer | None = None, *, accepting: bool = False) -> Self:
        """Open the log, or create it; `now` is the time as the log writes it, `signer` signs its checkpoints.

        LogInUse where another process writes it, LogUnreadable where it is none of ours, LogContradicted where its
        checkpoint says otherwise, LogUnavailable on a fault.
        """
        path = _prepare(path)
        lock = LogLock.take(path, now)
        try:
            log = cls(path, lock, *await _connect(path), signer)
        except BaseException:
            lock.release(clean=not lock.crashed)
            raise
        try:
            await log.begin(now, accepting=accepting)
        except BaseException:
            await log.close()
            raise
        return log

    async def close(self) -> None:
        """Close all connections and let go of the lock.

        A crash that was found at the opening, and that no run was told of, stays on record for the next process.
        """
        await super().close()
        await self._wal.close()
        await self._writing.close()
        self._lock.release(clean=self.crash_told or not self.crashed)

    async def reopen(self) -> None:
        """Begin to write again, on a fresh connection.

        A full disk lets the log be opened: only a commit that was synced tells that it can be written.
        """
        await self._writing.close()
        try:
            self._writing = await open_writing(self._path)
            await mark(self._writing)
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"can't open the log {self._path}: {error}") from error
        self.head = await self._read_head()

    async def append(self, decide: Decide) -> list[Recorded]:
        """Commit what is decided; nobody else appends, so it is decided at once."""
        decided = decide()
        return await self._commit(decided) if any(decided) else []

    async def _commit(self, decided: Append) -> list[Recorded]:
        events, contents, _ = decided
        try:
            recorded = await self._on_writing_thread(_insert, self.head, events, contents)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LogUnavailable(f"the log can't be written: {error}") from error
        self._wal.grow(sum(len(new.body) for new in events) + sum(len(one.content) for one in contents))
        return self._committed(recorded)

    async def _on_writing_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.shield(on_its_thread(self._writing, call, *arguments))


def _insert(
    connection: sqlite3.Connection, head: Head, events: Sequence[NewEvent], contents: Sequence[Content]
) -> list[Recorded]:
    rows, recorded = chained(head, events)
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_STORE, [(bytes.fromhex(digest), content) for digest, content in contents])
        insert_events(connection, rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return recorded


async def _connect(path: Path) -> tuple[aiosqlite.Connection, SqliteRows]:
    try:
        writing = await open_writing(path)
    except (sqlite3.Error, OSError) as error:
        raise LogUnavailable(f"can't open the log {path}: {error}") from error
    try:
        return writing, await SqliteRows.open(path)
    except BaseException:
        await writing.close()
        raise


def _prepare(path: Path) -> Path:
    """Resolve links, so that two names of a log meet at one lock, and make its folder."""
    resolved = path.resolve()
    check_regular(resolved)
    try:
        resolved.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogUnavailable(f"can't make the folder {resolved.parent}: {error.strerror}") from error
    return resolved
