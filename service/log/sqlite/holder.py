"""One process writes a log at a time, by flock: on a file beside it that says who holds it, and on the log itself.

The second lock holds where the first can't: when that file was deleted, or the log has another name (a hard link).
SQLite's own locks are of another kind and don't meet it.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from domain.errors import LogInUse, LogUnavailable
from service.log.regular import open_regular


class Holder(msgspec.Struct, frozen=True):
    """The process that writes a log."""

    pid: int
    since: str


class LogLock:
    """The lock on a log. `crashed` tells whether the process before ended without letting go."""

    def __init__(self, descriptor: int, log_descriptor: int, crashed: bool) -> None:
        self._descriptor = descriptor
        self._log_descriptor = log_descriptor
        self.crashed = crashed

    @classmethod
    def take(cls, log: Path, now: str) -> Self:
        """Take the lock; LogInUse names the process that holds it."""
        descriptor = _open(Path(f"{log}.lock"))
        if not _lock(descriptor):
            holder = _read(descriptor)
            os.close(descriptor)
            raise LogInUse(_in_use(log, holder))
        try:
            log_descriptor = _open(log)
        except LogUnavailable:
            os.close(descriptor)
            raise
        if not _lock(log_descriptor):
            os.close(log_descriptor)
            os.close(descriptor)
            raise LogInUse(_in_use(log, None))
        crashed = os.fstat(descriptor).st_size > 0  # only now is it the last word of the process before
        try:
            _sign(descriptor, Holder(os.getpid(), now))
        except OSError as error:
            os.close(log_descriptor)
            os.close(descriptor)
            raise LogUnavailable(f"can't write {log}.lock: {error.strerror}") from error
        return cls(descriptor, log_descriptor, crashed)

    def release(self, *, clean: bool = True) -> None:
        """Let go, and leave word whether this was a clean end; where that can't be written, it counts as a crash."""
        if clean:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
        os.close(self._log_descriptor)
        os.close(self._descriptor)


def _open(path: Path) -> int:
    try:
        return open_regular(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise LogUnavailable(f"can't write {path}: {error.strerror}") from error


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.MsgspecError:
        return None


def _sign(descriptor: int, holder: Holder) -> None:
    """Write over what is there, which says that a crash came before: the file is never empty in between."""
    content = msgspec.json.encode(holder)
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def _in_use(log: Path, holder: Holder | None) -> str:
    who = f"process {holder.pid}, since {holder.since}" if holder else "another process"
    return f"the log {log} is in use by {who}. One server writes a log at a time: stop that one, or use another --db"
