"""`request_template`: JSON text in whose strings `{{input}}` stands for the example's input.

The template is parsed once and kept as encoded JSON cut at the places of the input, so that filling it is one join of
bytes. The input goes in as the content of a JSON string: nothing in it can break or alter the request, and a
`{{input}}` inside it is not looked at again. Keys are left as they are.
"""

from collections.abc import Iterator

import msgspec

INPUT = "{{input}}"
DEFAULT = '{"input": "{{input}}"}'

_encode = msgspec.json.encode


class Template:
    """A request body with places for the input."""

    __slots__ = ("_segments",)

    def __init__(self, segments: list[bytes]) -> None:
        self._segments = segments

    def fill(self, text: str) -> bytes:
        """Give the body that asks for `text`."""
        return _encode(text)[1:-1].join(self._segments)


def compile_template(text: str | None) -> Template:
    """Prepare a template (None: `{"input": ...}`). Raises ValueError with a sentence when it is not JSON."""
    try:
        tree = msgspec.json.decode(text or DEFAULT)
        return Template(_segments(tree))
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None


def _segments(tree: object) -> list[bytes]:
    segments = [b""]
    for piece in _pieces(tree):
        if piece is None:
            segments.append(b"")
        else:
            segments[-1] += piece
    return segments


def _pieces(node: object) -> Iterator[bytes | None]:
    """Encode a node piece by piece; None marks a place of the input."""
    match node:
        case str():
            yield from _string_pieces(node)
        case dict():
            yield b"{"
            for index, (key, value) in enumerate(node.items()):
                yield (b"," if index else b"") + _encode(key) + b":"
                yield from _pieces(value)
            yield b"}"
        case list():
            yield b"["
            for index, value in enumerate(node):
                yield b"," if index else b""
                yield from _pieces(value)
            yield b"]"
        case _:
            yield _encode(node)


def _string_pieces(text: str) -> Iterator[bytes | None]:
    first, *others = text.split(INPUT)
    yield b'"' + _encode(first)[1:-1]
    for part in others:
        yield None
        yield _encode(part)[1:-1]
    yield b'"'
