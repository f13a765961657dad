"""One line of a JSON Lines dataset -> an example, or the mistakes in it.

The fast way decodes the line straight to its type and sees that nothing is unusual. Whatever it does not take, goes
the slow way, which decides and finds the words.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.examples import LINE_BYTES, Example
from domain.mistakes import Mistake
from domain.spec import InlineExample
from service.files.tree import TooDeepError, from_json
from service.files.typed import MAX_INTEGER, convert

_HALF_PAIR = re.compile(rb"\\ud[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..)\\ud[c-f]", re.IGNORECASE)
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
    if len(line) > LINE_BYTES or not row.id.isprintable() or not all(tag and tag.isprintable() for tag in row.tags):
        return None
    if row.metadata and not _is_usual(row.metadata, _USUAL_DEPTH):
        return None
    return Example(row.id, row.input, row.expected, row.tags, row.metadata or None)


def decode_slowly(line: bytes, number: int, file: str) -> tuple[Example | None, list[Mistake]]:
    """Decode a line, or tell all that is wrong with it; `number` is its line in `file`."""
    if len(line) > LINE_BYTES:
        return None, [Mistake(f"the line is over {LINE_BYTES // 1_000_000} MB", file, number)]
    try:
        node = from_json(msgspec.json.decode(line), number)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TooDeepError) as error:
        return None, [Mistake(_not_json(line, error), file, number)]
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


def _not_json(line: bytes, error: Exception) -> str:
    try:
        line.decode()
    except UnicodeDecodeError:
        return "the line is not UTF-8"
    if isinstance(error, RecursionError | TooDeepError):
        return "the line is nested too deep"
    if _HALF_PAIR.search(line):
        return "the line is not valid JSON: half of a surrogate pair, such as \\ud800 alone, is no character"
    reason = str(error).removeprefix("JSON is malformed: ").replace("Input data was truncated", "it ends too early")
    return f"the line is not valid JSON: {reason}"


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
