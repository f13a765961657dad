"""One process writes a log at a time, and the next one knows how the last one ended."""

import errno
import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from facts import AT, RUN, append, entry, started

from domain.errors import LogInUse, LogUnavailable, LogUnreadable
from service.log.opening import open_log
from service.log.sqlite.event_log import SqliteLog

REPOSITORY = Path(__file__).parent.parent
HOLD = """
import asyncio, sys
from pathlib import Path
from service.log.opening import open_log

async def hold():
    log = await open_log(Path(sys.argv[1]), "2026-03-15T14:30:22.000001Z")
    print("held", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await log.close()

asyncio.run(hold())
"""


@contextmanager
def holding(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process hold a log; it closes it when its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


async def open_and_close(path: Path, *, tell: bool = True) -> bool:
    """Open a log, perhaps tell its runs of a crash, and close it; gives whether the process before crashed."""
    log = await open_log(path, AT)
    log.crash_told = tell
    await log.close()
    return log.crashed


async def test_a_second_process_is_told_which_one_holds_the_log(tmp_path: Path) -> None:
    """LogInUse names the log, the process that writes it and since when, and leaves it working."""
    path = tmp_path / "matchspec.db"
    with holding(path) as process:
        with pytest.raises(LogInUse) as caught:
            await open_log(path, AT)

        assert f"{path} is in use by process {process.pid}, since 2026-03-15T14:30:22" in str(caught.value)
        assert process.poll() is None


async def test_a_log_under_another_name_is_the_same_log(tmp_path: Path) -> None:
    """A link to a log that is held is held, too."""
    path, link = tmp_path / "matchspec.db", tmp_path / "link.db"
    log = await open_log(path, AT)
    link.symlink_to(path)

    with pytest.raises(LogInUse, match=f"process {os.getpid()},"):
        await open_log(link, AT)
    await log.close()


def hard_link(path: Path) -> Path:
    """Another name for the log."""
    other = path.with_name("other.db")
    other.hardlink_to(path)
    return other


def without_lock_file(path: Path) -> Path:
    """The log, with the file beside it gone."""
    Path(f"{path}.lock").unlink()
    return path


@pytest.mark.parametrize("disguise", [hard_link, without_lock_file])
async def test_a_log_is_held_itself(tmp_path: Path, disguise: Callable[[Path], Path]) -> None:
    """Neither another name for the same file nor the loss of the lock file lets a second process in."""
    path = tmp_path / "matchspec.db"
    with holding(path) as process:
        with pytest.raises(LogInUse, match="in use by another process"):
            await open_log(disguise(path), AT)
        assert process.poll() is None


async def test_readers_may_always_read(tmp_path: Path) -> None:
    """Another program reads the log while it is written."""
    path = tmp_path / "matchspec.db"
    log = await open_log(path, AT)
    await append(log, [entry(RUN, 1, started())])
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        assert list(database.execute("SELECT count(*) FROM events")) == [(2,)]
    await log.close()


async def test_a_killed_process_frees_the_log_and_counts_as_crashed(tmp_path: Path) -> None:
    """After kill -9 the next process opens the log at once and knows that the last one did not close it."""
    path = tmp_path / "matchspec.db"
    with holding(path) as process:
        process.kill()
        process.wait()

    assert await open_and_close(path) is True
    assert await open_and_close(path) is False


async def test_a_crash_that_no_run_was_told_of_stays_on_record(tmp_path: Path) -> None:
    """A process that only opens and closes the log does not make a clean stop out of the crash before it."""
    path = tmp_path / "matchspec.db"
    with holding(path) as process:
        process.kill()
        process.wait()

    assert await open_and_close(path, tell=False) is True
    assert await open_and_close(path, tell=True) is True
    assert await open_and_close(path) is False


async def test_a_new_log_and_a_closed_one_are_no_crash(tmp_path: Path) -> None:
    """The first start and a start after a clean end take over from no crash."""
    path = tmp_path / "matchspec.db"
    assert await open_and_close(path) is False
    with holding(path) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0

    assert await open_and_close(path) is False


@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "fsync"])
async def test_a_start_that_ends_in_the_middle_does_not_hide_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A process that can't write its name into the lock file lets go of the log, and the crash stays on record."""
    path = tmp_path / "matchspec.db"
    with holding(path) as process:
        process.kill()
        process.wait()

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(LogUnavailable, match="lock: Input/output error"):
            await open_log(path, AT)

    assert await open_and_close(path) is True


async def test_an_end_that_can_not_be_written_counts_as_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing a log whose lock file can't be emptied is no error; the next process is told of a crash."""
    path = tmp_path / "matchspec.db"
    log = await open_log(path, AT)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", fail)
        await log.close()

    assert await open_and_close(path) is True


async def test_a_start_that_was_refused_does_not_hide_a_crash(tmp_path: Path) -> None:
    """A process that met a held log changes nothing about how the holder's end is told."""
    path = tmp_path / "matchspec.db"
    with holding(path) as process:
        with pytest.raises(LogInUse):
            await open_log(path, AT)
        process.kill()
        process.wait()

    assert await open_and_close(path) is True


async def test_a_log_that_is_closed_at_this_moment_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the process before ended is looked at once the lock is ours, not while that process may still let go."""
    path = tmp_path / "matchspec.db"
    first = await SqliteLog.open(path, AT)
    flock = fcntl.flock
    open_yet = [first]

    def close_first(descriptor: int, operation: int) -> None:
        if open_yet:
            open_yet.pop()._lock.release()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", close_first)
    second = await SqliteLog.open(path, AT)
    await second.close()
    await first._rows.close()
    await first._writing.close()

    assert second.crashed is False


async def test_a_log_that_can_not_be_opened_is_not_held(tmp_path: Path) -> None:
    """A failed open lets go of the lock: once the file is away, the log can be made."""
    path = tmp_path / "matchspec.db"
    path.write_text("no database")
    with pytest.raises(LogUnreadable):
        await open_log(path, AT)
    path.unlink()

    assert await open_and_close(path) is False
