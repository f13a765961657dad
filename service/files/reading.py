"""One file's bytes -> a value and its mistakes with their lines."""

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from domain.mistakes import Mistake
from domain.model_rules import Fault
from service.files.tree import Node, line_of, show_path
from service.files.typed import convert
from service.files.yaml_tree import parse_yaml

T = TypeVar("T")


class Reading(NamedTuple, Generic[T]):
    """A file as read: its value, its tree as far as there is one, its mistakes.

    With mistakes, the value has defaults in place of what is wrong, and serves only to look for more.
    """

    value: T | None
    root: Node | None
    mistakes: list[Mistake]


def read_typed(
    content: bytes, file: str, wanted: type[T], prepare: Callable[[Node], Node] = lambda root: root
) -> Reading[T]:
    """Read YAML as a value of a type; mistakes name `file` and are in the order of its lines.

    `prepare` may write the tree's shorthands out before it is converted.
    """
    parsed = parse_yaml(content, file)
    if parsed.root is None:
        return Reading(None, None, parsed.mistakes)
    converted = convert(prepare(parsed.root), wanted, file)
    mistakes = sorted(parsed.mistakes + converted.mistakes, key=lambda mistake: mistake.line or 0)
    return Reading(converted.draft, parsed.root, mistakes)


def with_faults(reading: Reading[T], file: str, faults: Iterable[Fault]) -> Reading[T]:
    """Add the mistakes of rules over several fields."""
    if reading.root is None:
        return reading
    found = [locate(fault, file, reading.root) for fault in faults]
    return reading._replace(mistakes=reading.mistakes + found)


def locate(fault: Fault, file: str, root: Node) -> Mistake:
    """Turn a fault into a mistake by adding file and line."""
    first = f" (first in line {line_of(root, fault.first)})" if fault.first else ""
    return Mistake(fault.message + first, file, line_of(root, fault.place), show_path(fault.place))
