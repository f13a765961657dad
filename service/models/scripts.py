"""The files that a command runs, by digest: code can't be pinned, so a resume tells when it has changed."""

import hashlib
import os
import stat
from pathlib import Path

from domain.model_spec import CommandModel

MAX_BYTES = 16_000_000  # of a file; what lies beyond does not count
CHUNK_BYTES = 2**20


def scripts_of(spec: CommandModel, folder: Path) -> dict[str, str]:
    """Give the SHA-256 (hex) of each argument that names a readable regular file, relative to the harness's folder."""
    found = ((argument, _digest(folder, argument)) for argument in spec.command)
    return {argument: digest for argument, digest in found if digest is not None}


def _digest(folder: Path, argument: str) -> str | None:
    try:
        # Not to wait for the other end of a named pipe.
        descriptor = os.open(folder / argument, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return _file_digest(descriptor) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _file_digest(descriptor: int) -> str:
    digest = hashlib.sha256()
    left = MAX_BYTES
    while left > 0 and (chunk := os.read(descriptor, min(CHUNK_BYTES, left))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()
