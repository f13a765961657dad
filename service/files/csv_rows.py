"""CSV -> rows of cells, streamed: one row in memory at a time. Each row knows the line of the file it begins in."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from domain.examples import LINE_BYTES
from service.files.opening import open_regular

_BOM = b"\xef\xbb\xbf"
_TOO_LONG = f"the row is over {LINE_BYTES // 1_000_000} MB, or a quote in it is never closed; the rest was not read"
_FAULTS = {
    "unexpected end of data": "a quote in this row is never closed",
    "expected after": 'after a closing quote comes a comma or the end of the row; write a quote in a cell twice: ""',
    "new-line character": "a carriage return in a cell needs quotes around the cell; a row ends with a newline",
}

csv.field_size_limit(LINE_BYTES)  # of the whole process; the module's own limit is 131,072 characters


class Row(NamedTuple):
    """A row: the line it begins in, its cells, and what is wrong with it as CSV, which leaves it without cells."""

    line: int
    cells: list[str]
    fault: str


def read_rows(path: Path) -> Iterator[Row]:
    """Give the rows that are not blank, the header among them; CantReadError, OSError."""
    with open_regular(path) as file:
        lines = _Lines(file)
        reader = csv.reader(lines.decoded(), strict=True)
        while True:
            first = reader.line_num + 1
            lines.row_bytes = lines.not_utf8 = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(first, [], f"not valid CSV: {_explain(error)}")
                continue
            except _TooLongError:
                yield Row(first, [], _TOO_LONG)
                return
            if lines.not_utf8:
                yield Row(lines.not_utf8, [], "the line is not UTF-8")
            elif len(cells) > 1 or (cells and cells[0].strip()):
                yield Row(first, cells, "")


class _TooLongError(Exception):
    """A row has more bytes than it may."""


class _Lines:
    """The lines of a file as text, and what became of those of the row that is being read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = 0
        self.row_bytes = 0
        self.not_utf8 = 0  # the number of the last such line

    def decoded(self) -> Iterator[str]:
        while line := self._file.readline(LINE_BYTES + 1):
            self._number += 1
            self.row_bytes += len(line)
            if self.row_bytes > LINE_BYTES:
                raise _TooLongError
            if self._number == 1:
                line = line.removeprefix(_BOM)
            try:
                yield line.decode()
            except UnicodeDecodeError:
                self.not_utf8 = self._number
                yield line.decode(errors="replace")


def _explain(error: csv.Error) -> str:
    said = str(error)
    return next((words for sign, words in _FAULTS.items() if sign in said), said)
