"""Files of a log are regular files: a pipe, a device or a folder in the place of one must not hang whoever opens it."""

import errno
import os
import stat
from pathlib import Path

from domain.errors import LogUnavailable

KIND = "not a regular file"


def open_regular(path: str | Path, flags: int) -> int:
    """Open a file by its flags, as `os.open` does; OSError for anything but a regular file."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o644)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, KIND, str(path))


def check_regular(log: Path) -> None:
    """Refuse a log of which a file that SQLite opens is of another kind: LogUnavailable.

    It opens none of them: to close a file takes back all locks that this process holds on it.
    """
    for ending in ("", "-wal", "-shm", "-journal"):
        path = log.with_name(f"{log.name}{ending}")
        if path.exists() and not path.is_file():
            raise LogUnavailable(f"can't open {path}: {KIND}")
