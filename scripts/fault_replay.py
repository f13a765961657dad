"""Replays what scripts/fault_shim.c recorded: what stands in the files of a folder when the power is cut in between.

What was synced is there. Of what was not, a cut leaves all, nothing, some of it in any order, or a beginning that ends
within a write. The names of files are as durable as their folder: what was made, renamed or removed since it was synced
is or is not.
"""

import os
import random
import struct
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Literal, NamedTuple

SECTOR = 512
_HEAD = struct.Struct("<cHQI")

Cut = Literal["kept", "dropped", "shuffled", "torn"]
CUTS: tuple[Cut, ...] = ("kept", "dropped", "shuffled", "torn")


class Operation(NamedTuple):
    """One entry: C created, W written, T truncated to `offset`, S synced, R renamed to `data`, U unlinked, A a note."""

    kind: str
    path: str
    offset: int
    data: bytes


class _File:
    """A file's bytes on the disk, and what was done to it since its last sync."""

    def __init__(self) -> None:
        self.synced = bytearray()
        self.pending: list[Operation] = []

    def sync(self) -> None:
        for operation in self.pending:
            _apply(self.synced, operation)
        self.pending = []

    def after(self, cut: Cut, chance: random.Random) -> bytearray:
        left = bytearray(self.synced)
        for operation in _surviving(self.pending, cut, chance):
            _apply(left, operation)
        return left


class Disk:
    """A folder, as far as its recording was replayed."""

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}
        self._synced_names: dict[str, _File] = {}

    def apply(self, done: Operation) -> None:
        """Replay one operation."""
        match done.kind:
            case "C":
                if done.path not in self._names:
                    self._names[done.path] = _File()
            case "W" | "T":
                self._names[done.path].pending.append(done)
            case "S" if done.path in self._names:
                self._names[done.path].sync()
            case "S":
                self._synced_names = copy(self._names)
            case "R":
                self._names[done.data.decode()] = self._names.pop(done.path)
            case "U":
                self._names.pop(done.path, None)
            case _:
                raise ValueError(f"a recording has no operation {done.kind}")

    def write_out(self, folder: Path, cut: Cut, chance: random.Random) -> None:
        """Put into a folder what a power cut now would leave; SQLite's shared memory is no part of that."""
        for old in folder.iterdir():
            old.unlink()
        names_kept = cut == "kept" or (cut != "dropped" and chance.random() < 0.5)
        names = self._names if names_kept else self._synced_names
        for path, file in names.items():
            if not path.endswith("-shm"):
                (folder / Path(path).name).write_bytes(file.after(cut, chance))


def read_record(path: Path) -> Iterator[Operation]:
    """Read a recording."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            kind, path_length, offset, length = _HEAD.unpack(head)
            yield Operation(kind.decode(), file.read(path_length).decode(), offset, file.read(length))


def add_note(path: Path, note: bytes) -> None:
    """Append a note of ours to a recording that a server is still writing: what comes before it has happened before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, _HEAD.pack(b"A", 0, 0, len(note)) + note)
    os.close(descriptor)


def _surviving(pending: list[Operation], cut: Cut, chance: random.Random) -> list[Operation]:
    match cut:
        case "kept":
            return pending
        case "dropped":
            return []
        case "shuffled":
            some = [one for one in pending if chance.random() < 0.5]
            chance.shuffle(some)
            return some
        case "torn":
            some = pending[: chance.randint(0, len(pending))]
            if some and some[-1].kind == "W":
                last = some.pop()
                sectors = chance.randint(0, len(last.data) // SECTOR)
                some.append(last._replace(data=last.data[: sectors * SECTOR]))
            return some


def _apply(content: bytearray, operation: Operation) -> None:
    end = operation.offset
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if operation.kind == "T":
        del content[end:]
    else:
        content[end : end + len(operation.data)] = operation.data
