"""What a file holds, as a tree whose nodes know their lines.

The tree is the same for YAML and JSON, so that `service/files/typed.py` has one way to say what is wrong.
"""

import math
from typing import Literal

import msgspec

MAX_DEPTH = 64

Kind = Literal["text", "number", "odd number", "boolean", "null", "date", "unknown"]
"""`odd number`: one that YAML reads otherwise than a person (012, 1:30, 1_000), or that is not finite.
`unknown`: told as a mistake before; nothing more is to be said of it."""


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """One value. `text` is what is written in the file. A value of an odd kind is its text."""

    line: int | None
    kind: Kind
    text: str
    value: str | int | float | bool | None


class Mapping(msgspec.Struct, frozen=True):
    """Keys and values in the order of the file. A value's line is its key's."""

    line: int | None
    entries: dict[str, "Node"]


class Sequence(msgspec.Struct, frozen=True):
    """Items in the order of the file."""

    line: int | None
    items: list["Node"]


Node = Scalar | Mapping | Sequence
Path = tuple[str | int, ...]
"""Where a node stands: `("suites", 0, "thresholds", "overall")`."""


def show_path(path: Path) -> str:
    """Write a path as a user reads it: `suites[0].thresholds.overall`."""
    shown = ""
    for step in path:
        shown += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else step
    return shown


def line_of(root: Node, path: Path) -> int | None:
    """Tell the line of a path, or of the closest thing around it that is there."""
    node = root
    for step in path:
        below = _child(node, step)
        if below is None:
            break
        node = below
    return node.line


def describe(node: Node) -> str:
    """Say what is found there, in words of a user: `the number 42`, `a list`."""
    if not isinstance(node, Scalar):
        return "a mapping" if isinstance(node, Mapping) else "a list"
    match node.kind:
        case "null":
            return "nothing"
        case "text":
            return f"the text '{_shorten(node.text)}'" if node.text else "an empty text"
        case kind:
            return f"the {kind.removeprefix('odd ')} {_shorten(node.text)}"


def _shorten(text: str) -> str:
    line = "".join(character if character.isprintable() else " " for character in text[:61])
    return line[:60] + ("..." if len(text) > 60 else "")


def from_json(value: object, line: int | None = None, depth: int = 0) -> Node:
    """Turn decoded JSON into a tree on one line; RecursionError where it is nested more than 64 deep."""
    match value:
        case dict() | list() if depth == MAX_DEPTH:
            raise RecursionError
        case dict():
            return Mapping(line, {str(key): from_json(item, line, depth + 1) for key, item in value.items()})
        case list():
            return Sequence(line, [from_json(item, line, depth + 1) for item in value])
        case _:
            return _json_scalar(value, line)


def _json_scalar(value: object, line: int | None) -> Scalar:
    match value:
        case None:
            return Scalar(line, "null", "null", None)
        case bool():
            return Scalar(line, "boolean", "true" if value else "false", value)
        case int():
            return Scalar(line, "number", str(value), value)
        case float():
            return Scalar(line, "number" if math.isfinite(value) else "odd number", repr(value), value)
        case _:
            return Scalar(line, "text", str(value), str(value))


def _child(node: Node, step: str | int) -> Node | None:
    match node:
        case Mapping():
            return node.entries.get(str(step))
        case Sequence() if isinstance(step, int) and step < len(node.items):
            return node.items[step]
        case _:
            return None
