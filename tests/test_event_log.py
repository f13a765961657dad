"""The event log: what it accepts, what it refuses, and that nothing in it can be changed."""

import asyncio
import hashlib
import resource
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from facts import AT, RUN, append, entry, scored, started, versions

from domain.errors import LogError, LogUnavailable, LogUnreadable
from domain.events import LogCreated
from service.log.event_log import Content, EventLog
from service.log.opening import open_log
from service.log.rows import PAGE, PAGE_BYTES
from service.log.sqlite import connection
from service.log.sqlite.event_log import SqliteLog

OTHER = "run-20260315-143022-b000"
TEXT = b'{"id":"ex-0"}\n'
NAME = hashlib.sha256(TEXT).hexdigest()


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


@pytest.fixture
async def closed(path: Path) -> Path:
    """A log of three events and one content, closed."""
    log = await open_log(path, AT)
    await append(log, [entry(RUN, 1, started()), entry(RUN, 2, scored(0))], [Content(NAME, TEXT)])
    await log.close()
    return path


def columns(path: Path) -> list[tuple[int, str, int, str]]:
    """Read position, run, version and type of all events, past our own code."""
    with closing(sqlite3.connect(path)) as database:
        return list(database.execute("SELECT position, run_id, version, type FROM events ORDER BY position"))


def refusal(path: Path) -> LogError:
    """Open a log that can't be opened, and give the error."""
    with pytest.raises(LogError) as caught:
        asyncio.run(open_log(path, AT))
    return caught.value


async def test_the_first_event_is_the_format_and_a_random_id_of_the_log(tmp_path: Path) -> None:
    """A new log begins with log_created, format 1, in the run `log`; two logs have two ids."""
    ids = []
    for name in ("one.db", "two.db"):
        log = await open_log(tmp_path / name, AT)
        (first,) = [recorded async for some in log.read_after(0) for recorded in some]
        await log.close()
        assert (first.position, first.run_id, first.version, first.at) == (1, "log", 1, AT)
        assert isinstance(first.event, LogCreated)
        assert first.event.format == 1
        ids.append(first.event.log_id)

    assert all(len(log_id) >= 16 for log_id in ids)
    assert ids[0] != ids[1]


async def test_opening_a_log_again_adds_nothing(closed: Path) -> None:
    """log_created stands only at the beginning, however often the log is opened."""
    before = columns(closed)
    for _ in range(3):
        await (await open_log(closed, AT)).close()

    assert columns(closed) == before


async def test_positions_count_over_the_log_and_versions_over_a_run(path: Path, log: EventLog) -> None:
    """Positions are 1, 2, 3, ... over the log, whatever runs and groups the events belong to."""
    await append(log, [entry(RUN, 1, started()), entry(OTHER, 1, started())])
    await append(log, [entry(OTHER, 2, scored(0))])
    recorded = await append(log, [entry(RUN, 2, scored(0)), entry(RUN, 3, scored(1))])

    assert [(one.position, one.run_id, one.version) for one in recorded] == [(5, RUN, 2), (6, RUN, 3)]
    assert columns(path) == [
        (1, "log", 1, "log_created"),
        (2, RUN, 1, "started"),
        (3, OTHER, 1, "started"),
        (4, OTHER, 2, "example_scored"),
        (5, RUN, 2, "example_scored"),
        (6, RUN, 3, "example_scored"),
    ]


async def test_counting_goes_on_after_the_log_was_closed(closed: Path) -> None:
    """A log that is opened again is continued behind its last event."""
    log = await open_log(closed, AT)
    (recorded,) = await append(log, [entry(RUN, 3, scored(1))])
    await log.close()

    assert (recorded.position, recorded.version) == (4, 3)


async def test_a_run_is_read_whole_over_many_pages(log: EventLog) -> None:
    """Reading gives every event once and in order, also beyond one page of the database."""
    count = 2 * PAGE + 1
    await append(log, [entry(RUN, version) for version in range(1, count + 1)])
    await append(log, [entry(OTHER, 1)])

    assert await versions(log.read_run(RUN)) == list(range(1, count + 1))
    assert await versions(log.read_run(RUN, after=count - 2)) == [count - 1, count]
    assert [one.position async for some in log.read_after(0) for one in some] == list(range(1, count + 3))


async def test_a_page_is_bounded_by_its_bytes_too(log: EventLog) -> None:
    """Large events come in small pages, one at the least: five of 0.4 of a page's bytes in threes, a huge one alone."""
    large, huge = "x" * (PAGE_BYTES * 4 // 10), "x" * (2 * PAGE_BYTES)
    outputs = [huge, *[large] * 5]
    await append(log, [entry(RUN, version, scored(0, output=output)) for version, output in enumerate(outputs, 1)])

    pages = [[stored.version for stored in page] async for page in log.read_stored(RUN)]
    assert pages == [[1], [2, 3, 4], [5, 6]]
    assert await versions(log.read_run(RUN, after=1, up_to=4)) == [2, 3, 4]
    assert [one.position async for some in log.read_after(0) for one in some] == list(range(1, 8))


async def test_the_last_version_of_a_run(log: EventLog) -> None:
    """It is that of its last event; a run that is not there has 0."""
    await append(log, [entry(RUN, 1, started()), entry(OTHER, 1, started()), entry(RUN, 2)])
    assert [await log.last_version(run_id) for run_id in (RUN, OTHER, "none")] == [2, 1, 0]


async def test_reading_gives_the_event_that_was_recorded(log: EventLog) -> None:
    """What is read back equals what was appended, texts of any script included."""
    event = scored(3, output="größer 🦉 \x00 \u2028")
    appended = await append(log, [entry(RUN, 1, event)])

    assert [one.event async for one in log.read_run(RUN)] == [event]
    assert appended[0].event == event


CHANGES = [
    "UPDATE events SET body = x'00'",
    "UPDATE events SET position = 9 WHERE position = 1",
    "UPDATE OR REPLACE events SET position = 2 WHERE position = 1",
    "DELETE FROM events WHERE position = 3",
    "DELETE FROM events",
    "INSERT OR REPLACE INTO events VALUES (2, 'x', 1, 't', 'a', x'00', x'00', x'00')",
    f"INSERT OR REPLACE INTO events VALUES (99, '{RUN}', 1, 't', 'a', x'00', x'00', x'00')",
    f"REPLACE INTO events VALUES (99, '{RUN}', 2, 't', 'a', x'00', x'00', x'00')",
    "INSERT INTO events VALUES (2, 'x', 1, 't', 'a', x'00', x'00', x'00')"
    " ON CONFLICT (position) DO UPDATE SET body = x'00'",
    "UPDATE contents SET bytes = x'00'",
    "DELETE FROM contents",
    f"INSERT OR REPLACE INTO contents VALUES (x'{NAME}', x'00')",
    f"INSERT INTO contents VALUES (x'{NAME}', x'00') ON CONFLICT (digest) DO UPDATE SET bytes = x'00'",
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_database_refuses_every_change_from_any_connection(closed: Path, change: str) -> None:
    """UPDATE, DELETE and an INSERT over an existing key are refused by the file itself, in words."""
    with closing(sqlite3.connect(closed)) as database:
        before = list(database.iterdump())
        with pytest.raises(sqlite3.IntegrityError, match="the event log is append-only"):
            database.execute(change)
        database.commit()
        assert list(database.iterdump()) == before


async def test_contents_are_kept_once_however_often_they_are_pinned(path: Path, log: EventLog) -> None:
    """Pinning the same bytes again adds no row and is no fault."""
    await append(log, [entry(RUN, 1, started())], [Content(NAME, TEXT), Content(NAME, TEXT)])
    await append(log, [], [Content(NAME, TEXT)])

    assert await log.read_content(NAME) == TEXT
    with closing(sqlite3.connect(path)) as database:
        assert list(database.execute("SELECT digest, bytes FROM contents")) == [(bytes.fromhex(NAME), TEXT)]


async def test_contents_that_are_missing_are_told_by_name(log: EventLog) -> None:
    """A digest the log does not hold is an error that names it."""
    with pytest.raises(LogUnreadable, match=NAME):
        await log.read_content(NAME)


async def test_the_writing_connection_syncs_every_commit(log: SqliteLog) -> None:
    """The log is written in WAL mode with synchronous=FULL (2): what was shown survives a power cut."""
    found = [
        row[0]
        for pragma in ("journal_mode", "synchronous")
        for row in await log._writing.execute_fetchall(f"PRAGMA {pragma}")
    ]

    assert found == ["wal", 2]


async def test_a_database_that_gives_no_wal_is_refused() -> None:
    """An in-memory database can't be in WAL mode, so it is no place for a log."""
    with pytest.raises(LogUnreadable, match=r"needs journal_mode=wal, synchronous=2; SQLite gave journal_mode=memory"):
        await connection.open_writing(Path(":memory:"))


def test_a_connection_that_does_not_sync_as_asked_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SQLite says about `synchronous` is compared with what the log needs, and not taken for granted."""
    monkeypatch.setattr(connection, "FULL", 3)

    assert "SQLite gave journal_mode=wal, synchronous=2" in str(refusal(path))


async def test_readers_can_not_write(log: SqliteLog) -> None:
    """The connection that answers readers is read-only by itself."""
    with pytest.raises(LogUnavailable, match="readonly"):
        await log._rows.read("INSERT INTO contents VALUES (x'00', x'00')")


def test_a_database_of_another_program_is_refused_and_not_touched(path: Path) -> None:
    """A database with tables that are not ours stays as it is, byte for byte."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE events (position INTEGER)")
        database.commit()
    before = path.read_bytes()

    error = refusal(path)

    assert isinstance(error, LogUnreadable)
    assert str(error) == f"{path} is a database of another program, not an event log"
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"notes: buy milk\n" * 400, b"short", bytes(range(256)) * 40])
def test_a_file_that_is_no_database_is_refused_and_not_touched(path: Path, content: bytes) -> None:
    """A file that happens to have the log's name stays as it is, byte for byte."""
    path.write_bytes(content)

    error = refusal(path)

    assert isinstance(error, LogUnreadable)
    assert f"{path} is not an event log" in str(error)
    assert path.read_bytes() == content


def rewrite_first_event(path: Path, change: str) -> bytes:
    """Change the first event past the triggers, as a later version would have written it; gives the file's bytes."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER events_no_update")
        database.execute(f"UPDATE events SET {change} WHERE position = 1")
        database.commit()
    return path.read_bytes()


def test_a_log_of_a_later_format_is_refused_and_not_touched(closed: Path) -> None:
    """Format 2 is not ours to read: a sentence says so, and the file stays as it is, byte for byte."""
    before = rewrite_first_event(closed, """body = CAST('{"format":2,"log_id":"00"}' AS BLOB)""")

    error = refusal(closed)

    assert isinstance(error, LogUnreadable)
    assert str(error) == f"{closed} has format 2; this matchspec knows format 1"
    assert closed.read_bytes() == before


def test_a_log_that_does_not_begin_as_one_is_refused(closed: Path) -> None:
    """The first event must be log_created."""
    rewrite_first_event(closed, """type = 'resumed', body = CAST('{"process":"p","left":1,"after":"stop"}' AS BLOB)""")

    assert "its first event is not log_created" in str(refusal(closed))


async def test_an_event_of_a_newer_version_stops_the_reader_with_a_sentence(closed: Path) -> None:
    """A type this version does not know is never skipped: the sentence names it and the way out."""
    with closing(sqlite3.connect(closed)) as database:
        database.execute(f"INSERT INTO events VALUES (4, '{RUN}', 3, 'example_cached', '{AT}', x'7B7D', x'00', x'00')")
        database.commit()
    log = await open_log(closed, AT)

    with pytest.raises(LogUnreadable, match=r"'example_cached', written by a newer matchspec: upgrade"):
        _ = [one async for one in log.read_run(RUN)]
    await log.close()


def test_a_folder_in_the_logs_place_is_told(tmp_path: Path) -> None:
    """What can't be opened at all is an error with the path, not a traceback of SQLite."""
    (tmp_path / "logs").mkdir()

    error = refusal(tmp_path / "logs")

    assert isinstance(error, LogUnavailable)
    assert str(tmp_path / "logs") in str(error)


async def test_the_logs_folder_is_made(tmp_path: Path) -> None:
    """A path below folders that are not there yet is fine."""
    path = tmp_path / "a" / "b" / "matchspec.db"
    await (await open_log(path, AT)).close()

    assert columns(path) == [(1, "log", 1, "log_created")]


async def test_a_log_that_is_locked_can_be_written_again_after_reopening(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that another program keeps from happening is an error, and leaves neither event nor content."""
    monkeypatch.setattr(connection, "_BUSY_MS", 20)
    log = await open_log(path, AT)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable, match="the log can't be written: database is locked"):
            await append(log, [entry(RUN, 1, started())], [Content(NAME, TEXT)])
        database.execute("ROLLBACK")

    await log.reopen()
    (recorded,) = await append(log, [entry(RUN, 1, started())])

    assert recorded.position == 2
    assert columns(path) == [(1, "log", 1, "log_created"), (2, RUN, 1, "started")]
    await log.close()


async def test_a_log_is_not_reopened_while_there_is_no_room(path: Path, log: EventLog) -> None:
    """Where a full disk lets the log be opened, reopening fails all the same: nothing could be written. Then it works.

    The limit of a file's size stands in for the disk.
    """
    free = resource.getrlimit(resource.RLIMIT_FSIZE)
    full = path.with_name(f"{path.name}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (full, free[1]))
    try:
        with pytest.raises(LogUnavailable):
            await append(log, [entry(RUN, 1, started())])
        with pytest.raises(LogUnavailable):
            await log.reopen()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, free)

    await log.reopen()
    await append(log, [entry(RUN, 1, started())])

    assert columns(path) == [(1, "log", 1, "log_created"), (2, RUN, 1, "started")]


async def test_a_repeated_version_is_refused_whole(path: Path, log: EventLog) -> None:
    """An event over an existing (run, version) takes the whole append with it, so that a repeat is harmless."""
    await append(log, [entry(RUN, 1, started())])

    with pytest.raises(LogUnavailable, match="append-only"):
        await append(log, [entry(RUN, 2, scored(0)), entry(RUN, 1, started())], [Content(NAME, TEXT)])

    assert columns(path) == [(1, "log", 1, "log_created"), (2, RUN, 1, "started")]
    with pytest.raises(LogUnreadable):
        await log.read_content(NAME)


async def test_a_refused_append_leaves_the_log_free_for_the_next(path: Path, log: EventLog) -> None:
    """Nothing of a refused append stays open: another process may look, and the next append is taken."""
    await append(log, [entry(RUN, 1, started())])
    with pytest.raises(LogUnavailable):
        await append(log, [entry(RUN, 1, started())])
    await append(log, [entry(RUN, 2, scored(0))])
    assert [row[:3] for row in columns(path)] == [(1, "log", 1), (2, RUN, 1), (3, RUN, 2)]


async def test_an_append_that_nobody_waits_for_any_more_is_whole(path: Path) -> None:
    """Cancelling the task that appends leaves no open transaction behind: all of it is there."""
    log = await open_log(path, AT)
    appending = asyncio.create_task(append(log, [entry(RUN, version) for version in range(1, 101)]))
    await asyncio.sleep(0)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    await log.close()

    assert len(columns(path)) == 101
