"""The checkpoint of a log: one small file, replaced whole."""

import os
from collections.abc import Mapping
from pathlib import Path

from domain import checkpoint
from domain.checkpoint import Note
from domain.errors import LogUnavailable
from service.log.address import LogAddress
from service.log.regular import open_regular

VARIABLE = "MATCHSPEC_CHECKPOINT"
"""Names the file in which the checkpoint of a log on PostgreSQL is kept: there is no place beside it."""


def checkpoint_path(log: Path) -> Path:
    """Where a log in a file has its checkpoint."""
    return Path(f"{log}.checkpoint")


def find_checkpoint(log: LogAddress, environment: Mapping[str, str]) -> Path | None:
    """Tell where a log has its checkpoint; None where a log in a database has none."""
    if isinstance(log, Path):
        return checkpoint_path(log.resolve())
    named = environment.get(VARIABLE, "").strip()
    return Path(named) if named else None


def read_checkpoint(path: Path) -> Note | None:
    """Read a checkpoint; None where there is no file. InvalidCheckpoint, or LogUnavailable where it can't be read."""
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            content = file.read(checkpoint.LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LogUnavailable(f"can't read {path}: {error.strerror}") from error
    return checkpoint.parse(content)


def write_checkpoint(path: Path, note: Note) -> None:
    """Put a checkpoint in the place of the one before; OSError where that fails, and the one before stays.

    The rename itself is not synced: after a power cut the one before may be back, which is as true of the log.
    """
    new = Path(f"{path}.new")
    with os.fdopen(open_regular(new, os.O_WRONLY | os.O_CREAT), "wb") as file:
        file.truncate(0)
        file.write(checkpoint.encode(note))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def set_aside(path: Path) -> Path:
    """Move a checkpoint that can't be read out of the way, and keep it; gives its new place."""
    aside = Path(f"{path}.unreadable")
    try:
        path.replace(aside)
    except OSError as error:
        raise LogUnavailable(f"can't move {path}: {error.strerror}") from error
    return aside
