"""A pipe, a device or a folder in the place of a file of a log: nobody waits for it, and it is told."""

import os
from pathlib import Path

import pytest
from calling import call
from facts import AT

from domain.errors import InvalidFiles, LogUnavailable
from service.log.opening import open_log
from service.log.signing import VARIABLE, load_signer

pytestmark = pytest.mark.timeout(60)


def make(path: Path, kind: str) -> None:
    """Put something there that is no regular file."""
    path.unlink(missing_ok=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case _:
            path.mkdir()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal", ".lock", ".checkpoint"])
async def test_a_start_is_refused(folder: Path, ending: str, kind: str) -> None:
    """A sentence says that it is no file."""
    make(folder / ".matchspec" / f"matchspec.db{ending}", kind)
    with pytest.raises(LogUnavailable, match=r"not a regular file|Is a directory"):
        await open_log(folder / ".matchspec" / "matchspec.db", AT)


@pytest.mark.parametrize("ending", ["-wal", "-journal", ".checkpoint"])
def test_verify_tells_it(folder: Path, ending: str) -> None:
    """Exit 3, as where a log can't be read."""
    path = folder / ".matchspec" / f"matchspec.db{ending}"
    make(path, "pipe")
    called = call(folder, "verify")
    assert called.code == 3
    assert f"{path}: not a regular file" in called.stderr


async def test_a_pipe_where_the_next_checkpoint_is_written_stops_nothing(folder: Path) -> None:
    """The log opens, and closes again."""
    make(folder / ".matchspec" / "matchspec.db.checkpoint.new", "pipe")
    log = await open_log(folder / ".matchspec" / "matchspec.db", AT)
    await log.close()


def test_a_key_or_a_checkpoint_that_is_no_file_is_told(folder: Path) -> None:
    """Whoever typed a pipe's name is not kept waiting."""
    make(folder / "pipe", "pipe")
    called = call(folder, "verify", "--checkpoint", "pipe")
    assert (called.code, "not a regular file" in called.stderr) == (3, True)
    called = call(folder, "verify", "--public-key", "pipe")
    assert (called.code, "the file pipe can't be read: not a regular file" in called.stderr) == (2, True)
    with pytest.raises(InvalidFiles, match="not a regular file"):
        load_signer({VARIABLE: str(folder / "pipe")})
