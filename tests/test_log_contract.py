"""What a log promises, wherever it is kept: the same tests over a SQLite file and over PostgreSQL."""

import asyncio
import hashlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from facts import AT, RUN, append, entry, scored, started, versions
from postgres import new_database, run_sql

from domain import chain
from domain.errors import LogUnavailable, LogUnreadable
from domain.events import LogCreated
from service.log.address import LogAddress, PostgresUrl
from service.log.event_log import Append, Content, EventLog
from service.log.opening import connect_reader, open_log, open_reader
from service.log.postgres import connection
from service.log.postgres.event_log import PostgresLog
from service.log.rows import PAGE, PAGE_BYTES
from service.log.verifying import verify_log

pytestmark = pytest.mark.xdist_group("postgres")

ROOT = Path(__file__).parent.parent
OTHER = "run-20260315-143022-b000"
TEXT = b'{"id":"ex-0"}\n'
NAME = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> LogAddress:
    """Where a log is to be, and none is yet."""
    return tmp_path / "matchspec.db" if request.param == "sqlite" else new_database()


@pytest.fixture
async def log(address: LogAddress) -> AsyncIterator[EventLog]:
    """A new log, open."""
    opened = await open_log(address, AT)
    yield opened
    await opened.close()


def change(address: LogAddress, *statements: str) -> None:
    """Run statements on a log's database, as its owner, past our own code."""
    if isinstance(address, PostgresUrl):
        run_sql(address, "SET search_path = matchspec", *statements)
        return
    with closing(sqlite3.connect(address)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


async def positions(address: LogAddress) -> list[tuple[int, str, int]]:
    """Position, run and version of all events."""
    async with open_reader(address) as reader:
        return [(one.position, one.run_id, one.version) async for some in reader.read_after(0) for one in some]


async def test_a_new_log_begins_with_its_format_and_an_id(address: LogAddress) -> None:
    """The first event is log_created of format 1 in the run `log`; opening the log again adds nothing."""
    for _ in range(3):
        await (await open_log(address, AT)).close()
    async with open_reader(address) as reader:
        (first,) = [one async for some in reader.read_after(0) for one in some]
    assert (first.position, first.run_id, first.version, first.at) == (1, "log", 1, AT)
    assert isinstance(first.event, LogCreated)
    assert first.event.format == 1


async def test_positions_count_over_the_log_and_go_on_after_it_was_closed(address: LogAddress) -> None:
    """Positions are 1, 2, 3, ... over the log, whatever runs, groups and openings the events belong to."""
    log = await open_log(address, AT)
    await append(log, [entry(RUN, 1, started()), entry(OTHER, 1, started())])
    await append(log, [entry(OTHER, 2)])
    await log.close()
    log = await open_log(address, AT)
    recorded = await append(log, [entry(RUN, 2), entry(RUN, 3)])
    await log.close()

    assert [(one.position, one.run_id, one.version) for one in recorded] == [(5, RUN, 2), (6, RUN, 3)]
    assert await positions(address) == [
        *[(1, "log", 1), (2, RUN, 1), (3, OTHER, 1), (4, OTHER, 2), (5, RUN, 2), (6, RUN, 3)]
    ]


async def test_hashes_are_those_of_the_chain(log: EventLog) -> None:
    """Leaf and hash of each event are as the log's format says, the first one's from 32 bytes of zero on."""
    await append(log, [entry(RUN, version) for version in range(1, 6)])
    head = bytes(32)
    for run_id in ("log", RUN):
        async for page in log.read_stored(run_id):
            for one in page:
                leaf = chain.leaf(one.version, one.run_id, one.type, one.at, one.body)
                head = chain.link(head, one.position, leaf)
                assert (one.leaf, one.hash) == (leaf, head)
    assert await log.read_head(6) == log.head == (6, head)


async def test_what_is_decided_is_decided_when_it_can_be_appended(log: EventLog) -> None:
    """The decision sees the head that its events follow; one that brings nothing changes nothing."""
    heads: list[int] = []

    def decide() -> Append:
        heads.append(log.head.position)
        return Append([entry(RUN, 1)] if len(heads) == 1 else [])

    assert [one.position for one in await log.append(decide)] == [2]
    assert await log.append(decide) == []
    assert heads == [1, 2]


async def test_reading_gives_what_was_recorded_in_pages(log: EventLog) -> None:
    """Every event comes once and in order, beyond one page too; texts of any script come back as they were."""
    count = 2 * PAGE + 1
    event = scored(1, output="größer 🦉 \u2028 \x00")
    appended = await append(log, [entry(RUN, 1, event), *(entry(RUN, version) for version in range(2, count + 1))])
    await append(log, [entry(OTHER, 1)])

    events = [one.event async for one in log.read_run(RUN)]
    assert events == [one.event for one in appended]
    assert await versions(log.read_run(RUN)) == list(range(1, count + 1))
    assert await versions(log.read_run(RUN, after=count - 2)) == [count - 1, count]
    assert await versions(log.read_run(RUN, up_to=2)) == [1, 2]
    assert [one.position async for some in log.read_after(0) for one in some] == list(range(1, count + 3))
    assert [await log.last_version(run_id) for run_id in (RUN, OTHER, "none")] == [count, 1, 0]
    assert await log.read_run_ids() == ["log", RUN, OTHER]
    assert list(await log.read_bodies(RUN, [1, 3], 10_000)) == [1, 3]
    assert await log.read_bodies(RUN, [1, 3], 1) == {}
    one, none = await log.read_one(RUN, 2), await log.read_one(RUN, count + 1)
    assert none is None
    assert one is not None
    assert (one.position, one.body) == (3, await log.read_body(RUN, 2))
    between = [(one.run_id, bool(one.body)) async for page in log.read_between(count, count + 2, OTHER) for one in page]
    assert between == [(RUN, False), (OTHER, True)]


async def test_a_page_is_bounded_by_its_bytes_too(log: EventLog) -> None:
    """Large events come in small pages, one at the least: five of 0.4 of a page's bytes in threes, a huge one alone."""
    large, huge = "x" * (PAGE_BYTES * 4 // 10), "x" * (2 * PAGE_BYTES)
    outputs = [huge, *[large] * 5]
    await append(log, [entry(RUN, version, scored(0, output=output)) for version, output in enumerate(outputs, 1)])
    assert [[one.version for one in page] async for page in log.read_stored(RUN)] == [[1], [2, 3, 4], [5, 6]]


async def test_how_runs_began_and_ended_is_read_apart(log: EventLog) -> None:
    """`read_ends` gives starts and ends only, in the log's order."""
    await append(log, [entry(RUN, 1, started()), entry(RUN, 2), entry(OTHER, 1, started()), entry(RUN, 3)])
    assert [(one.run_id, one.version) async for one in log.read_ends()] == [(RUN, 1), (OTHER, 1)]


async def test_contents_are_kept_once_and_missing_ones_are_named(address: LogAddress, log: EventLog) -> None:
    """Pinning the same bytes again adds nothing and is no fault; a digest that is not there is named."""
    await append(log, [entry(RUN, 1, started())], [Content(NAME, TEXT), Content(NAME, TEXT)])
    await append(log, [], [Content(NAME, TEXT)])
    assert await log.read_content(NAME) == TEXT
    assert await asyncio.to_thread(lambda: verify_log(address).contents) == 1
    with pytest.raises(LogUnreadable, match="00" * 32):
        await log.read_content("00" * 32)


async def test_a_repeated_version_is_refused_whole_and_the_log_goes_on(address: LogAddress, log: EventLog) -> None:
    """An event over an existing (run, version) takes the whole append with it; the next append is taken."""
    await append(log, [entry(RUN, 1, started())])
    with pytest.raises(LogUnavailable, match="can't be written"):
        await append(log, [entry(RUN, 2), entry(RUN, 1)], [Content(NAME, TEXT)])
    with pytest.raises(LogUnreadable):
        await log.read_content(NAME)
    (recorded,) = await append(log, [entry(RUN, 2)])
    assert recorded.position == 3
    assert len(await positions(address)) == 3


async def test_a_decision_that_fails_leaves_the_log_free(log: EventLog) -> None:
    """What a decision raises goes to who appends; the next append is taken."""

    def fail() -> Append:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await log.append(fail)
    assert [one.position for one in await append(log, [entry(RUN, 1)])] == [2]


CHANGES = [
    "UPDATE events SET version = 9 WHERE position = 2",
    "UPDATE events SET version = 9 WHERE position = 99 OR 1 = 1",
    "DELETE FROM events WHERE position = 3",
    "DELETE FROM events",
    "INSERT INTO events SELECT * FROM events WHERE true ON CONFLICT (position) DO UPDATE SET version = 9",
    "UPDATE contents SET digest = bytes",
    "DELETE FROM contents",
]
ONLY = {
    "sqlite": ["INSERT OR REPLACE INTO events SELECT * FROM events", "REPLACE INTO contents SELECT * FROM contents"],
    "postgres": [
        "TRUNCATE events",
        "TRUNCATE contents",
        "SET session_replication_role = replica; DELETE FROM events",
    ],
}


async def test_the_database_refuses_every_change(address: LogAddress) -> None:
    """UPDATE, DELETE and whatever else replaces a row are refused by the database itself, in words."""
    log = await open_log(address, AT)
    await append(log, [entry(RUN, 1, started()), entry(RUN, 2)], [Content(NAME, TEXT)])
    await log.close()
    before = verify_log(address)
    for statement in CHANGES + ONLY["postgres" if isinstance(address, PostgresUrl) else "sqlite"]:
        with pytest.raises((sqlite3.DatabaseError, psycopg.Error), match="the event log is append-only"):
            change(address, statement)
    after = verify_log(address)
    assert (after.head, after.contents) == (before.head, before.contents)


def free(address: LogAddress) -> list[str]:
    """What an owner of the database does to be able to change it."""
    if isinstance(address, PostgresUrl):
        return [f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in ("events", "contents")]
    events = [f"DROP TRIGGER events_no_{what}" for what in ("update", "delete", "replace")]
    return events + [f"DROP TRIGGER contents_no_{what}" for what in ("update", "delete", "replace")]


def secured(address: LogAddress) -> list[str]:
    """What verify says where nothing but the triggers are gone, or put aside."""
    if isinstance(address, PostgresUrl):
        return [f"the trigger {table}_no_change is not the format's" for table in ("contents", "events")]
    names = [f"{table}_no_{what}" for table in ("contents", "events") for what in ("delete", "replace", "update")]
    return [f"the trigger {name} is gone" for name in names]


def found(address: LogAddress) -> list[str]:
    """What verify finds, but for the plan and the manifest that the made run names and no log of ours holds."""
    return [one for one in verify_log(address).breaks if not re.match(f"the contents ({'00' * 32}|{'11' * 32})", one)]


TAMPERED: list[tuple[str, str]] = [
    ("UPDATE events SET version = 9 WHERE position = 3", "event 3 "),
    ("DELETE FROM events WHERE position = 3", "event 3 is missing: event 4 is the next"),
    ("UPDATE events SET leaf = hash WHERE position = 3", "event 3 "),
    ("UPDATE contents SET bytes = digest", f"the contents {NAME} are not what was recorded"),
    ("UPDATE events SET run_id = 'run-20260315-143022-b000' WHERE position = 4", "event 4 "),
    ("CREATE INDEX more ON events (at)", "there is an index more, which no log has"),
    ("ALTER TABLE contents ADD COLUMN more text", "contents"),
]


@pytest.mark.parametrize(("tampering", "said"), TAMPERED)
async def test_verify_finds_what_was_altered(address: LogAddress, tampering: str, said: str) -> None:
    """A log as it was recorded is whole; whatever its owner changes behind the triggers' back is found and placed."""
    log = await open_log(address, AT)
    await append(log, [entry(RUN, 1, started()), entry(RUN, 2), entry(RUN, 3)], [Content(NAME, TEXT)])
    await log.close()
    assert found(address) == []

    change(address, *free(address), tampering)

    breaks = [one for one in found(address) if one not in secured(address)]
    assert any(said in one for one in breaks), breaks


async def test_readers_can_not_write(address: LogAddress, log: EventLog) -> None:
    """The connection that answers readers is read-only by itself."""
    reader = await connect_reader(address)
    for one in (log, reader):
        with pytest.raises(LogUnavailable, match=r"read-?only"):
            await one._rows.read("INSERT INTO contents SELECT digest, bytes FROM contents")
    await reader.close()


async def test_an_event_of_a_newer_version_stops_the_reader_with_a_sentence(address: LogAddress) -> None:
    """A type this version does not know is never skipped: the sentence names it and the way out."""
    await (await open_log(address, AT)).close()
    change(
        address,
        f"INSERT INTO events SELECT 2, '{RUN}', 1, 'example_cached', at, body, leaf, hash FROM events",
    )
    log = await open_log(address, AT)
    with pytest.raises(LogUnreadable, match=r"'example_cached', written by a newer matchspec: upgrade"):
        _ = [one async for one in log.read_run(RUN)]
    await log.close()


async def test_a_log_of_a_later_format_is_refused(address: LogAddress) -> None:
    """Format 2 is not ours to read: a sentence says so, to readers and writers."""
    await (await open_log(address, AT)).close()
    replaced = """replace(body, '"format":1', '"format":2')"""
    if isinstance(address, PostgresUrl):
        replaced = """convert_to(replace(convert_from(body, 'UTF8'), '"format":1', '"format":2'), 'UTF8')"""
    change(address, *free(address)[:1], f"UPDATE events SET body = CAST({replaced} AS {blob(address)})")
    for opening in (open_log(address, AT), connect_reader(address)):
        with pytest.raises(LogUnreadable, match="has format 2; this matchspec knows format 1"):
            await opening


def blob(address: LogAddress) -> str:
    """The type of bytes."""
    return "bytea" if isinstance(address, PostgresUrl) else "BLOB"


APPEND = """
import asyncio, sys
from facts import AT, entry, started
from service.log.address import PostgresUrl
from service.log.event_log import Append
from service.log.opening import open_log

async def append_all(run_id):
    log = await open_log(PostgresUrl(sys.argv[1]), AT)
    events = [entry(run_id, 1, started(201)), *(entry(run_id, version) for version in range(2, 201))]
    for first in range(0, 200, 2):
        await log.append(lambda: Append(events[first:first + 2]))
    await log.close()

asyncio.run(append_all(sys.argv[2]))
"""


def test_processes_that_append_at_once_make_one_order() -> None:
    """Three processes with 100 appends of two events each: no gap, every version, one chain, no group torn apart."""
    address = new_database()
    path = f"{ROOT}:{ROOT / 'tests'}"
    appending = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND, address.url, f"run-20260315-14302{n}-b000"], env={"PYTHONPATH": path}
        )
        for n in range(3)
    ]
    assert [process.wait(50) for process in appending] == [0, 0, 0]

    verified = verify_log(address)
    assert (verified.head.position, verified.runs, verified.whole, found(address)) == (601, 3, True, [])
    rows = run_sql(address, "SELECT run_id, version FROM matchspec.events WHERE position > 1 ORDER BY position")
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    assert all(one == other and second == first + 1 for (one, first), (other, second) in pairs)


async def test_what_others_append_is_taken_in_before_anything_is_decided() -> None:
    """Each of two logs on one database is handed what the other one appended, in order, before its own decision."""
    address = new_database()
    one, two = await open_log(address, AT), await open_log(address, AT)
    taken: list[int] = []
    woken = asyncio.Event()
    two.follow(lambda recorded: taken.append(recorded.position), woken.set)
    await append(one, [entry(RUN, 1), entry(RUN, 2)])
    async with asyncio.timeout(10):
        await woken.wait()
    seen: list[list[int]] = []

    def decide() -> Append:
        seen.append(list(taken))
        return Append([entry(RUN, 3)])

    assert [recorded.position for recorded in await two.append(decide)] == [4]
    assert seen == [[2, 3]]
    assert [recorded.position async for recorded in one.read_on()] == [4]
    assert one.head == two.head
    await one.close()
    await two.close()


async def test_who_is_frozen_while_it_appends_loses_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that holds the lock and goes no further is cut off, the others append, and it goes on behind them."""
    monkeypatch.setattr(connection, "_WRITING", connection._WRITING.replace("'5s'", "'300ms'"))
    address = new_database()
    frozen, other = await PostgresLog.open(address, AT), await PostgresLog.open(address, AT)
    await frozen._begin_alone()
    assert [one.position for one in await append(other, [entry(RUN, 1)])] == [2]
    with pytest.raises(LogUnavailable, match="can't be written"):
        await append(frozen, [entry(OTHER, 1)])
    await frozen.reopen()
    assert [one.position for one in await append(frozen, [entry(OTHER, 1)])] == [3]
    await frozen.close()
    await other.close()


async def test_a_run_with_a_hole_is_never_read_as_whole(log: EventLog) -> None:
    """Neither whoever folds it nor whoever reads its events is given what is left as if it were all."""
    await append(log, [entry(RUN, 1, started()), *(entry(RUN, version) for version in (2, 3, 5, 6, 7, 8))])
    told = f"of the events of {RUN} from version 1 to 8 not every one is there; `matchspec verify`"
    with pytest.raises(LogUnreadable, match=re.escape(told)):
        await log.fold_run(RUN, lambda _stretch: None)
    with pytest.raises(LogUnreadable, match=re.escape(told)):
        _ = [one async for one in log.read_run(RUN)]
