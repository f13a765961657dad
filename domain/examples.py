"""Examples, and how a dataset is pinned: JSON Lines in blocks, named by a manifest.

A block is cut after a line whose id's SHA-256 begins with a zero byte, or before it would pass 1 MB, so that a row
put into a dataset changes the block it falls in and not those after it. A block is named by its SHA-256.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

BLOCK_BYTES = 1_000_000
LINE_BYTES = 8_000_000


class Example(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One input for the model with the output expected of it. The order of the fields is the order in the log."""

    id: str
    input: str
    expected: str
    tags: tuple[str, ...] = ()
    metadata: dict[str, object] | None = None


class Block(msgspec.Struct, frozen=True, array_like=True):
    """A block of examples: the SHA-256 of its bytes in hex, and how many rows it holds."""

    digest: str
    rows: int


class Manifest(msgspec.Struct, frozen=True):
    """All blocks of a dataset, in order; `rows` is their sum."""

    rows: int
    blocks: list[Block]


class Cut(NamedTuple):
    """A block ready to be stored: its bytes and how many rows they hold."""

    content: bytes
    rows: int


_encoder = msgspec.json.Encoder()
_example_decoder = msgspec.json.Decoder(Example)
_manifest_decoder = msgspec.json.Decoder(Manifest)


def digest(content: bytes) -> str:
    """Name contents: their SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def encode_line(example: Example) -> bytes:
    """Give the example's line in a block, newline included."""
    return _encoder.encode(example) + b"\n"


def decode_line(line: bytes) -> Example:
    """Read a line of a block."""
    return _example_decoder.decode(line)


def cut_blocks(examples: Iterable[Example]) -> Iterator[Cut]:
    """Cut a dataset into blocks (see the module's text)."""
    lines: list[bytes] = []
    size = 0
    for example in examples:
        line = encode_line(example)
        if lines and size + len(line) > BLOCK_BYTES:
            yield Cut(b"".join(lines), len(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)
        if hashlib.sha256(example.id.encode()).digest()[0] == 0:
            yield Cut(b"".join(lines), len(lines))
            lines, size = [], 0
    if lines:
        yield Cut(b"".join(lines), len(lines))


def encode_manifest(manifest: Manifest) -> bytes:
    """Give the manifest's bytes as they are pinned."""
    return _encoder.encode(manifest)


def decode_manifest(content: bytes) -> Manifest:
    """Read a pinned manifest."""
    return _manifest_decoder.decode(content)


def is_selected(tags: Iterable[str], suite_tags: frozenset[str], request_tags: frozenset[str]) -> bool:
    """Tell whether an example takes part: it carries one of the suite's tags, if any, and one of the request's."""
    carried = frozenset(tags)
    return (not suite_tags or not carried.isdisjoint(suite_tags)) and (
        not request_tags or not carried.isdisjoint(request_tags)
    )
