"""Small file systems of their own for a block, which a campaign may fill or shut down."""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from fault_shim import MissingTool

IMAGE_BYTES = 64_000_000
SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN, which is XFS_IOC_GOINGDOWN."""

NO_LOG_FLUSH = 2
"""Nothing that is not on the disk yet gets there, the file system's own journal included."""


@contextlib.contextmanager
def small_tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory; MissingTool without the right to mount."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        unmount(folder)


@contextlib.contextmanager
def small_ext4(image: Path, folder: Path, size: int = IMAGE_BYTES) -> Iterator[Path]:
    """An ext4 in a file, made where there is none; MissingTool without mkfs.ext4 or the right to mount."""
    if not image.exists():
        make = shutil.which("mkfs.ext4") or shutil.which("mkfs.ext4", path="/sbin:/usr/sbin")
        if make is None:
            raise MissingTool("mkfs.ext4 is not installed: no file system can be made to break")
        with image.open("wb") as file:
            file.truncate(size)
        subprocess.run([make, "-q", "-F", str(image)], check=True)
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-o", "loop", image, folder)
    try:
        yield folder
    finally:
        unmount(folder)


def cut_power(folder: Path) -> None:
    """Shut down the ext4 or XFS at a folder as a power cut does: what was not synced is gone."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


def unmount(folder: Path) -> None:
    """Unmount, as soon as nothing holds it any more."""
    for _ in range(50):
        if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"{folder} can't be unmounted")


def _mount(*arguments: str | Path) -> None:
    tried = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise MissingTool(f"this machine does not let us mount a file system: {tried.stderr.strip()}")
