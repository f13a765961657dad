"""Harness files: read, checked, and their datasets found."""

import posixpath
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from domain.mistakes import Mistake
from domain.rules import find_harness_faults
from domain.spec import Harness
from service.files.opening import CONFIG_BYTES, CantReadError, open_regular, read_regular
from service.files.parts import find_harness_part_faults
from service.files.reading import Reading, read_typed, with_faults
from service.files.registered import spell_out_registered
from service.files.tree import Mapping, Node, Scalar, line_of

ENDINGS = (".yml", ".yaml", ".jsonl", ".csv")
_CACHED_FILES = 128


class DatasetPath(NamedTuple):
    """A dataset file that is there: how messages name it, and where it is."""

    file: str
    path: Path


class HarnessFile(NamedTuple):
    """A harness file without a mistake. `file` is how messages name it.

    `dataset` is None where the examples are written in the harness file itself; `root` is the file as a tree.
    """

    file: str
    path: Path
    spec: Harness
    dataset: DatasetPath | None
    root: Node

    @property
    def folder(self) -> Path:
        """Where the paths of this file start, and where a command runs."""
        return self.path.parent

    def line_of(self, *place: str | int) -> int | None:
        """Tell the line of a field: `line_of("graders", 0, "name")`."""
        return line_of(self.root, place)


class HarnessReading(NamedTuple):
    """What became of a harness file. `spec` is there where all types are right, even beside other mistakes."""

    file: str
    path: Path
    root: Node | None
    spec: Harness | None
    dataset: DatasetPath | None
    whole: HarnessFile | None
    mistakes: list[Mistake]


def read_harness(written: str, folder: Path, *, needs_dataset: bool = True) -> HarnessReading:
    """Read the harness file that the config in `folder` names; CantReadError where it can't be read.

    A dataset that is not needed is not looked for.
    """
    path = folder / written
    file = posixpath.normpath(written)
    reading = _read(read_regular(path, CONFIG_BYTES), file)
    if reading.root is None:
        return HarnessReading(file, path, None, None, None, None, reading.mistakes)
    dataset, problem = _find_dataset(reading.root, file, folder) if needs_dataset else (None, None)
    mistakes = reading.mistakes + ([problem] if problem else [])
    whole = HarnessFile(file, path, reading.value, dataset, reading.root) if reading.value and not mistakes else None
    return HarnessReading(file, path, reading.root, reading.value, dataset, whole, mistakes)


@lru_cache(_CACHED_FILES)
def _read(content: bytes, file: str) -> Reading[Harness]:
    reading = read_typed(content, file, Harness, spell_out_registered)
    if reading.root is None:
        return reading
    faults = find_harness_faults(reading.value) if reading.value else find_harness_part_faults(reading.root)
    return with_faults(reading, file, faults)


def _find_dataset(root: Node, file: str, folder: Path) -> tuple[DatasetPath | None, Mistake | None]:
    """Look for the dataset beside the harness file, then beside the config."""
    node = root.entries.get("dataset") if isinstance(root, Mapping) else None
    if not isinstance(node, Scalar) or node.kind != "text" or not node.text:
        return None, None
    places = list(dict.fromkeys(posixpath.normpath(name) for name in (_beside(file, node.text), node.text)))
    reason = _wrong_ending(node.text)
    for place in [] if reason else places:
        try:
            open_regular(folder / place).close()
        except CantReadError as error:
            if str(error) != "no such file":
                reason = f"{place} {error}"
                break
        else:
            return DatasetPath(place, folder / place), None
    return None, Mistake(reason or f"no such file; looked for {' and '.join(places)}", file, node.line, "dataset")


def _beside(file: str, name: str) -> str:
    return posixpath.join(posixpath.dirname(file), name)


def _wrong_ending(name: str) -> str | None:
    if posixpath.splitext(name)[1].lower() in ENDINGS:
        return None
    return f"a dataset file ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
