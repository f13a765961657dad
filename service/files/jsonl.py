"""JSON Lines datasets of any size, streamed: one line in memory at a time, and eight bytes for each id."""

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from domain.examples import LINE_BYTES, Example
from service.files.jsonl_row import decode_fast, decode_slowly, is_row
from service.files.mistake_list import LISTED_MISTAKES, MistakeList
from service.files.opening import open_regular

_BOM = b"\xef\xbb\xbf"


def read_jsonl(path: Path, file: str, *, stop_at_first: bool = False) -> Iterator[Example]:
    """Give the examples of a file that messages call `file`; CantReadError, InvalidFiles (see `read_examples`)."""
    mistakes = MistakeList(file)
    digests = array("q")  # of the ids: a set of a million strings would take ten times as much
    for number, line in _lines(path):
        example = decode_fast(line) or _decode_unusual(line, number, mistakes)
        if example:
            digests.append(hash(example.id))
            yield example
        elif stop_at_first:
            mistakes.raise_any()
    if not digests and not mistakes:
        mistakes.add("must hold at least one example")
    _tell_repeated(path, np.frombuffer(digests, np.int64), mistakes)
    mistakes.raise_any()


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Give the lines that are not blank with their numbers; of one that is too long, only its beginning."""
    number = 0
    with open_regular(path) as opened:
        while line := opened.readline(LINE_BYTES + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(_BOM)
            if len(line) > LINE_BYTES:
                _skip_rest(opened, line)
            if line and not line.isspace():
                yield number, line


def _skip_rest(opened: BinaryIO, part: bytes) -> None:
    while part and not part.endswith(b"\n"):
        part = opened.readline(LINE_BYTES)


def _decode_unusual(line: bytes, number: int, mistakes: MistakeList) -> Example | None:
    if mistakes.is_full:
        mistakes.count(0 if is_row(line) else 1)
        return None
    example, found = decode_slowly(line, number, mistakes.file)
    mistakes.extend(found)
    return example


def _tell_repeated(path: Path, digests: NDArray[np.int64], mistakes: MistakeList) -> None:
    """Tell ids that are there twice. Equal digests may be an accident: a second look at the file tells."""
    order = np.argsort(digests, kind="stable")
    ranked = digests[order]
    repeats = np.sort(order[1:][ranked[1:] == ranked[:-1]])
    if not repeats.size:
        return
    listed = repeats[:LISTED_MISTAKES]
    first: dict[str, int] = {}
    for number, example_id in _look_again(path, set(digests[listed].tolist()), int(listed[-1])):
        if first.setdefault(example_id, number) != number:
            mistakes.add(
                f"the example '{example_id}' is already there (first in line {first[example_id]})", number, "id"
            )
    mistakes.count(repeats.size - listed.size)


def _look_again(path: Path, suspects: set[int], last: int) -> Iterator[tuple[int, str]]:
    """Give line and id of the rows with one of these digests, as far as the row of index `last`."""
    row = 0
    for number, line in _lines(path):
        example = decode_fast(line) or decode_slowly(line, number, "")[0]
        if not example:
            continue
        if hash(example.id) in suspects:
            yield number, example.id
        if row == last:
            return
        row += 1
