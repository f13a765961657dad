"""`matchspec backup`: a copy of a log that may be in use, and putting it back."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from calling import Called, call
from doc_pages import OPERATIONS, block
from facts import AT, append, entry
from made_logs import db_of, make_log
from tampering import past_the_triggers

from domain.events import LOG, LogAccepted
from service.log.event_log import EventLog
from service.log.opening import open_log
from service.log.verifying import verify_log

ACCEPTED = LogAccepted(position=1, hash="00" * 32)
"""Facts of the log itself need no run."""


def rows(db: Path) -> list[object]:
    """All that is in a log."""
    with closing(sqlite3.connect(db)) as log:
        return [*log.execute("SELECT * FROM events"), *log.execute("SELECT * FROM contents ORDER BY digest")]


def beside(folder: Path, *arguments: str | Path) -> Called:
    """Call a command while a process writes the log: 200 events before, and on and on while it works."""

    async def write(log: EventLog, stop: asyncio.Event) -> None:
        version = 202
        while not stop.is_set():
            await append(log, [entry(LOG, version, ACCEPTED)])
            version += 1

    async def work() -> Called:
        log, stop = await open_log(db_of(folder), AT), asyncio.Event()
        try:
            await append(log, [entry(LOG, version, ACCEPTED) for version in range(2, 202)])
            writing = asyncio.create_task(write(log, stop))
            called = await asyncio.to_thread(call, folder, *arguments)
            stop.set()
            await writing
            return called
        finally:
            await log.close()

    return asyncio.run(work())


def test_a_backup_is_the_log_in_one_file(folder: Path) -> None:
    """It has all rows, is told with its head, opens without a file beside it, and is checked by `verify`."""
    called = call(folder, "backup", "copy.db")

    head = verify_log(db_of(folder)).head
    assert (called.code, called.stderr) == (0, "")
    assert called.stdout.startswith(f"✓ copy.db\n  events      {head.position} of ")
    assert called.stdout.endswith(f"              {head.hash.hex()}\n")
    assert rows(folder / "copy.db") == rows(db_of(folder))
    with closing(sqlite3.connect(folder / "copy.db")) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert call(folder, "verify", "--db", "copy.db").code == 0
    assert sorted(path.name for path in folder.iterdir()) == [".matchspec", "copy.db", "evals", "matchspec.yml"]


def test_a_log_in_use_is_copied_at_one_moment(folder: Path) -> None:
    """Beside a process that writes on: the copy is whole, and holds at least what was there before."""
    before = len(rows(db_of(folder)))
    called = beside(folder, "backup", "copy.db")
    assert called.code == 0, called.stderr
    copied = verify_log(folder / "copy.db")
    assert copied.breaks == []
    assert len(rows(folder / "copy.db")) >= before + 200
    assert verify_log(db_of(folder)).breaks == []


def test_a_crashed_log_is_copied_with_its_wal(tmp_path: Path) -> None:
    """What stands in the write-ahead log alone is in the copy."""
    db = make_log(tmp_path, 3, crash=True)
    assert call(tmp_path, "backup", "copy.db").code == 0
    assert verify_log(tmp_path / "copy.db").head == verify_log(db).head


def test_nothing_is_overwritten_unless_forced(folder: Path) -> None:
    """A file that is there stays; with --force it is replaced whole; the log itself never is."""
    (folder / "copy.db").write_text("mine")
    called = call(folder, "backup", "copy.db")
    assert (called.code, (folder / "copy.db").read_text()) == (2, "mine")
    assert called.stderr == f"matchspec: {folder}/copy.db is already there: --force overwrites it\n"
    assert call(folder, "backup", "copy.db", "--force").code == 0
    assert call(folder, "verify", "--db", "copy.db").code == 0

    before = rows(db_of(folder))
    (folder / "link.db").symlink_to(db_of(folder))
    for target in (".matchspec/matchspec.db", "link.db", "evals"):
        called = call(folder, "backup", target, "--force")
        assert called.code == 2
        assert "is no file to overwrite" in called.stderr
    assert rows(db_of(folder)) == before


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal", ".lock", ".checkpoint"])
def test_a_file_beside_a_log_is_not_overwritten(folder: Path, ending: str) -> None:
    """Neither one of this log, by its name, a link or a hard link, nor one of another log."""
    (folder / "other.db").touch()
    own, others = db_of(folder).with_name(f"matchspec.db{ending}"), folder / f"other.db{ending}"
    for beside_it in (own, others):
        beside_it.write_text("kept")
    (folder / "soft").symlink_to(own)
    (folder / "hard").hardlink_to(own)
    for target in (own, others, folder / "soft", folder / "hard"):
        called = call(folder, "backup", target, "--force")
        assert called.code == 2
        assert "is no file to overwrite: it belongs to the log" in called.stderr
    assert [one.read_text() for one in (own, others)] == ["kept", "kept"]


def test_an_altered_log_is_not_backed_up(folder: Path) -> None:
    """The first break is told, and no file is left: a good backup is not replaced by a bad one."""
    assert call(folder, "backup", "copy.db").code == 0
    with past_the_triggers(db_of(folder)) as log:
        log.execute("UPDATE events SET at = 'x' WHERE position = 3")
    called = call(folder, "backup", "copy.db", "--force")
    assert called.code == 3
    assert "was altered, and no backup was made: event 3 (" in called.stderr
    assert call(folder, "verify", "--db", "copy.db").code == 0
    assert sorted(path.name for path in folder.iterdir()) == [".matchspec", "copy.db", "evals", "matchspec.yml"]


def test_a_place_that_can_not_be_written_is_told(folder: Path) -> None:
    """No folder, and no log: a sentence each."""
    called = call(folder, "backup", "no/such/copy.db")
    assert called.code == 3
    assert called.stderr == f"matchspec: can't write to the folder {folder}/no/such: No such file or directory\n"
    called = call(folder, "backup", "copy.db", "--db", "nowhere.db")
    assert called.code == 3
    assert called.stderr == f"matchspec: there is no log {folder}/nowhere.db\n"


def test_a_disk_that_is_too_small_is_told(folder: Path) -> None:
    """Before anything is written, with both numbers; nothing is left."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    small = folder / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(small)]
    mounted = subprocess.run(command, capture_output=True, timeout=30, check=False)
    if mounted.returncode:
        pytest.skip(f"can't mount here: {mounted.stderr.decode()}")
    try:
        called = call(folder, "backup", "small/copy.db")
        left = list(small.iterdir())
    finally:
        subprocess.run(["umount", small], check=True, timeout=30)
    size = db_of(folder).stat().st_size
    assert called.code == 3
    assert f"{small} has 16,384 bytes free, and the backup needs {size:,}" in called.stderr
    assert left == []


def test_a_disk_that_fills_up_is_told(folder: Path) -> None:
    """There is space for the log alone, and not for what SQLite needs beside it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    small = folder / "small"
    small.mkdir()
    size = db_of(folder).stat().st_size // 1024 + 4
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", str(small)]
    mounted = subprocess.run(command, capture_output=True, timeout=30, check=False)
    if mounted.returncode:
        pytest.skip(f"can't mount here: {mounted.stderr.decode()}")
    try:
        called = call(folder, "backup", "small/copy.db")
    finally:
        subprocess.run(["umount", small], check=True, timeout=30)
    assert called.code == 3
    assert called.stderr.endswith("No space left on device\n")


@pytest.mark.parametrize("crashed", [False, True])
def test_a_backup_is_put_back_as_the_documentation_says(folder: Path, crashed: bool) -> None:
    """The steps as typed: copied to the log's place, without what an ended server left there, and accepted."""
    assert call(folder, "backup", "copy.db").code == 0
    make_log(folder, 4, crash=crashed)
    if crashed:
        assert db_of(folder).with_name("matchspec.db-wal").exists()

    steps = [line.split() for line in restoring_steps() if not line.startswith("matchspec")]
    for program, *words in steps:
        subprocess.run([program, *words], cwd=folder, check=True, timeout=30)
    assert call(folder, "verify", "--accept").code == 0

    assert call(folder, "verify").code == 0
    make_log(folder, 5)
    assert call(folder, "verify").code == 0


def restoring_steps() -> list[str]:
    """The commands of docs/operations.md that put a backup back."""
    return block(OPERATIONS, "restore").splitlines()
