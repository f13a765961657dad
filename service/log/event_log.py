"""The event log: append, read a run, read how all runs began and ended, read contents.

All of an append is one call on the writing connection's thread: a task that is cancelled half-way can't leave a
transaction open, and 256 waiting events cost one hop and one sync.
"""

import asyncio
import logging
import secrets
import shlex
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import aiosqlite

from domain import chain, codec
from domain.chain import Head
from domain.checkpoint import Checkpoint, Note, contradiction
from domain.errors import InvalidCheckpoint, LogContradicted, LogUnavailable
from domain.events import FORMAT, LOG, Event, Finished, LogCreated, Recorded
from service.log.checkpoint_file import checkpoint_path, read_checkpoint, set_aside
from service.log.checkpointing import Checkpoints
from service.log.connection import mark, on_its_thread, open_reading, open_writing
from service.log.holder import LogLock
from service.log.reading import LogReader
from service.log.regular import check_regular
from service.log.signing import Signer

logger = logging.getLogger("matchspec.log")

T = TypeVar("T")

_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_STORE = "INSERT INTO contents SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM contents WHERE digest = ?1)"


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


class EventLog(LogReader):
    """An open log. `crashed` tells whether the process that wrote it before ended without closing it.

    `void` says how the log contradicts its checkpoint; only a log that is `accepting` opens then.
    """

    def __init__(
        self,
        path: Path,
        lock: LogLock,
        writing: aiosqlite.Connection,
        reading: aiosqlite.Connection,
        signer: Signer | None,
    ) -> None:
        super().__init__(path, reading)
        self.crashed = lock.crashed
        self.crash_told = False
        self.head = Head(0, chain.START)
        self.log_id = ""
        self.void: str | None = None
        self._lock = lock
        self._writing = writing
        self._signer = signer
        self._checkpoints = Checkpoints(checkpoint_path(path), signer)

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
            await log._begin(now, accepting=accepting)
        except BaseException:
            await log.close()
            raise
        return log

    async def close(self) -> None:
        """Close both connections and let go of the lock.

        A crash that was found at the opening, and that no run was told of, stays on record for the next process.
        """
        await self._checkpoints.close()
        await super().close()
        await self._writing.close()
        self._lock.release(clean=self.crash_told or not self.crashed)

    async def reopen(self) -> None:
        """Begin to write again, on a fresh connection after a fault; LogUnavailable while it lasts. Reads go on.

        A full disk lets the log be opened: only a commit that was synced tells that it can be written.
        """
        await self._writing.close()
        try:
            self._writing = await open_writing(self.path)
            await mark(self._writing)
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"can't open the log {self.path}: {error}") from error
        self.head = await self._read_head()

    async def append(self, events: Sequence[NewEvent], contents: Sequence[Content] = ()) -> list[Recorded]:
        """Commit events and the contents they name in one synced transaction.

        LogUnavailable when the commit failed: it may or may not have happened, and only `reopen` tells.
        """
        try:
            hashes = await self._on_writing_thread(_commit, self.head, events, contents)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LogUnavailable(f"the log can't be written: {error}") from error
        first = self.head.position + 1
        if hashes:
            self.head = Head(self.head.position + len(hashes), hashes[-1])
            ended = any(isinstance(new.event, Finished) for new in events)
            self._checkpoints.grow(Checkpoint(self.log_id, *self.head, events[-1].at), at_once=ended)
        return [Recorded(first + place, *new[:4], hashes[place]) for place, new in enumerate(events)]

    async def _begin(self, now: str, *, accepting: bool) -> None:
        first = await self._read_first()
        if first is not None:
            await self.check_format()
        self.log_id = first.log_id if isinstance(first, LogCreated) else secrets.token_hex(16)
        note = self._read_checkpoint()
        self.void = await self._find_contradiction(note) if note else None
        if self.void and note and not accepting:
            raise LogContradicted(_contradicted(self.path, note, self.void))
        if first is None:
            created = LogCreated(format=FORMAT, log_id=self.log_id)
            await self.append([NewEvent(LOG, 1, now, created, codec.encode(created))])
        self.head = await self._read_head()

    def _read_checkpoint(self) -> Note | None:
        path = checkpoint_path(self.path)
        try:
            return read_checkpoint(path)
        except InvalidCheckpoint as error:
            logger.warning("%s: %s. It is kept as %s; a new one is begun", path, error, set_aside(path).name)
            return None

    async def _find_contradiction(self, note: Note) -> str | None:
        if self._signer:
            if forged := self._signer.public.find_forged(note):
                return forged
            if unsigned := self._signer.public.reject(note):
                logger.warning("the checkpoint of %s: %s; the next one is", self.path, unsigned)
        if await self._read_first() is None:
            return "the log is empty"
        found = await self.read_at(note.checkpoint.position)
        return contradiction(note.checkpoint, self.log_id, found)

    async def _on_writing_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.shield(on_its_thread(self._writing, call, *arguments))


def _commit(
    connection: sqlite3.Connection, head: Head, events: Sequence[NewEvent], contents: Sequence[Content]
) -> list[bytes]:
    rows, hashes = _chained(head, events)
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_STORE, [(bytes.fromhex(digest), content) for digest, content in contents])
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return hashes


def _chained(head: Head, events: Sequence[NewEvent]) -> tuple[list[tuple[object, ...]], list[bytes]]:
    rows: list[tuple[object, ...]] = []
    hashes: list[bytes] = []
    position, previous = head
    for run_id, version, at, event, body in events:
        position += 1
        name = codec.type_name(event)
        leaf = chain.leaf(version, run_id, name, at, body)
        previous = chain.link(previous, position, leaf)
        rows.append((position, run_id, version, name, at, body, leaf, previous))
        hashes.append(previous)
    return rows, hashes


def _contradicted(path: Path, note: Note, why: str) -> str:
    db = f"--db {shlex.quote(str(path))}"
    return (
        f"the log {path} contradicts its checkpoint of {note.checkpoint.at}: {why}. Either the log was changed or cut "
        f"off, or a backup of it was put back. Nothing was written. `matchspec verify {db}` looks closer; where a "
        f"backup was put back, `matchspec verify --accept {db}` says so"
    )


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
    check_regular(resolved)
    try:
        resolved.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogUnavailable(f"can't make the folder {resolved.parent}: {error.strerror}") from error
    return resolved
