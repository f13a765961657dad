"""A tree -> a value of a type of `domain/spec.py` (any msgspec Struct), with every mistake told at once."""

import builtins
from difflib import get_close_matches
from typing import Generic, NamedTuple, TypeVar

from msgspec import NODEFAULT, UNSET, inspect

from domain.mistakes import Mistake, nearest
from service.files.registered import types_to_write
from service.files.tree import Mapping, Node, Path, Scalar, Sequence, describe, show_path
from service.files.wanted import limits_broken, wanted
from service.files.yaml_tree import read_plain

T = TypeVar("T")
MAX_INTEGER = 2**63
_MAX_DIGITS = 300  # more overflow a float


class Converted(NamedTuple, Generic[T]):
    """The value, or every mistake that stands in its way. Both are empty where the tree was told broken before.

    `draft` is the value with defaults in place of wrong fields, as far as there is one, to look for further mistakes.
    """

    value: T | None
    mistakes: list[Mistake]
    draft: T | None


def convert(node: Node, wanted_type: type[T], file: str | None = None, path: Path = ()) -> Converted[T]:
    """Make a value of the type; mistakes name `file`, and their fields begin at `path`."""
    converter = _Converter(file)
    value = converter.convert(node, _type_info(wanted_type), path)
    draft = value if isinstance(value, wanted_type) else None
    return Converted(None if converter.mistakes else draft, converter.mistakes, draft)


def _type_info(wanted_type: type) -> inspect.Type:
    if wanted_type not in _infos:
        _infos[wanted_type] = inspect.type_info(wanted_type)
    return _infos[wanted_type]


_infos: dict[type, inspect.Type] = {}


class _Converter:
    """Walks a tree beside a type. What can't be made is UNSET, with a mistake that says why."""

    def __init__(self, file: str | None) -> None:
        self.mistakes: list[Mistake] = []
        self._file = file

    def convert(self, node: Node, info: inspect.Type, path: Path) -> object:
        if isinstance(node, Scalar) and node.kind == "unknown":
            return UNSET
        match info:
            case inspect.Metadata():
                return self.convert(node, info.type, path)
            case inspect.UnionType():
                return self._union(node, info, path)
            case inspect.StructType():
                return self._struct(node, info, path)
            case inspect.ListType() | inspect.VarTupleType():
                return self._list(node, info, path)
            case inspect.DictType():
                return self._dict(node, info, path)
            case inspect.AnyType() | inspect.CustomType(cls=builtins.object):
                return self._any(node, path)
            case _:
                return self._scalar(node, info, path)

    def _union(self, node: Node, info: inspect.UnionType, path: Path) -> object:
        options = [option for option in info.types if not isinstance(option, inspect.NoneType)]
        if isinstance(node, Scalar) and node.kind == "null" and len(options) < len(info.types):
            return None
        structs = [option for option in options if isinstance(option, inspect.StructType)]
        if len(structs) > 1 and len(structs) == len(options):
            return self._tagged(node, structs, path)
        fitting = [option for option in options if isinstance(node, _SHAPES.get(type(option), Scalar))]
        if len(options) == 1 or fitting:
            return self.convert(node, (fitting or options)[0], path)
        return self._mismatch(node, info, path)

    def _tagged(self, node: Node, structs: list[inspect.StructType], path: Path) -> object:
        """Choose one of several structs by its `type`."""
        field = structs[0].tag_field or "type"
        choices = {str(struct.tag): struct for struct in structs}
        allowed = types_to_write(choices)
        if not isinstance(node, Mapping):
            return self._refuse(node, f"must be a mapping with a '{field}', found {describe(node)}", path)
        tag = node.entries.get(field)
        if tag is None:
            return self._refuse(node, f"missing{nearest('', allowed)}", (*path, field))
        if not isinstance(tag, Scalar) or tag.kind != "text":
            return self._refuse(tag, f"must be text, found {describe(tag)}{nearest('', allowed)}", (*path, field))
        if tag.text in choices:
            return self._struct(node, choices[tag.text], path)
        return self._refuse(tag, f"unknown type '{tag.text}'{nearest(tag.text, allowed)}", (*path, field))

    def _struct(self, node: Node, info: inspect.StructType, path: Path) -> object:
        if not isinstance(node, Mapping):
            return self._mismatch(node, info, path)
        fields = {field.encode_name: field for field in info.fields}
        for key, child in node.entries.items():
            if key not in fields and key != info.tag_field:
                self._unknown(key, child, info, path)
        values: dict[str, object] = {}
        for key, field in fields.items():
            if key in node.entries:
                values[field.name] = self.convert(node.entries[key], field.type, (*path, key))
            elif _is_required(field):
                values[field.name] = self._refuse(node, f"missing; it must be {wanted(field.type)}", (*path, key))
        for field in fields.values():
            if values.get(field.name) is UNSET and isinstance(field.type, inspect.LiteralType):
                values[field.name] = field.type.values[0]  # for the draft: `version: 2` hides no other mistake
        if any(values.get(field.name) is UNSET for field in fields.values() if _is_required(field)):
            return UNSET
        return info.cls(**{name: value for name, value in values.items() if value is not UNSET})

    def _unknown(self, key: str, child: Node, info: inspect.StructType, path: Path) -> None:
        names = [field.encode_name for field in info.fields] + ([info.tag_field] if info.tag_field else [])
        self._refuse(child, f"unknown field '{key}'{nearest(key, names)}", (*path, key))

    def _list(self, node: Node, info: inspect.ListType | inspect.VarTupleType, path: Path) -> object:
        if not isinstance(node, Sequence):
            return self._mismatch(node, info, path)
        items = [self.convert(item, info.item_type, (*path, index)) for index, item in enumerate(node.items)]
        broken = limits_broken(items, info)
        if broken:
            return self._refuse(node, broken, path)
        if UNSET in items:
            return UNSET
        return tuple(items) if isinstance(info, inspect.VarTupleType) else items

    def _dict(self, node: Node, info: inspect.DictType, path: Path) -> object:
        if not isinstance(node, Mapping):
            return self._mismatch(node, info, path)
        values: dict[str, object] = {}
        for key, child in node.entries.items():
            broken = limits_broken(key, info.key_type)
            if broken:
                self._refuse(child, f"the key {broken}", (*path, key))
            values[key] = self.convert(child, info.value_type, (*path, key))
        return {key: value for key, value in values.items() if value is not UNSET}

    def _any(self, node: Node, path: Path) -> object:
        """Take any JSON value. What YAML alone knows (dates, 012) stays as written."""
        match node:
            case Mapping(entries=entries):
                return {key: self._any(child, (*path, key)) for key, child in entries.items()}
            case Sequence(items=items):
                return [self._any(item, (*path, index)) for index, item in enumerate(items)]
            case Scalar(value=int(value)) if not -MAX_INTEGER <= value < MAX_INTEGER:
                return self._refuse(node, f"must fit in 64 bits, found the number {node.text}; quote it", path)
            case _:
                return node.value

    def _scalar(self, node: Node, info: inspect.Type, path: Path) -> object:
        if not isinstance(node, Scalar) or not _has_type(node, info):
            return self._mismatch(node, info, path)
        broken = limits_broken(node.value, info)
        if broken:
            return self._refuse(node, f"{broken}, found {describe(node)}", path)
        return float(node.value or 0) if isinstance(info, inspect.FloatType) else node.value

    def _mismatch(self, node: Node, info: inspect.Type, path: Path) -> object:
        hint = _advice(node, path) or (_hint(node, info) if path else "")
        return self._refuse(node, f"must be {wanted(info)}, found {describe(node)}{hint}", path)

    def _refuse(self, node: Node, message: str, path: Path) -> object:
        self.mistakes.append(Mistake(message, self._file, node.line, show_path(path) or None))
        return UNSET


def _is_required(field: inspect.Field) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def _has_type(node: Scalar, info: inspect.Type) -> bool:
    match info:
        case inspect.StrType():
            return node.kind == "text"
        case inspect.BoolType():
            return node.kind == "boolean"
        case inspect.IntType():
            return node.kind == "number" and isinstance(node.value, int)
        case inspect.FloatType():
            return node.kind == "number" and len(node.text) <= _MAX_DIGITS
        case inspect.LiteralType(values=values):
            return any(node.value == value and type(node.value) is type(value) for value in values)
        case _:
            return False


def _advice(node: Node, path: Path) -> str:
    """Say what to do instead of the one thing that other programs of this kind have and matchspec has not."""
    if path[-1:] == ("score_parser",) and isinstance(node, Scalar) and node.text == "custom":
        return "; write a grader of your own (type: python), see docs/graders.md"
    return ""


def _hint(node: Node, info: inspect.Type) -> str:
    """Say how to write what was meant."""
    if not isinstance(node, Scalar):
        return ""
    if node.kind == "null":
        return "; give a value or leave the field out"
    match info:
        case inspect.StrType():
            return f'; quote it: "{node.text}"'
        case inspect.LiteralType(values=values):
            return _literal_hint(node, [str(value) for value in values])
        case inspect.IntType() | inspect.FloatType() if node.kind == "odd number":
            return "; write a plain decimal number"
        case _:
            return "; write it without quotes" if _is_quoted(node, info) else ""


def _literal_hint(node: Scalar, values: list[str]) -> str:
    if node.text in values:
        return "; quote it" if node.kind != "text" else "; write it without quotes"
    return nearest(node.text, values) if get_close_matches(node.text, values, n=1) else ""


def _is_quoted(node: Scalar, info: inspect.Type) -> bool:
    """Tell whether a text would be right without its quotes."""
    if node.kind != "text":
        return False
    kind, value = read_plain(node.text)
    return kind != "text" and _has_type(Scalar(node.line, kind, node.text, value), info)


_SHAPES: dict[type, type] = {
    inspect.StructType: Mapping,
    inspect.DictType: Mapping,
    inspect.ListType: Sequence,
    inspect.VarTupleType: Sequence,
}
