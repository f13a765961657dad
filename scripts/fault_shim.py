"""Compiles scripts/fault_shim.c and steers it: where a server under test dies, what fails, what its clock says."""

import errno
import mmap
import shutil
import struct
import subprocess
from enum import IntFlag
from pathlib import Path
from typing import ClassVar

SOURCE = Path(__file__).with_suffix(".c")
FOREVER = 1 << 40


class MissingTool(Exception):
    """This machine lacks something that a campaign needs; the message names it."""


class Kind(IntFlag):
    """The kinds of operations on the log's files, as the shim numbers them."""

    OPEN = 1
    WRITE = 2
    SYNC = 4
    RENAME = 8


ALL = Kind.OPEN | Kind.WRITE | Kind.SYNC | Kind.RENAME
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "short": -1}
"""What a failing operation gives; `short` is half of one write, and no space from then on."""


class Shim:
    """The shim for one folder of a log, with the control that servers share with us while they run."""

    _FIELDS: ClassVar = (
        "count",
        "kinds",
        "kill_at",
        "torn",
        "fail_from",
        "fail_calls",
        "error",
        "failed",
        "clock_shift",
    )

    def __init__(self, workshop: Path, folder: Path, record: Path | None = None) -> None:
        """Compile into `workshop`, to watch the files of `folder`; MissingTool without gcc."""
        self._library = _compile(workshop)
        self._folder = folder.resolve()
        self._record = record
        self._path = workshop / f"control-{folder.name}-{len(list(workshop.glob('control-*')))}"
        self._path.write_bytes(bytes(8 * len(self._FIELDS)))
        with self._path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 0)
        self.set(kinds=ALL)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a server that is to run under the shim."""
        variables = {
            "LD_PRELOAD": str(self._library),
            "FAULT_DIR": str(self._folder),
            "FAULT_CONTROL": str(self._path),
        }
        return variables | ({"FAULT_RECORD": str(self._record)} if self._record else {})

    def set(self, **fields: int) -> None:
        """Change fields of `struct control`."""
        for name, value in fields.items():
            struct.pack_into("q", self._shared, 8 * self._FIELDS.index(name), value)

    def get(self, name: str) -> int:
        """Read a field of `struct control`."""
        value: int = struct.unpack_from("q", self._shared, 8 * self._FIELDS.index(name))[0]
        return value

    def kill_in(self, operations: int, *, torn: bool) -> None:
        """Let the server die at an operation from now on, at half of it where that is a write and `torn`."""
        self.set(torn=torn, kill_at=self.get("count") + operations)

    def fail_in(self, operations: int, error: int, calls: int = FOREVER) -> None:
        """Let operations fail, from one from now on, so many."""
        self.set(failed=0, error=error, fail_calls=calls, fail_from=self.get("count") + operations)

    def heal(self) -> None:
        """Let nothing fail, and nobody die, any more."""
        self.set(fail_from=0, kill_at=0)


def _compile(workshop: Path) -> Path:
    library = workshop / "fault_shim.so"
    if not library.exists():
        compiler = shutil.which("gcc")
        if compiler is None:
            raise MissingTool("gcc is not installed: faults can't be put under a server")
        options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]
        subprocess.run([compiler, *options, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library
