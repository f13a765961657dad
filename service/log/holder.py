"""One process writes a log at a time: a lock file beside it, held by flock, that says who holds it."""

import fcntl
import os
from pathlib import Path
from typing import Self

import msgspec

from domain.errors import LogInUse, LogUnavailable


class Holder(msgspec.Struct, frozen=True):
    """The process that writes a log."""

    pid: int
    since: str


class LogLock:
    """The lock on a log. `crashed` tells whether the process before ended without letting go."""

    def __init__(self, descriptor: int, crashed: bool) -> None:
        self._descriptor = descriptor
        self.crashed = crashed

    @classmethod
    def take(cls, log: Path, now: str) -> Self:
        """Take the lock; LogInUse names the process that holds it."""
        path = Path(f"{log}.lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LogUnavailable(f"can't write {path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _read(descriptor)
            os.close(descriptor)
            raise LogInUse(_in_use(log, holder)) from None
        before = _read(descriptor)  # only now is it the last word of the process before
        _write(descriptor, msgspec.json.encode(Holder(os.getpid(), now)))
        return cls(descriptor, crashed=before is not None)

    def release(self, *, clean: bool = True) -> None:
        """Let go, and leave word whether this was a clean end."""
        if clean:
            _write(self._descriptor, b"")
        os.close(self._descriptor)


def _read(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.MsgspecError:
        return None


def _write(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)


def _in_use(log: Path, holder: Holder | None) -> str:
    who = f"process {holder.pid}, since {holder.since}" if holder else "another process"
    return f"the log {log} is in use by {who}. One server writes a log at a time: stop that one, or use another --db"
