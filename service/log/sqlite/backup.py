"""A copy of a log that may be in use: consistent, checked, in one file that opens anywhere."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from domain.errors import BackupFailed, Refused
from service.log.sqlite.connection import has_wal, reading_uri
from service.log.verifying import Verified, verify_log

BESIDE = ("-wal", "-shm", "-journal", ".lock", ".checkpoint", ".checkpoint.new")
"""The ends of the names of files beside a log."""

SHM_BYTES = 32_768
"""What SQLite needs beside a database in WAL mode."""


def back_up(log: Path, target: Path, *, force: bool) -> Verified:
    """Copy a log; gives what the copy holds. Refused where something is there, BackupFailed where that can't be done.

    The copy is made beside its place, synced, checked, and only then put there.
    """
    target = target.resolve()
    _check_place(log, target, force=force)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _copy(log, new)
        verified = verify_log(new)
        if verified.breaks:
            raise BackupFailed(f"the log {log} was altered, and no backup was made: {verified.breaks[0]}")
        put_file(new, target, force=force)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"can't write the backup {target}: {_reason(error, target.parent)}") from error
    finally:
        for ending in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                new.with_name(f"{new.name}{ending}").unlink()
    return verified


def _check_place(log: Path, target: Path, *, force: bool) -> None:
    if whose := _beside(log, target):
        raise Refused(f"{target} is no file to overwrite: it belongs to the log {whose}")
    if target.exists():
        if not target.is_file() or target.samefile(log) or has_wal(target):
            raise Refused(f"{target} is no file to overwrite: it is in use as a log, or no file at all")
        if not force:
            raise Refused(f"{target} is already there: --force overwrites it")
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise BackupFailed(f"can't write to the folder {target.parent}: {error.strerror}") from error
    needed = log.stat().st_size
    if needed > free:
        raise BackupFailed(f"{target.parent} has {free:,} bytes free, and the backup needs {needed:,}")


def _beside(log: Path, target: Path) -> Path | None:
    """Give the log whose file a place is, or would be, by its name; or this log, by whatever name."""
    for ending in BESIDE:
        own = log.resolve().with_name(f"{log.resolve().name}{ending}")
        if own == target or (own.exists() and target.exists() and own.samefile(target)):
            return log
        whose = Path(str(target).removesuffix(ending))
        if whose != target and whose.is_file():
            return whose
    return None


def _copy(log: Path, new: Path) -> None:
    """Copy all pages in one step: one that waits between steps begins anew whenever a server writes."""
    with (
        closing(sqlite3.connect(reading_uri(log), uri=True)) as source,
        closing(sqlite3.connect(new, isolation_level=None)) as copy,
    ):
        copy.execute("PRAGMA synchronous = OFF")  # synced whole, below
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def put_file(new: Path, target: Path, *, force: bool) -> None:
    """Sync a file and give it its name; FileExistsError where one is there, unless forced."""
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    if force:
        new.replace(target)
    else:
        _put_where_nothing_is(new, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _put_where_nothing_is(new: Path, target: Path) -> None:
    try:
        target.hardlink_to(new)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise
        new.replace(target)


def _reason(error: OSError | sqlite3.Error, folder: Path) -> str:
    """Say why; SQLite calls it an I/O error where there was no space for a file beside its database."""
    with suppress(OSError):
        if isinstance(error, sqlite3.Error) and shutil.disk_usage(folder).free < SHM_BYTES:
            return os.strerror(errno.ENOSPC)
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
