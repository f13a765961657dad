"""YAML -> a tree. One pass over the parser's events, without recursion: the composer of libyaml dies of deep nesting.

Only plain values are taken: no aliases, no tags but `!!str`, no keys twice, one document, 64 levels.
"""

import math
import re
from collections.abc import Iterator

import msgspec
import yaml

from domain.mistakes import Mistake
from service.files.tree import MAX_DEPTH, Kind, Mapping, Node, Path, Scalar, Sequence, describe, show_path

_RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL_FRACTION = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_DIGITS = 400


class Parsed(msgspec.Struct, frozen=True):
    """A file's tree, and what is wrong with the YAML itself. Without a tree the file could not be read to its end."""

    root: Node | None
    mistakes: list[Mistake]


class _Stop(Exception):
    """Nothing more can be read; carries the mistake."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


def parse_yaml(content: bytes, file: str) -> Parsed:
    """Read one YAML document; mistakes name `file`."""
    builder = _Builder(file)
    try:
        _check_text(content)
        for event in _events(content):
            builder.take(event)
    except _Stop as stop:
        builder.mistakes.append(Mistake(str(stop), file, stop.line))
        return Parsed(None, builder.mistakes)
    return Parsed(builder.root or Scalar(1, "null", "", None), builder.mistakes)


def _check_text(content: bytes) -> None:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _Stop("the file is not UTF-8", content.count(b"\n", 0, error.start) + 1) from error
    odd = _NOT_PRINTABLE.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        raise _Stop(f"the control character U+{ord(odd[0]):04X} is not allowed", line)


def _events(content: bytes) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(content, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_mistake(error, content) from error
    except yaml.YAMLError as error:
        raise _Stop(f"not valid YAML: {error}", None) from error


def _syntax_mistake(error: yaml.MarkedYAMLError, content: bytes) -> _Stop:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return _Stop(f"not valid YAML: {error.problem}", None)
    line = content.splitlines()[mark.line : mark.line + 1]
    if line and line[0].decode().removeprefix("\ufeff")[mark.column : mark.column + 1] == "\t":
        return _Stop("not valid YAML: a tab can't indent; use spaces", mark.line + 1)
    context = f" {error.context}" if error.context else ""
    return _Stop(f"not valid YAML:{context} {error.problem} (column {mark.column + 1})", mark.line + 1)


class _OpenSequence:
    """A sequence that is being filled."""

    __slots__ = ("node", "step")
    wants_key = False
    key_line = None

    def __init__(self, node: Sequence) -> None:
        self.node = node
        self.step = 0  # the index that is being read

    def add(self, node: Node) -> None:
        self.step = len(self.node.items)
        self.node.items.append(node)


class _OpenMapping:
    """A mapping that is being filled. After `drop` the value that follows is thrown away."""

    __slots__ = ("dropped", "key_line", "node", "step")

    def __init__(self, node: Mapping) -> None:
        self.node = node
        self.step = ""  # the key that is being read
        self.key_line: int | None = None
        self.dropped = False

    @property
    def wants_key(self) -> bool:
        return self.key_line is None

    def drop(self, line: int, key: str = "?") -> None:
        self.step, self.key_line, self.dropped = key, line, True

    def add(self, node: Node) -> None:
        if not self.dropped:
            self.node.entries[self.step] = node
        self.key_line, self.dropped = None, False


class _Builder:
    """Takes events and grows the tree."""

    def __init__(self, file: str) -> None:
        self.root: Node | None = None
        self.mistakes: list[Mistake] = []
        self._file = file
        self._frames: list[_OpenMapping | _OpenSequence] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._frames.pop()
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _Stop("a second document begins here; a file holds one", _line(event))
            case _:
                pass

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        own = _line(event)
        parent = self._waiting_for_key()
        plain = event.tag is None and event.implicit[0]
        kind, value = read_plain(event.value) if plain else ("text", event.value)
        if event.tag not in _TEXT_TAGS:
            kind, value = "unknown", None
        scalar = Scalar(own if parent else self._value_line(own), kind, event.value, value)
        if parent:
            self._key(parent, scalar, own)
        else:
            self._add(scalar)
        if event.tag not in _TEXT_TAGS:
            self._refuse_tag(event.tag, own)

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        own = _line(event)
        if len(self._frames) == MAX_DEPTH:
            raise _Stop(f"nested more than {MAX_DEPTH} deep", own)
        parent = self._waiting_for_key()
        line = own if parent else self._value_line(own)
        node = Mapping(line, {}) if isinstance(event, yaml.MappingStartEvent) else Sequence(line, [])
        if parent:
            parent.drop(own)
            self._tell("a key must be text, found a list or a mapping", own)
        else:
            self._add(node)
        if event.tag not in (None, "!"):
            self._refuse_tag(event.tag, own)
        self._frames.append(_OpenMapping(node) if isinstance(node, Mapping) else _OpenSequence(node))

    def _alias(self, event: yaml.AliasEvent) -> None:
        own = _line(event)
        parent = self._waiting_for_key()
        if parent:
            parent.drop(own)
        else:
            self._add(Scalar(own, "unknown", "", None))
        self._tell(f"the alias *{event.anchor} is not allowed; write the value out", own)

    def _key(self, parent: _OpenMapping, scalar: Scalar, line: int) -> None:
        key, kind = scalar.text, scalar.kind
        parent.step, parent.key_line = key, line
        if kind == "text" and key not in parent.node.entries:
            return
        parent.drop(line, key)
        if kind == "text":
            first = parent.node.entries[key].line
            self._tell(f"this key is already in line {first}", line)
        elif kind != "unknown":
            self._tell(f'a key must be text, found {describe(scalar)}; quote it: "{key}"', line)

    def _waiting_for_key(self) -> _OpenMapping | None:
        last = self._frames[-1] if self._frames else None
        return last if isinstance(last, _OpenMapping) and last.wants_key else None

    def _value_line(self, own: int) -> int:
        """A value's line is its key's."""
        return (self._frames[-1].key_line if self._frames else None) or own

    def _add(self, node: Node) -> None:
        if self._frames:
            self._frames[-1].add(node)
        else:
            self.root = node

    def _refuse_tag(self, tag: str, line: int) -> None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self._tell(f"the tag {shown} is not allowed; write a plain value", line)

    def _tell(self, message: str, line: int) -> None:
        path: Path = tuple(frame.step for frame in self._frames)
        self.mistakes.append(Mistake(message, self._file, line, show_path(path) or None))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def read_plain(text: str) -> tuple[Kind, str | int | float | bool | None]:
    """Tell what an unquoted text is to YAML 1.1, and its value; what a person would read otherwise stays text."""
    tag = next((tag for tag, pattern in _RESOLVERS.get(text[:1], ()) if pattern.match(text)), "")
    match tag.removeprefix("tag:yaml.org,2002:"):
        case "int":
            plain = _DECIMAL.fullmatch(text) and len(text) < _MAX_DIGITS
            return ("number", int(text)) if plain else ("odd number", text)
        case "float":
            return _read_fraction(text)
        case "bool":
            return "boolean", text.lower() in ("yes", "true", "on")
        case "null":
            return "null", None
        case "timestamp":
            return "date", text
        case _:
            return "text", text


def _read_fraction(text: str) -> tuple[Kind, str | float]:
    if _DECIMAL_FRACTION.fullmatch(text) and math.isfinite(float(text)):
        return "number", float(text)
    return "odd number", text
