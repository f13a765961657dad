"""JSON Lines datasets of any size, streamed: one line in memory at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from domain.examples import LINE_BYTES, Example
from service.files.jsonl_row import decode_fast, decode_slowly, is_row
from service.files.mistake_list import MistakeList
from service.files.opening import open_regular
from service.files.seen_ids import SeenIds

_BOM = b"\xef\xbb\xbf"


def read_jsonl(path: Path, file: str, *, stop_at_first: bool = False) -> Iterator[Example]:
    """Give the examples of a file that messages call `file`; CantReadError, InvalidFiles (see `read_examples`)."""
    mistakes = MistakeList(file)
    seen = SeenIds()
    for number, line in _lines(path):
        example = decode_fast(line) or _decode_unusual(line, number, mistakes)
        if example:
            seen.add(example.id)
            yield example
        elif stop_at_first:
            mistakes.raise_any()
    if not seen and not mistakes:
        mistakes.add("must hold at least one example")
    seen.tell_repeated(_look_again(path), mistakes)
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


def _look_again(path: Path) -> Iterator[tuple[int, str]]:
    """Give line and id of each good row once more."""
    for number, line in _lines(path):
        example = decode_fast(line) or decode_slowly(line, number, "")[0]
        if example:
            yield number, example.id
