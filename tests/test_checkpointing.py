"""The checkpoint beside a log: written as the log grows, and held against it at the next start."""

import asyncio
import hashlib
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from facts import AT, RUN, append, entry, scored, started
from keys import write_keys
from project import examples, write_project
from run_events import finished
from running import FakeModel, serving
from server import run_serve

from domain.checkpoint import Checkpoint, Note, encode
from domain.errors import LogContradicted
from service.log import checkpointing
from service.log.checkpoint_file import checkpoint_path, read_checkpoint, write_checkpoint
from service.log.event_log import EventLog
from service.log.opening import open_log
from service.log.signing import VARIABLE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "matchspec.db"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[EventLog]:
    """A new log, open."""
    opened = await open_log(path, AT)
    yield opened
    await opened.close()


def last(path: Path) -> tuple[int, bytes, str]:
    """The last event's position, hash and time, past our own code."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT position, hash, at FROM events ORDER BY position DESC LIMIT 1"
        found: tuple[int, bytes, str] = database.execute(query).fetchone()
    return found


def told(path: Path) -> Checkpoint:
    """What the checkpoint says."""
    note = read_checkpoint(checkpoint_path(path))
    assert note
    return note.checkpoint


async def until_told(path: Path, position: int) -> None:
    """Wait until the checkpoint has come to a position."""
    async with asyncio.timeout(20):
        while read_checkpoint(checkpoint_path(path)) is None or told(path).position < position:
            await asyncio.sleep(0.01)


def put_back(path: Path, copy: Path) -> None:
    """Put an older log into the place of a closed one, whose checkpoint stays."""
    shutil.copy(copy, path)


async def grown(path: Path, rows: int, copy: Path | None = None) -> None:
    """Append scores to a log, and close it; a copy is made of what it was before."""
    log = await open_log(path, AT)
    if log.head.position == 1:
        await append(log, [entry(RUN, 1, started())])
    await log.close()
    if copy:
        shutil.copy(path, copy)
    log = await open_log(path, AT)
    await append(log, [entry(RUN, log.head.position + row, scored(row)) for row in range(rows)])
    await log.close()


async def test_a_closed_log_has_a_checkpoint_of_its_last_event(path: Path) -> None:
    """Position, hash and time are those of the last event, the origin is the log's id."""
    log = await open_log(path, AT)
    await append(log, [entry(RUN, 1, started()), entry(RUN, 2, scored(0))])
    await log.close()

    position, link, at = last(path)
    assert (position, at) == (3, AT)
    assert told(path) == Checkpoint(log.log_id, 3, link, AT)
    assert checkpoint_path(path).name == "matchspec.db.checkpoint"
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "matchspec.db",
        "matchspec.db.checkpoint",
        "matchspec.db.lock",
    ]


async def test_the_end_of_a_run_has_a_checkpoint_at_once(
    path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other events wait for their second; the end of a run does not."""
    monkeypatch.setattr(checkpointing, "SECONDS", 3600)
    await until_told(path, 1)
    await append(log, [entry(RUN, 1, started())])
    await append(log, [entry(RUN, 2, finished())])
    await until_told(path, 3)


async def test_a_log_that_grows_has_few_checkpoints(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred appends one after another lead to a handful, none of which is ahead of the log."""
    written: list[int] = []

    def write(target: Path, note: Note) -> None:
        assert note.checkpoint.position <= last(path)[0]
        written.append(note.checkpoint.position)
        write_checkpoint(target, note)

    monkeypatch.setattr(checkpointing, "write_checkpoint", write)
    monkeypatch.setattr(checkpointing, "SECONDS", 3600)
    log = await open_log(path, AT)
    for version in range(1, 101):
        await append(log, [entry(RUN, version)])
    await log.close()

    assert written == sorted(written)
    assert written[-1] == 101
    assert len(written) <= 3


async def test_a_checkpoint_that_can_not_be_written_stops_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log goes on; the fault is told once, and the checkpoint comes when it can, with nothing new to say."""
    log = await open_log(path, AT)
    await until_told(path, 1)
    monkeypatch.setattr(checkpointing, "SECONDS", 0.02)
    monkeypatch.setattr(checkpointing, "SHORTEST_SECONDS", 0.01)
    tries: list[Path] = []

    def fail(target: Path, _note: Note) -> None:
        tries.append(target)
        raise OSError(28, "No space left on device")

    with caplog.at_level(logging.WARNING, "matchspec.log"):
        monkeypatch.setattr(checkpointing, "write_checkpoint", fail)
        await append(log, [entry(RUN, 1, started())])
        async with asyncio.timeout(20):
            while len(tries) < 3:
                await asyncio.sleep(0.01)
        monkeypatch.setattr(checkpointing, "write_checkpoint", write_checkpoint)
        await until_told(path, 2)
        await log.close()  # the file is there a moment before that is told

    assert [record.getMessage() for record in caplog.records] == [
        "the checkpoint can't be written, and is tried again: [Errno 28] No space left on device",
        "the checkpoint can be written again",
    ]


async def test_a_fault_while_the_checkpoint_is_written_leaves_the_one_before(path: Path) -> None:
    """The file is replaced whole: a folder in the place of the new one is a fault, and the old one is there."""
    await grown(path, 1)
    before = told(path)
    path.with_name(f"{checkpoint_path(path).name}.new").mkdir()
    await grown(path, 1)

    assert told(path) == before


async def test_a_log_that_was_put_back_is_not_opened(path: Path, tmp_path: Path) -> None:
    """An older copy contradicts the checkpoint: the start says both ways it can have come about, and the way out."""
    await grown(path, 3, copy=tmp_path / "backup.db")
    put_back(path, tmp_path / "backup.db")

    with pytest.raises(LogContradicted) as refused:
        await open_log(path, AT)

    assert str(refused.value) == (
        f"the log {path} contradicts its checkpoint of {AT}: the log ends before event 5. Either the log was changed "
        f"or cut off, or a backup of it was put back. Nothing was written. `matchspec verify --db {path}` looks "
        f"closer; where a backup was put back, `matchspec verify --accept --db {path}` says so"
    )
    assert last(path)[0] == 2
    assert told(path).position == 5


async def test_a_log_with_another_event_there_is_not_opened(path: Path) -> None:
    """One event put in the place of another, with a hash of its own."""
    await grown(path, 3)
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER events_no_update")
        database.execute("UPDATE events SET hash = zeroblob(32) WHERE position = 5")
        database.commit()

    with pytest.raises(LogContradicted, match=rf"event 5 has the hash {'00' * 32} in the log"):
        await open_log(path, AT)


async def test_a_new_log_in_the_place_of_another_is_not_opened(path: Path) -> None:
    """Neither one with another id, nor none at all: no first event is written beside a checkpoint of another."""
    await grown(path, 1)
    await grown(path.with_name("other.db"), 9)
    shutil.copy(path.with_name("other.db"), path)
    with pytest.raises(LogContradicted, match="it is one of the log"):
        await open_log(path, AT)
    empty = path.with_name("empty.db")
    shutil.copy(checkpoint_path(path), checkpoint_path(empty))
    with pytest.raises(LogContradicted, match="the log is empty"):
        await open_log(empty, AT)
    with closing(sqlite3.connect(empty)) as database:
        assert list(database.execute("SELECT * FROM events")) == []


async def test_a_log_may_be_ahead_of_its_checkpoint(path: Path) -> None:
    """After a crash the last second is not in it: nothing is contradicted, and the log goes on."""
    await grown(path, 1)
    early = checkpoint_path(path).read_bytes()
    await grown(path, 3)
    checkpoint_path(path).write_bytes(early)
    await grown(path, 1)

    assert told(path).position == last(path)[0] == 7


async def test_a_log_without_a_checkpoint_gets_one_when_it_grows(path: Path) -> None:
    """A log of an earlier version has none."""
    await grown(path, 1)
    checkpoint_path(path).unlink()
    await (await open_log(path, AT)).close()
    assert not checkpoint_path(path).exists()  # nothing was synced in this process that it could tell
    await grown(path, 1)

    assert told(path).position == 4


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(200)])
async def test_a_checkpoint_that_can_not_be_read_is_kept_aside(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It proves nothing and stops nothing; it is kept, and told."""
    await grown(path, 1)
    checkpoint_path(path).write_bytes(content)
    with caplog.at_level(logging.WARNING, "matchspec.log"):
        await grown(path, 1)

    aside = path.with_name("matchspec.db.checkpoint.unreadable")
    assert aside.read_bytes() == content
    assert told(path).position == 4
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.endswith(f"It is kept as {aside.name}; a new one is begun")


async def test_with_a_key_checkpoints_are_signed(path: Path, tmp_path: Path) -> None:
    """The file holds a signature of the key; one that claims to be of the key and is not keeps the log shut."""
    keys = write_keys(tmp_path)
    log = await open_log(path, AT, keys.signer)
    await append(log, [entry(RUN, 1, started())])
    await log.close()

    note = read_checkpoint(checkpoint_path(path))
    assert note
    assert keys.verifier.reject(note) is None
    await (await open_log(path, AT, keys.signer)).close()

    forged = note._replace(checkpoint=note.checkpoint._replace(at="2026-03-15T14:30:22.999999Z"))
    checkpoint_path(path).write_bytes(encode(forged))
    with pytest.raises(LogContradicted, match="its signature is wrong"):
        await open_log(path, AT, keys.signer)


async def test_a_key_may_come_later(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A checkpoint that was not signed yet is told, and the next one is signed."""
    await grown(path, 1)
    keys = write_keys(tmp_path)
    with caplog.at_level(logging.WARNING, "matchspec.log"):
        log = await open_log(path, AT, keys.signer)
    await append(log, [entry(RUN, 9, scored(1))])
    await log.close()

    note = read_checkpoint(checkpoint_path(path))
    assert note
    assert keys.verifier.reject(note) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"the checkpoint of {path}: it is not signed with this key; the next one is"
    ]


async def test_a_service_leaves_a_checkpoint_of_its_last_event(tmp_path: Path) -> None:
    """After a run of a service with a key: signed, and of the last event that is in the log."""
    config = write_project(tmp_path, examples=examples(20))
    keys = write_keys(tmp_path)
    async with serving(config, FakeModel(), environment={VARIABLE: str(keys.private)}) as client:
        await client.run()
        await until_told(tmp_path / ".matchspec/matchspec.db", 23)  # log_created, started, 20 scores, finished
    db = tmp_path / ".matchspec/matchspec.db"
    note = read_checkpoint(checkpoint_path(db))
    assert note
    assert (note.checkpoint.position, note.checkpoint.hash, note.checkpoint.at) == last(db)
    assert keys.verifier.reject(note) is None


@pytest.mark.timeout(60)
def test_the_refusals_of_a_start_have_their_exit_codes(tmp_path: Path) -> None:
    """A key that can't be read is the user's mistake (2); a log that contradicts its checkpoint can't be run (3)."""
    write_project(tmp_path)
    ended = run_serve(tmp_path, **{VARIABLE: "nowhere.pem"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"matchspec: {VARIABLE}: the file nowhere.pem can't be read: No such file or directory\n"

    db = tmp_path / ".matchspec/matchspec.db"
    asyncio.run(grown_below(db))
    db.unlink()
    ended = run_serve(tmp_path)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith(f"matchspec: the log {db} contradicts its checkpoint of {AT}: the log is empty. ")


async def grown_below(db: Path) -> None:
    """Make a log below folders that are not there yet."""
    await (await open_log(db, AT)).close()
    await grown(db, 1)


def test_a_checkpoint_is_replaced_whole(path: Path) -> None:
    """Whoever reads sees one checkpoint or the next, and no other file is left."""
    for position in (1, 2, 10**17):
        content = hashlib.sha256(bytes(position % 7)).digest()
        write_checkpoint(checkpoint_path(path), Note(Checkpoint("ab", position, content, AT)))
        assert told(path) == Checkpoint("ab", position, content, AT)
    assert [one.name for one in path.parent.iterdir()] == ["matchspec.db.checkpoint"]
