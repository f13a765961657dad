"""CSV datasets of any size, streamed: columns id, input, expected, tags (`;` between), `metadata.x`, in any order."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from domain.examples import LINE_BYTES, Example, encode_line
from domain.mistakes import Mistake
from domain.spec import InlineExample
from service.files.csv_columns import Columns, read_header
from service.files.csv_rows import Row, read_rows
from service.files.jsonl_row import to_example
from service.files.mistake_list import MistakeList
from service.files.seen_ids import SeenIds
from service.files.tree import from_json
from service.files.typed import convert

_ID_CHARACTERS = 256


def read_csv(path: Path, file: str, *, stop_at_first: bool = False) -> Iterator[Example]:
    """Give the examples of a file that messages call `file`; CantReadError, InvalidFiles (see `read_examples`)."""
    mistakes = MistakeList(file)
    rows = read_rows(path)
    header = next(rows, None)
    columns = read_header(header, file) if header else [Mistake("must begin with a header: id,input,expected", file)]
    if isinstance(columns, list):
        mistakes.extend(columns)
        mistakes.raise_any()
        return
    seen = SeenIds()
    for row in rows:
        example = _read_fast(row, columns) or _read_slowly(row, columns, mistakes)
        if example:
            seen.add(example.id)
            yield example
        elif stop_at_first:
            mistakes.raise_any()
    if not seen and not mistakes:
        mistakes.add("must hold at least one example")
    seen.tell_repeated(_look_again(path, columns), mistakes)
    mistakes.raise_any()


def has_more_rows(path: Path, rows: int) -> bool:
    """Tell whether a file has more rows below its header; reads no further than that. CantReadError, OSError."""
    return next(islice(read_rows(path), rows + 1, None), None) is not None


def _read_fast(row: Row, columns: Columns) -> Example | None:
    """Take a row that holds nothing unusual; None for any other."""
    cells = row.cells
    if len(cells) != columns.width:
        return None
    name = cells[columns.id]
    if not 0 < len(name) <= _ID_CHARACTERS or not name.isprintable():
        return None
    tags = columns.tags_of(cells)
    if sum(map(len, cells)) > columns.usual_characters:
        return None
    if not all(len(tag) <= 256 and tag.isprintable() for tag in tags):
        return None
    metadata = columns.metadata_of(cells) or None
    return Example(name, cells[columns.input], cells[columns.expected], tuple(tags), metadata)


def _read_slowly(row: Row, columns: Columns, mistakes: MistakeList) -> Example | None:
    """Take a row, or tell all that is wrong with it."""
    if row.fault:
        mistakes.add(row.fault, row.line)
        return None
    if len(row.cells) != columns.width:
        mistakes.add(f"has {len(row.cells)} cells, the header has {columns.width} columns", row.line)
        return None
    written: dict[str, object] = {name: row.cells[getattr(columns, name)] for name in ("id", "input", "expected")}
    written |= {"tags": columns.tags_of(row.cells), "metadata": columns.metadata_of(row.cells)}
    converted = convert(from_json(written, row.line), InlineExample, mistakes.file)
    mistakes.extend(converted.mistakes)
    example = to_example(converted.value) if converted.value else None
    if example and len(encode_line(example)) > LINE_BYTES:
        mistakes.add(f"an example holds at most {LINE_BYTES // 1_000_000} MB as JSON", row.line)
        return None
    return example


def _look_again(path: Path, columns: Columns) -> Iterator[tuple[int, str]]:
    """Give line and id of each good row once more."""
    rows = read_rows(path)
    next(rows)
    nowhere = MistakeList("")
    for row in rows:
        example = _read_fast(row, columns) or _read_slowly(row, columns, nowhere)
        if example:
            yield row.line, example.id
