"""`matchspec verify`: what it says of logs that are whole, that were changed, and that it can't read."""

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from calling import Called, call
from facts import AT
from keys import Keys, write_keys
from made_logs import db_of, make_log
from tampering import close_up, count, insert, past_the_triggers, rechain

from domain.checkpoint import encode
from service.log import storage
from service.log.checkpoint_file import checkpoint_path, read_checkpoint, write_checkpoint
from service.log.opening import open_log
from service.log.signing import VARIABLE

WHOLE = re.compile(r"1 log, [\d,]+ events: nothing altered\n$")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a log of some runs, closed; `older.db` beside it is the log as it was before the last ones."""
    folder = tmp_path_factory.mktemp("made")
    db = make_log(folder, 3)
    shutil.copy(db, folder / "older.db")
    make_log(folder, 4)
    return folder


def told(called: Called) -> list[str]:
    """What a break is told as, without its mark."""
    return [line.strip().removeprefix("✗ ") for line in called.stdout.splitlines() if line.startswith("  ✗ ")]


def first(log: sqlite3.Connection, name: str) -> tuple[int, str, int]:
    """Position, run and version of the first event of a type."""
    query = "SELECT position, run_id, version FROM events WHERE type = ? ORDER BY position"
    found: tuple[int, str, int] = log.execute(query, (name,)).fetchone()
    return found


def test_a_whole_log_is_told_with_what_it_holds(folder: Path) -> None:
    """Events, runs, contents, the head with its hash, what its checkpoint covers; exit 0."""
    with closing(sqlite3.connect(db_of(folder))) as log:
        rows = log.execute("SELECT position, run_id, at, hash FROM events ORDER BY position").fetchall()
        ((contents,),) = log.execute("SELECT count(*) FROM contents")
    position, _, at, link = rows[-1]
    runs = len({row[1] for row in rows}) - 1

    called = call(folder, "verify")

    assert (called.code, called.stderr) == (0, "")
    assert called.stdout == (
        "✓ .matchspec/matchspec.db\n"
        f"  events      {position:,} of {runs} runs\n"
        f"  contents    {contents}\n"
        f"  head        event {position} of {at}\n"
        f"              {link.hex()}\n"
        f"  checkpoint  event {position} of {at} agrees, not signed\n"
        f"1 log, {position:,} events: nothing altered\n"
    )


@pytest.mark.parametrize("how", ["crash", "resume"])
def test_a_crash_alters_nothing(tmp_path: Path, how: str) -> None:
    """A log with part of it in its WAL, and one that was gone on with, are whole."""
    make_log(tmp_path, 1, crash=how == "crash", resume=how == "resume")
    called = call(tmp_path, "verify")
    assert called.code == 0, called.stdout
    assert WHOLE.search(called.stdout)


def edit(log: sqlite3.Connection, change: str) -> None:
    """Change the third event."""
    log.execute(f"UPDATE events SET {change} WHERE position = 3")


def cut_out(log: sqlite3.Connection) -> None:
    """Take the fifth event out, and close up."""
    log.execute("DELETE FROM events WHERE position = 5")
    close_up(log)


ORIGINAL = "its run_id, version, type, at or body is not what was recorded"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("run_id = run_id || 'x'", ORIGINAL),
        ("version = 1000", ORIGINAL),
        ("type = 'resumed'", ORIGINAL),
        ("at = '2026-03-15T14:30:22.000000Z'", ORIGINAL),
        ("body = CAST('{}' AS BLOB)", ORIGINAL),
        ("body = CAST(body || ' ' AS BLOB)", ORIGINAL),
        ("leaf = zeroblob(32)", "its leaf is not that of its run_id, version, type, at or body"),
        ("hash = zeroblob(32)", "its hash does not follow from the event before"),
    ],
)
def test_every_column_is_checked(folder: Path, change: str, said: str) -> None:
    """A column of one event that was changed is told with the event as it now is, and what is wrong; exit 1."""
    with past_the_triggers(db_of(folder)) as log:
        edit(log, change)
        run_id, version, name = log.execute("SELECT run_id, version, type FROM events WHERE position = 3").fetchone()

    called = call(folder, "verify", "--db", db_of(folder))

    assert called.code == 1
    assert told(called)[0] == f"event 3 ({run_id}, version {version}, {name}): {said}"
    assert "  events      2 of 1 run up to the break\n" in called.stdout
    assert called.stdout.endswith("1 log, 2 events: 1 altered\n")


def test_a_row_that_was_made_to_fit_breaks_at_the_next(folder: Path) -> None:
    """Leaf and hash of a changed event may be right: then the next hash does not follow."""
    with past_the_triggers(db_of(folder)) as log:
        edit(log, "at = '2026-03-15T14:30:22.000000Z'")
        kept = log.execute("SELECT leaf, hash FROM events WHERE position = 4").fetchone()
        rechain(log, 3)
        log.execute("UPDATE events SET leaf = ?, hash = ? WHERE position = 4", kept)

    assert told(call(folder, "verify"))[0].startswith("event 4 (run-")


CUTS: list[tuple[Callable[[sqlite3.Connection], object], str]] = [
    (lambda log: log.execute("DELETE FROM events WHERE position = 5"), r"event 5 is missing: event 6 is the next"),
    (lambda log: log.execute("DELETE FROM events WHERE position <= 2"), r"event 1 is missing: event 3 is the next"),
    (
        cut_out,
        # the next event of the same run has another version now; one of another run is whole, but not the next
        r"event 5 \(run-.*, version \d+, \w+\): its (leaf is not that of its .*|hash does not follow from .*)",
    ),
    (
        lambda log: log.execute("UPDATE events SET position = 0 WHERE position = 5"),
        r"there is an event with position 0 before event 1",
    ),
    (
        lambda log: log.execute("UPDATE events SET position = -9223372036854775808 WHERE position = 5"),
        r"there is an event with position -9223372036854775808 before event 1",
    ),
]


@pytest.mark.parametrize(("change", "said"), CUTS, ids=["gap", "beginning", "closed up", "before", "far before"])
def test_removed_and_moved_events_are_told(
    folder: Path, change: Callable[[sqlite3.Connection], object], said: str
) -> None:
    """The first position that is not as it should be."""
    with past_the_triggers(db_of(folder)) as log:
        change(log)

    assert re.fullmatch(said, told(call(folder, "verify"))[0])


def test_a_version_that_does_not_follow_is_told_though_the_chain_is_right(folder: Path) -> None:
    """A run's second event that calls itself the ninth, in a log whose hashes were all computed anew."""
    with past_the_triggers(db_of(folder)) as log:
        second = "SELECT min(position) FROM events WHERE version = 2"
        log.execute(f"UPDATE events SET version = 1000 WHERE position = ({second})")
        rechain(log, 1)

    assert told(call(folder, "verify"))[0].endswith(": version 2 of its run should be here")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("body = CAST('{' AS BLOB)", "event 3: the log holds a '.*' event that can't be read: "),
        ("""type = 'log_created', body = CAST('{"format":1,"log_id":"00"}' AS BLOB)""",
         "event 3 is log_created: the first event is log_created, and no other"),
    ],
)  # fmt: skip
def test_a_body_must_be_one_of_its_type(folder: Path, change: str, said: str) -> None:
    """Also where every hash fits."""
    with past_the_triggers(db_of(folder)) as log:
        edit(log, change)
        rechain(log, 1)

    assert re.match(said, told(call(folder, "verify"))[0])


def append(log: sqlite3.Connection, run_id: str, name: str, body: bytes, at: str = AT) -> int:
    """Put an event behind the last one, with the version, the leaf and the hash that it would have had."""
    ((version,),) = log.execute("SELECT ifnull(max(version), 0) + 1 FROM events WHERE run_id = ?", (run_id,))
    position = count(log) + 1
    insert(log, (position, run_id, version, name, at, body, b"", b""))
    rechain(log, position)
    return position


def body_of(log: sqlite3.Connection, name: str) -> bytes:
    """The body of the first event of a type."""
    found: tuple[bytes] = log.execute("SELECT body FROM events WHERE type = ? ORDER BY position", (name,)).fetchone()
    return found[0]


NEW_RUN = "run-20260315-143022-0000"
NO_STAMP = "its at is not of the form 2026-03-15T14:30:22.123456Z"


@pytest.mark.parametrize(
    ("run_id", "name", "at", "said"),
    [
        (None, "finished", AT, "its run is over: nothing follows finished"),
        (None, "example_scored", AT, "its run is over: nothing follows finished"),
        (NEW_RUN, "finished", AT, "the first event of a run is started"),
        (NEW_RUN, "example_scored", AT, "the first event of a run is started"),
        ("log", "started", AT, "the run log holds no facts of runs"),
        ("run-1", "started", AT, "its run_id is not of the form run-YYYYMMDD-HHMMSS-xxxx"),
        (NEW_RUN, "started", "2026-03-15 14:30:22", NO_STAMP),
        (NEW_RUN, "started", "2026-02-30T14:30:22.123456Z", NO_STAMP),
    ],
)
def test_an_event_that_no_run_could_have_is_told_though_the_chain_is_right(
    folder: Path, run_id: str | None, name: str, at: str, said: str
) -> None:
    """An event of another run, put behind the end of the log: into a run that is over, or into one of its own."""
    with past_the_triggers(db_of(folder)) as log:
        run_id = run_id or first(log, "finished")[1]
        position = append(log, run_id, name, body_of(log, name), at)
        ((version,),) = log.execute("SELECT version FROM events WHERE position = ?", (position,))

    called = call(folder, "verify")
    assert called.code == 1
    assert told(called)[0] == f"event {position} ({run_id}, version {version}, {name}): {said}"


def test_an_asking_outside_of_what_was_pinned_is_told(folder: Path) -> None:
    """The first score says that it is of the row 1,000,000, and every hash fits."""
    with past_the_triggers(db_of(folder)) as log:
        position, *_ = first(log, "example_scored")
        body = re.sub(rb'"row":\d+', b'"row":1000000', body_of(log, "example_scored"))
        log.execute("UPDATE events SET body = ? WHERE position = ?", (body, position))
        rechain(log, position)

    said = told(call(folder, "verify"))[0]
    assert said.startswith(f"event {position} (run-")
    assert ": its run does not ask that: suite '" in said


@pytest.mark.parametrize("change", ["type = 'example_cached'", """body = CAST('{"format":2,"log_id":"00"}' AS BLOB)"""])
def test_a_log_of_a_newer_version_can_not_be_read(folder: Path, change: str) -> None:
    """A type or a format that is not known here is no break, and nothing to vouch for: exit 3."""
    with past_the_triggers(db_of(folder)) as log:
        log.execute(f"UPDATE events SET {change} WHERE position = {3 if 'type' in change else 1}")
        rechain(log, 1)

    called = call(folder, "verify")
    assert (called.code, called.stdout) == (3, "")
    assert re.search("upgrade to read it|has format 2; this matchspec knows format 1", called.stderr)


def test_text_that_is_no_text_is_told(folder: Path) -> None:
    """Bytes that are no UTF-8 in the place of a time are shown harmlessly."""
    with past_the_triggers(db_of(folder)) as log:
        edit(log, "at = CAST(x'1b5b41ff' AS TEXT)")

    called = call(folder, "verify")
    assert called.code == 1
    assert "\x1b" not in called.stdout


CONTENTS = [
    ("UPDATE contents SET bytes = x'00' WHERE digest = ?", "the contents {} are not what was recorded"),
    ("DELETE FROM contents WHERE digest = ?", "the contents {}, which event {} names, are gone"),
]


@pytest.mark.parametrize(("change", "said"), CONTENTS, ids=["changed", "gone"])
@pytest.mark.parametrize("kind", ["plan", "manifest", "block"])
def test_contents_that_events_name_must_be_there(folder: Path, change: str, said: str, kind: str) -> None:
    """The plan, a manifest and a block of the first run: changed or gone, they are told by their digest."""
    with past_the_triggers(db_of(folder)) as log:
        position, *_ = first(log, "started")
        run = "SELECT json_extract(CAST(body AS TEXT), ?) FROM events WHERE position = ?"
        path = "$.plan" if kind == "plan" else "$.harnesses[0].manifest"
        ((digest,),) = log.execute(run, (path, position))
        if kind == "block":
            block = "SELECT json_extract(CAST(bytes AS TEXT), '$.blocks[0][0]') FROM contents WHERE digest = ?"
            ((digest,),) = log.execute(block, (bytes.fromhex(digest),))
        log.execute(change, (bytes.fromhex(digest),))

    called = call(folder, "verify")
    assert called.code == 1
    assert said.format(digest, position) in told(called)


SCHEMA = [
    ("DROP TRIGGER events_no_update", "the trigger events_no_update is gone"),
    ("DROP INDEX ends", "the index ends is gone"),
    ("CREATE TRIGGER x AFTER INSERT ON events BEGIN SELECT 1; END", "there is a trigger x, which no log has"),
    ("CREATE TABLE notes (x)", "there is a table notes, which no log has"),
    ("CREATE INDEX i ON events (at)", "there is an index i, which no log has"),
    ("CREATE VIEW v AS SELECT 1", "there is a view v, which no log has"),
    ("PRAGMA application_id = 7", "application_id is 0x00000007, not 0x4d535045"),
]


@pytest.mark.parametrize(("change", "said"), SCHEMA)
def test_the_schema_must_be_the_formats(folder: Path, change: str, said: str) -> None:
    """Whoever takes a trigger away, or puts something in, is told though no event was changed."""
    with closing(sqlite3.connect(db_of(folder), isolation_level=None)) as log:
        log.execute(change)

    called = call(folder, "verify")
    assert (called.code, told(called)) == (1, [said])
    assert "up to the break" not in called.stdout


def test_a_trigger_that_does_nothing_is_told(folder: Path) -> None:
    """The same name is not enough."""
    with closing(sqlite3.connect(db_of(folder), isolation_level=None)) as log:
        log.execute("DROP TRIGGER events_no_update")
        log.execute("CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT 1; END")

    assert told(call(folder, "verify")) == ["the trigger events_no_update is not the format's"]


def test_an_index_that_lacks_a_run_is_told(folder: Path) -> None:
    """An index made over fewer rows, whose definition was then put right, hides a run from a start."""
    with closing(sqlite3.connect(db_of(folder), isolation_level=None)) as log:
        ((definition,),) = log.execute("SELECT sql FROM sqlite_schema WHERE name = 'ends'")
        log.execute("DROP INDEX ends")
        log.execute("CREATE INDEX ends ON events (position) WHERE type IN ('started', 'finished') AND position > 9")
        log.execute("PRAGMA writable_schema = ON")
        log.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'ends'", (definition,))

    called = call(folder, "verify")
    assert called.code == 1
    assert any(re.fullmatch(r"SQLite: row \d+ missing from index ends", line) for line in told(called))


def test_a_log_is_read_in_pages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the pages are, every event is checked, and a change behind many of them is found."""
    for size in (1, 2, 7):
        monkeypatch.setattr(storage, "PAGE", size)
        assert WHOLE.search(call(folder, "verify").stdout)
    with past_the_triggers(db_of(folder)) as log:
        last = count(log)
        log.execute("UPDATE events SET at = 'x' WHERE position = ?", (last,))
    assert told(call(folder, "verify"))[0].startswith(f"event {last} (")


def test_a_log_is_checked_while_it_is_written(folder: Path) -> None:
    """A server that holds the log, and has part of it in its WAL, keeps nobody from checking it."""

    async def check_beside() -> Called:
        log = await open_log(db_of(folder), AT)
        try:
            return await asyncio.to_thread(call, folder, "verify")
        finally:
            await log.close()

    assert WHOLE.search(asyncio.run(check_beside()).stdout)


# Checkpoints.


def cut(folder: Path, events: int = 2) -> None:
    """Take the last events away, cleanly."""
    with past_the_triggers(db_of(folder)) as log:
        log.execute("DELETE FROM events WHERE position > ?", (count(log) - events,))


def kept_of(folder: Path) -> Path:
    """Keep a copy of the checkpoint elsewhere."""
    return Path(shutil.copy(checkpoint_path(db_of(folder)), folder / "kept.txt"))


def sign(folder: Path) -> Keys:
    """Sign the log's checkpoint, as a server with a key does."""
    keys = write_keys(folder)
    note = read_checkpoint(checkpoint_path(db_of(folder)))
    assert note
    write_checkpoint(checkpoint_path(db_of(folder)), keys.signer.sign(note.checkpoint))
    return keys


def test_a_cut_off_end_shows_by_the_checkpoint_only(folder: Path) -> None:
    """The checkpoint's event is gone; without any checkpoint the log looks whole, and that is said."""
    kept = kept_of(folder)
    cut(folder)
    called = call(folder, "verify")
    position = read_checkpoint(kept).checkpoint.position  # type: ignore[union-attr] # it is there
    assert called.code == 1
    assert told(called)[0].endswith(f": the log ends before event {position}")

    checkpoint_path(db_of(folder)).unlink()
    called = call(folder, "verify")
    assert called.code == 0
    assert "  checkpoint  none: an end that was cut off would not show\n" in called.stdout

    called = call(folder, "verify", "--checkpoint", "kept.txt")
    assert called.code == 1
    assert re.fullmatch(
        rf"checkpoint kept\.txt: event {position} of .*: the log ends before event {position}", told(called)[0]
    )


def test_the_checkpoint_is_beside_the_log_and_not_beside_a_link(folder: Path) -> None:
    """A log that is named by a link is held against its own checkpoint."""
    (folder / "link.db").symlink_to(db_of(folder))
    assert " agrees, not signed\n" in call(folder, "verify", "--db", "link.db").stdout
    cut(folder)
    assert call(folder, "verify", "--db", "link.db").code == 1


def test_a_log_that_was_rewritten_shows_by_the_checkpoint(folder: Path) -> None:
    """All hashes fit; the one that was kept does not."""
    with past_the_triggers(db_of(folder)) as log:
        edit(log, "at = '2026-03-15T14:30:22.000000Z'")
        rechain(log, 3)
    (said,) = told(call(folder, "verify"))
    assert re.search(r": event \d+ has the hash [0-9a-f]{64} in the log, [0-9a-f]{64} in it$", said)


def test_a_break_before_the_checkpoint_leaves_it_unreached(folder: Path) -> None:
    """It is not said that the log ends there."""
    with past_the_triggers(db_of(folder)) as log:
        edit(log, "at = 'x'")
    assert told(call(folder, "verify"))[-1].endswith(" is not reached: the log breaks before it")


def test_a_checkpoint_with_another_time_is_a_break(folder: Path) -> None:
    """Position and hash are right, and nobody signed it: the time is held against the event's."""
    path = checkpoint_path(db_of(folder))
    note = read_checkpoint(path)
    assert note
    write_checkpoint(path, note._replace(checkpoint=note.checkpoint._replace(at=AT)))
    (said,) = told(call(folder, "verify"))
    assert said.endswith(f"event {note.checkpoint.position} is of {note.checkpoint.at} in the log, of {AT} in it")


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\xff"])
def test_a_checkpoint_that_can_not_be_read_is_a_break(folder: Path, content: bytes) -> None:
    """The one beside the log, and one that was kept."""
    (folder / "kept.txt").write_bytes(content)
    called = call(folder, "verify", "--checkpoint", "kept.txt")
    assert (called.code, len(told(called))) == (1, 1)
    checkpoint_path(db_of(folder)).write_bytes(content)
    called = call(folder, "verify")
    assert called.code == 1
    assert told(called)[0].count("matchspec.db.checkpoint") == 1


def test_a_signature_is_told_and_with_the_public_key_checked(folder: Path) -> None:
    """Without the key it is named; with it, it must be right."""
    keys = sign(folder)
    assert re.search(
        r"agrees, signed by matchspec/\w+\+[0-9a-f]{8}, not checked: --public-key does", call(folder, "verify").stdout
    )
    assert "agrees, signed with the key\n" in call(folder, "verify", "--public-key", keys.public).stdout

    other = write_keys(folder, 2)
    called = call(folder, "verify", "--public-key", other.public)
    assert called.code == 1
    assert told(called)[0].endswith(": it is not signed with this key")


def test_with_the_public_key_an_unsigned_or_altered_checkpoint_is_a_break(folder: Path) -> None:
    """Neither none, nor one without a signature, nor one that was changed under it."""
    path = checkpoint_path(db_of(folder))
    unsigned = path.read_bytes()
    keys = sign(folder)
    note = read_checkpoint(path)
    assert note
    moved = note._replace(checkpoint=note.checkpoint._replace(at=AT))
    for content, said in [
        (unsigned, "it is not signed with this key"),
        (encode(moved), "its signature is wrong"),
        (None, "there is no checkpoint, and so none that the key signed"),
    ]:
        path.unlink()
        if content:
            path.write_bytes(content)
        called = call(folder, "verify", "--public-key", keys.public)
        assert called.code == 1
        assert told(called)[0].endswith(f": {said}")


def test_a_checkpoint_of_none_of_the_logs_is_a_break(folder: Path, tmp_path: Path) -> None:
    """Of many logs each is held against its own; one that is of none of them is told."""
    runs = folder / ".matchspec" / "runs"
    runs.mkdir()
    other = make_log(tmp_path / "other", 5)
    for ending in ("", ".checkpoint"):
        shutil.copy(f"{other}{ending}", runs / f"run-20260315-143022-a3f7.db{ending}")
    own = kept_of(folder)
    called = call(folder, "verify", "--checkpoint", own)
    assert called.code == 0
    said = r"^✓ \.matchspec/runs/run-20260315-143022-a3f7\.db  event \d+, [0-9a-f]{64}$"
    assert re.search(said, called.stdout, re.MULTILINE)
    assert called.stdout.splitlines()[-1].startswith("2 logs, ")

    strange = make_log(tmp_path / "strange", 6)
    called = call(folder, "verify", "--checkpoint", checkpoint_path(strange))
    assert called.code == 1
    assert "it is a checkpoint of none of these logs\n" in called.stdout
    called = call(folder, "verify", "--db", db_of(folder), "--checkpoint", checkpoint_path(strange))
    assert called.code == 1
    assert "it is one of the log" in told(called)[0]


# A backup that was put back.


def put_back(folder: Path) -> int:
    """Put the older log back; gives the position of the checkpoint, which is void then."""
    shutil.copy(folder / "older.db", db_of(folder))
    note = read_checkpoint(checkpoint_path(db_of(folder)))
    assert note
    return note.checkpoint.position


def test_a_backup_that_was_put_back_is_accepted_once_it_is_said_so(folder: Path) -> None:
    """`--accept` records it; then all agrees, the void checkpoint is told apart where it was kept, the log goes on."""
    kept = kept_of(folder)
    void = put_back(folder)
    assert call(folder, "verify").code == 1

    accepted = call(folder, "verify", "--accept")

    with closing(sqlite3.connect(db_of(folder))) as log:
        last, name, run_id, body = log.execute(
            "SELECT position, type, run_id, CAST(body AS TEXT) FROM events ORDER BY position DESC LIMIT 1"
        ).fetchone()
    assert (name, run_id) == ("log_accepted", "log")
    assert f'"position":{void}' in body
    assert (accepted.code, accepted.stderr) == (0, "")
    assert re.fullmatch(rf"accepted by event {last}: the checkpoint of event {void} of \S+ is void\n", accepted.stdout)
    assert WHOLE.search(call(folder, "verify").stdout)
    called = call(folder, "verify", "--checkpoint", kept)
    assert called.code == 0
    assert re.search(rf"checkpoint  kept\.txt: event {void} of .*; declared void by event {last} of ", called.stdout)
    make_log(folder, 8)
    assert call(folder, "verify", "--checkpoint", kept).code == 0


def test_what_was_kept_elsewhere_can_be_declared_void_too(folder: Path) -> None:
    """On another machine there is no checkpoint beside the log, but one was kept."""
    kept = kept_of(folder)
    put_back(folder)
    checkpoint_path(db_of(folder)).unlink()
    assert call(folder, "verify", "--accept", "--checkpoint", kept).code == 0
    assert call(folder, "verify", "--checkpoint", kept).code == 0


def test_where_nothing_is_void_nothing_is_accepted(folder: Path) -> None:
    """It is said, and not recorded."""
    before = db_of(folder).read_bytes()
    called = call(folder, "verify", "--accept")
    assert called.code == 0
    assert called.stdout.endswith("nothing to accept: the log contradicts no checkpoint\n")
    with closing(sqlite3.connect(db_of(folder))) as log:
        assert log.execute("SELECT count(*) FROM events WHERE type = 'log_accepted'").fetchone() == (0,)
    assert len(before) == db_of(folder).stat().st_size


def test_a_log_that_was_altered_can_not_be_accepted(folder: Path) -> None:
    """Its chain must be unbroken; nothing is recorded."""
    put_back(folder)
    with past_the_triggers(db_of(folder)) as log:
        edit(log, "at = 'x'")
    called = call(folder, "verify", "--accept")
    assert called.code == 1
    assert "the log itself was altered" in called.stderr
    assert call(folder, "verify").code == 1


def test_a_log_that_is_in_use_can_not_be_accepted(folder: Path) -> None:
    """The server that holds it is named."""

    async def accept_beside() -> Called:
        log = await open_log(db_of(folder), AT)
        try:
            return await asyncio.to_thread(call, folder, "verify", "--accept")
        finally:
            await log.close()

    called = asyncio.run(accept_beside())
    assert called.code == 3
    assert f"is in use by process {os.getpid()}" in called.stderr


def test_an_acceptance_by_hand_does_not_take_back_what_was_kept(folder: Path) -> None:
    """Whoever cuts the log and writes the acceptance into it, too, is found: no checkpoint of the log covers it."""
    kept = kept_of(folder)
    note = read_checkpoint(kept)
    assert note
    cut(folder, 3)
    with past_the_triggers(db_of(folder)) as log:
        last = count(log)
        body = f'{{"position":{note.checkpoint.position},"hash":"{note.checkpoint.hash.hex()}"}}'.encode()
        insert(log, (last + 1, "log", 2, "log_accepted", AT, body, b"", b""))
        rechain(log, last + 1)
    assert call(folder, "verify", "--checkpoint", kept).code == 1
    checkpoint_path(db_of(folder)).unlink()
    assert call(folder, "verify", "--checkpoint", kept).code == 1


def test_with_a_key_an_acceptance_needs_its_signature(folder: Path) -> None:
    """A backup accepted without the key leaves an unsigned checkpoint; with the key, the kept one is told as void."""
    keys = sign(folder)
    kept = kept_of(folder)
    put_back(folder)
    assert call(folder, "verify", "--accept").code == 0
    checks = ("verify", "--checkpoint", kept, "--public-key", keys.public)
    assert call(folder, *checks).code == 1
    make_log(folder, 9, environment={VARIABLE: str(keys.private)})
    called = call(folder, *checks)
    assert called.code == 0, called.stdout


def test_an_acceptance_is_signed_where_there_is_a_key(folder: Path) -> None:
    """The new checkpoint has the key's signature at once."""
    keys = sign(folder)
    put_back(folder)
    assert call(folder, "verify", "--accept", **{VARIABLE: str(keys.private)}).code == 0
    assert call(folder, "verify", "--public-key", keys.public).code == 0


# Which logs, and those that can't be read.


def test_a_run_is_looked_for_in_every_log(folder: Path) -> None:
    """RUN_ID names the log that holds it; one that is in none is a mistake."""
    with closing(sqlite3.connect(db_of(folder))) as log:
        _, run_id, _ = first(log, "started")
    assert WHOLE.search(call(folder, "verify", run_id).stdout)
    called = call(folder, "verify", "run-20260315-143022-ffff")
    assert called.code == 2
    assert "there is no run 'run-20260315-143022-ffff'" in called.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--db", "nowhere.db"], 3, "there is no log"),
        (["--db", "matchspec.yml"], 3, "is not a database"),
        (["--checkpoint", "nowhere.txt"], 2, "--checkpoint: there is no file"),
        (["--public-key", "nowhere.pem"], 2, "--public-key: the file nowhere.pem can't be read"),
        (["--public-key", "matchspec.yml"], 2, "is not a public key in PEM"),
        (["--public-key", ""], 2, "--checkpoint and --public-key need the name of a file"),
        (["--checkpoint", ""], 2, "--checkpoint and --public-key need the name of a file"),
        (["--accept", "--public-key", "x"], 2, "--accept and --public-key don't go together"),
    ],
)
def test_what_can_not_be_done_is_told(folder: Path, arguments: list[str], code: int, said: str) -> None:
    """2 for what was typed, 3 for what can't be read."""
    called = call(folder, "verify", *arguments)
    assert called.code == code
    assert said in called.stderr


def test_without_a_log_it_is_told_where_was_looked(tmp_path: Path) -> None:
    """Exit 2, as the other commands about past runs."""
    called = call(tmp_path, "verify")
    assert called.code == 2
    assert called.stderr.startswith("matchspec: there is no run yet: looked in ")


def test_a_log_that_can_not_be_read_does_not_hide_the_others(folder: Path) -> None:
    """Each that can be is checked; an empty one, left by a process that was killed at its start, is whole."""
    runs = folder / ".matchspec" / "runs"
    runs.mkdir()
    (runs / "run-20260315-143022-0000.db").touch()
    called = call(folder, "verify")
    assert called.code == 0
    (runs / "run-20260315-143022-0001.db").write_bytes(b"no database at all\n" * 400)
    called = call(folder, "verify")
    assert called.code == 3
    assert "✗ .matchspec/runs/run-20260315-143022-0001.db: " in called.stdout
    assert called.stdout.endswith("nothing altered; 1 can't be read\n")


@pytest.fixture
def read_only(folder: Path) -> Iterator[Path]:
    """The project on a medium that nobody can write to."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a read-only file system needs root on Linux")
    place = folder.parent / "medium"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", place], capture_output=True, timeout=30, check=False)
    if mounted.returncode:
        pytest.skip(f"can't mount here: {mounted.stderr.decode()}")
    try:
        shutil.copytree(folder, place / "project")
        subprocess.run(["mount", "-o", "remount,ro", place], check=True, timeout=30)
        yield place / "project"
    finally:
        subprocess.run(["umount", place], check=True, timeout=30)


def test_a_log_on_a_read_only_medium_is_checked(read_only: Path) -> None:
    """No file is made beside it; `report` reads it, too."""
    assert WHOLE.search(call(read_only, "verify").stdout)
    assert call(read_only, "report").code == 0
