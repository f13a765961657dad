"""SQLite as the log needs it: connections that write or checkpoint, and those that read."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import aiosqlite

from domain.errors import LogUnreadable
from service.log.regular import check_regular

T = TypeVar("T")

APPLICATION_ID = 0x4D535045
"""Marks the file as a matchspec log (`MSPE`) in SQLite's header."""

FULL = 2
_BUSY_MS = 5000


async def open_writing(path: Path) -> aiosqlite.Connection:
    """Open a connection that may write and checkpoint, with the schema in place.

    `synchronous` is asserted: with any other value a power cut takes back what readers were shown.
    LogUnreadable where the file is a database of another kind.
    """
    check_regular(path)
    connection = await _connect(str(path))
    try:
        await _configure(connection, path)
    except sqlite3.OperationalError:
        await connection.close()
        raise
    except sqlite3.DatabaseError as error:
        await connection.close()
        raise LogUnreadable(f"{path} is not an event log: {error}") from error
    except BaseException:
        await connection.close()
        raise
    return connection


async def mark(connection: aiosqlite.Connection) -> None:
    """Say in the header that the file is a matchspec log: a commit, also where that stands there already."""
    await connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


async def open_reading(path: Path) -> aiosqlite.Connection:
    """Open a connection that can't write. Its reads are short, so that the WAL can be checkpointed."""
    connection = await _connect(reading_uri(path))
    await connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    return connection


async def on_its_thread(connection: aiosqlite.Connection, call: Callable[..., T], *arguments: object) -> T:
    """Run `call(sqlite3 connection, *arguments)` as one call on the connection's thread."""
    # aiosqlite has no public way to do more than one statement in one hop.
    running = connection._execute(call, connection._conn, *arguments)  # type: ignore[no-untyped-call] # noqa: SLF001
    result: T = await running
    return result


def reading_uri(path: Path) -> str:
    """Name a log, by its absolute path, for a connection that can't write.

    To read a log in WAL mode SQLite makes files beside it, unless told that nobody writes: where nobody can, as on a
    medium that is read-only, and no such file is left from before. LogUnavailable where it is no regular file.
    """
    path = path.resolve()
    check_regular(path)
    shared = path.with_name(f"{path.name}-shm")
    frozen = path.exists() and not os.access(path.parent, os.W_OK) and not shared.exists() and not has_wal(path)
    return f"{path.as_uri()}?{'immutable=1' if frozen else 'mode=ro'}"


def has_wal(path: Path) -> bool:
    """Whether part of a database is in its write-ahead log."""
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


async def _connect(database: str) -> aiosqlite.Connection:
    connection = aiosqlite.connect(database, uri=database.startswith("file:"), isolation_level=None)
    try:
        return await connection
    except sqlite3.Error:
        # aiosqlite tells its thread to end and does not wait: it would find the loop closed, and say so.
        await asyncio.to_thread(connection._thread.join)  # noqa: SLF001
        raise


async def _configure(connection: aiosqlite.Connection, path: Path) -> None:
    await connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    tables = await _one(connection, "SELECT count(*) FROM sqlite_master")
    if tables and await _one(connection, "PRAGMA application_id") != APPLICATION_ID:
        raise LogUnreadable(f"{path} is a database of another program, not an event log")
    await connection.execute("PRAGMA journal_mode = WAL")
    await connection.execute("PRAGMA synchronous = FULL")
    mode, synchronous = await _one(connection, "PRAGMA journal_mode"), await _one(connection, "PRAGMA synchronous")
    if (mode, synchronous) != ("wal", FULL):
        found = f"journal_mode={mode}, synchronous={synchronous}"
        raise LogUnreadable(f"{path}: the log needs journal_mode=wal, synchronous={FULL}; SQLite gave {found}")
    if not tables:
        await mark(connection)
        await connection.executescript(files("service.log.sqlite").joinpath("schema.sql").read_text())


async def _one(connection: aiosqlite.Connection, query: str) -> object:
    async with connection.execute(query) as cursor:
        row = await cursor.fetchone()
    return row[0] if row else None
