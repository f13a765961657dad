"""The header of a CSV dataset: which column holds which field of an example."""

from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from domain.examples import LINE_BYTES
from domain.mistakes import Mistake, nearest
from service.files.csv_rows import Row

REQUIRED = ("id", "input", "expected")
TAGS = "tags"
METADATA = "metadata."
TAG_SEPARATOR = ";"
_GROWTH = 6  # U+0001 becomes \\u0001 in JSON
_FRAME = 100  # names of fields, braces, quotes


class Columns(NamedTuple):
    """Where the cells of a row belong: the place of each field and of each key of the metadata, `width` in all.

    A row of `usual_characters` is never over the limit as JSON, whatever they are.
    """

    id: int
    input: int
    expected: int
    tags: int | None
    metadata: list[tuple[str, int]]
    width: int
    usual_characters: int

    def tags_of(self, cells: list[str]) -> list[str]:
        """Give a row's tags; white space around them and empty ones are left out."""
        if self.tags is None or not cells[self.tags]:
            return []
        return [tag for part in cells[self.tags].split(TAG_SEPARATOR) if (tag := part.strip())]

    def metadata_of(self, cells: list[str]) -> dict[str, object]:
        """Give a row's metadata; an empty cell says nothing."""
        return {key: cells[place] for key, place in self.metadata if cells[place]}


def read_header(header: Row, file: str) -> Columns | list[Mistake]:
    """Read the header, or tell all that is wrong with it."""
    faults = [("", header.fault)] if header.fault else list(_header_faults(header.cells))
    if faults:
        return [Mistake(message, file, header.line, name or None) for name, message in faults]
    place = {name: index for index, name in enumerate(header.cells)}
    metadata = [(name.removeprefix(METADATA), index) for name, index in place.items() if name.startswith(METADATA)]
    id_, input_, expected = itemgetter(*REQUIRED)(place)
    usual = LINE_BYTES // _GROWTH - sum(map(len, header.cells)) - _FRAME
    return Columns(id_, input_, expected, place.get(TAGS), metadata, len(header.cells), usual)


def _header_faults(names: list[str]) -> Iterator[tuple[str, str]]:
    """Give faults, each with the column it is about."""
    if len(names) == 1 and any(separator in names[0] for separator in ";\t|"):
        yield "", f"the header has one column, '{names[0]:.60}': the cells of a row are separated by commas"
        return
    for index, name in enumerate(names):
        if not _is_known(name):
            yield name, _unknown(name, index)
        elif name in names[:index]:
            yield name, f"the column '{name}' is already there (column {names.index(name) + 1})"
    for name in REQUIRED:
        if name not in names:
            yield name, f"missing; the header must name the columns {', '.join(REQUIRED)}"


def _is_known(name: str) -> bool:
    return name in (*REQUIRED, TAGS) or (name.startswith(METADATA) and name != METADATA)


def _unknown(name: str, index: int) -> str:
    if not name.strip():
        return f"column {index + 1} has no name"
    key = name.partition(".")[2] or "NAME"
    return f"unknown column '{name}'{nearest(name, [*REQUIRED, TAGS, METADATA + key])}"
