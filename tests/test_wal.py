"""The write-ahead log of a log in a file is copied into it beside the appends."""

import asyncio
import logging
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiosqlite
import pytest
from facts import AT, RUN, append, entry, scored, started

from service.log.event_log import Content
from service.log.sqlite import wal
from service.log.sqlite.event_log import SqliteLog

LONG = "x" * wal.BYTES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "matchspec.db"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[SqliteLog]:
    """A new log, open."""
    opened = await SqliteLog.open(path, AT)
    yield opened
    await opened.close()


def copied(path: Path) -> int:
    """How many events the file has without its write-ahead log.

    Another process copies it: a file that is opened and closed in this one would lose SQLite's locks.
    """
    alone = path.with_name("alone.db")
    subprocess.run(["cp", path, alone], check=True)
    with closing(sqlite3.connect(alone)) as database:
        tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'events'").fetchone()
        return int(database.execute("SELECT count(*) FROM events").fetchone()[0]) if tables != (0,) else 0


async def wait_until_copied(path: Path, events: int) -> None:
    """Wait until the file alone has so many events; it may be caught half-written."""
    async with asyncio.timeout(10):
        while True:
            try:
                if copied(path) == events:
                    return
            except sqlite3.DatabaseError:
                pass
            await asyncio.sleep(0.01)


async def test_what_was_committed_is_copied_beside_the_appends(path: Path, log: SqliteLog) -> None:
    """Long before SQLite would do it, an event of some size is in the file itself, with all that were before it."""
    await append(log, [entry(RUN, 1, started())])
    await asyncio.sleep(0.05)
    assert copied(path) == 0
    await append(log, [entry(RUN, 2, scored(0, output=LONG))])
    await wait_until_copied(path, 3)


async def test_pinned_contents_count(path: Path, log: SqliteLog) -> None:
    """What is pinned is copied, too, although no event comes with it."""
    await append(log, [], [Content("00" * 32, LONG.encode())])
    await wait_until_copied(path, 1)


async def test_appends_go_on_while_it_is_copied(path: Path) -> None:
    """Fifty copies amid appends: every event is there, and closing leaves one whole file."""
    log = await SqliteLog.open(path, AT)
    await append(log, [entry(RUN, 1, started(50))])
    for version in range(2, 52):
        await append(log, [entry(RUN, version, scored(version - 2, output=LONG))])
    await log.close()
    assert not path.with_name("matchspec.db-wal").exists()
    assert copied(path) == 52


async def test_a_reader_in_the_midst_holds_nothing_up(path: Path, log: SqliteLog) -> None:
    """While somebody else reads the log as it was, appends are committed; afterwards all of it is copied."""
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (1,)
        for version in range(1, 4):
            await append(log, [entry(RUN, version, scored(version, output=LONG))])
        reader.execute("ROLLBACK")
    await append(log, [entry(RUN, 4, scored(4, output=LONG))])
    await wait_until_copied(path, 5)


async def test_a_fault_stops_nothing_and_is_told_once(
    path: Path, log: SqliteLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it can't be copied, appends go on, one line says so, and it is tried again with the next ones."""
    tries = 0

    async def fail(_path: Path) -> aiosqlite.Connection:
        nonlocal tries
        tries += 1
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "matchspec.log"):
        patch.setattr(wal, "open_writing", fail)
        async with asyncio.timeout(10):
            version = 0
            while tries < 3:
                version += 1
                await append(log, [entry(RUN, version, scored(version, output=LONG))])
    assert [record.getMessage() for record in caplog.records] == [
        "the write-ahead log can't be copied into the log, and is tried again: disk I/O error"
    ]

    await append(log, [entry(RUN, version + 1, scored(version + 1, output=LONG))])
    await wait_until_copied(path, version + 2)
