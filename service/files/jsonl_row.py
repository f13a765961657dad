"""One line of a JSON Lines dataset -> an example, or the mistakes in it.

The fast way decodes the line straight to its type and sees that nothing is unusual. Whatever it does not take, goes
the slow way, which decides and finds the words.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from domain.examples import LINE_BYTES, Example
from domain.mistakes import Mistake
from domain.not_json import why_not_json
from domain.spec import InlineExample
from service.files.tree import from_json
from service.files.typed import MAX_INTEGER, convert

_USUAL_DEPTH = 8


class _Row(Example, frozen=True, forbid_unknown_fields=True, gc=False):
    id: Annotated[str, Meta(min_length=1, max_length=256)]
    metadata: dict[str, object] = msgspec.field(default_factory=dict)


_decoder = msgspec.json.Decoder(_Row)
_strict_decoder = msgspec.json.Decoder(InlineExample)


def decode_fast(line: bytes) -> Example | None:
    """Decode a line that holds nothing unusual; None for any other."""
    try:
        row = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # a pattern for id and tags would take longer than all the rest
    if (
        len(line) > LINE_BYTES
        or not row.id.isprintable()
        or not all(0 < len(tag) <= 256 and tag.isprintable() for tag in row.tags)
    ):
        return None
    if row.metadata and not _is_usual(row.metadata, _USUAL_DEPTH):
        return None
    return Example(row.id, row.input, row.expected, row.tags, row.metadata or None)


def decode_slowly(line: bytes, number: int, file: str) -> tuple[Example | None, list[Mistake]]:
    """Decode a line, or tell all that is wrong with it; `number` is its line in `file`."""
    if len(line) > LINE_BYTES:
        return None, [Mistake(f"the line is over {LINE_BYTES // 1_000_000} MB", file, number)]
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None, [Mistake("the line is not UTF-8", file, number)]
    try:
        node = from_json(msgspec.json.decode(text), number)
    except (msgspec.DecodeError, RecursionError) as error:
        return None, [Mistake(f"the line is not valid JSON: {why_not_json(text, error)}", file, number)]
    converted = convert(node, InlineExample, file)
    return (to_example(converted.value) if converted.value else None), converted.mistakes


def is_row(line: bytes) -> bool:
    """Tell, without a reason, whether a line is an example."""
    try:
        _strict_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return len(line) <= LINE_BYTES


def to_example(written: InlineExample) -> Example:
    """Turn an example as it is written into one as it is used."""
    return Example(written.id, written.input, written.expected, tuple(written.tags), written.metadata or None)


def _is_usual(value: object, depth: int) -> bool:
    match value:
        case dict():
            return depth > 0 and all(_is_usual(item, depth - 1) for item in value.values())
        case list():
            return depth > 0 and all(_is_usual(item, depth - 1) for item in value)
        case int():
            return -MAX_INTEGER <= value < MAX_INTEGER
        case _:
            return True
