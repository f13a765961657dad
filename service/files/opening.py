"""Opening files that a user named: regular files only, so that a pipe or a device can't hang or flood the program."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

CONFIG_BYTES = 1_000_000
DATASET_BYTES = 20_000_000
_BUFFER = 1 << 18


class CantReadError(Exception):
    """A file that can't be read; the message says why, without its name."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; CantReadError otherwise."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise CantReadError(_reason(error)) from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb", _BUFFER)
    os.close(descriptor)
    raise CantReadError("is a folder, not a file" if stat.S_ISDIR(mode) else "is not a regular file")


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; CantReadError otherwise."""
    with open_regular(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise CantReadError(_reason(error)) from error
    if len(content) > limit:
        raise CantReadError(f"is over {limit // 1_000_000} MB")
    return content


def _reason(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "no such file"
        case IsADirectoryError():
            return "is a folder, not a file"
        case OSError(strerror=str(reason)):
            return f"can't be read: {reason}"
        case _:
            return "is not a possible file name"
