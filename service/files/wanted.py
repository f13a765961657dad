"""What a type allows: in words for a user, and as a check of its limits."""

import re

from msgspec import inspect

_NO_CONTROLS = r"\x00-\x1f"


def wanted(info: inspect.Type) -> str:
    """Say what is allowed: `a number from 0 to 1`, `one of: json, junit, markdown`."""
    match info:
        case inspect.IntType() | inspect.FloatType():
            kind = "a whole number" if isinstance(info, inspect.IntType) else "a number"
            return kind + _range(info)
        case inspect.LiteralType(values=values):
            shown = ", ".join(str(value) for value in values)
            return shown if len(values) == 1 else f"one of: {shown}"
        case inspect.UnionType(types=types):
            return " or ".join(dict.fromkeys(wanted(t) for t in types if not isinstance(t, inspect.NoneType)))
        case inspect.Metadata(type=inner):
            return wanted(inner)
        case _:
            return _WORDS.get(type(info), "a value")


def limits_broken(value: object, info: inspect.Type) -> str | None:
    """Say which limit of the type the value breaks, if any: `must be a number from 0 to 1`."""
    match info:
        case inspect.IntType() | inspect.FloatType() if isinstance(value, int | float):
            return None if _within(value, info) else f"must be {wanted(info)}"
        case inspect.StrType() if isinstance(value, str):
            return _text_limits_broken(value, info)
        case inspect.ListType(min_length=least) if isinstance(value, list) and len(value) < (least or 0):
            return "must hold at least one item" if least == 1 else f"must hold at least {least} items"
        case _:
            return None


def _text_limits_broken(text: str, info: inspect.StrType) -> str | None:
    if len(text) < (info.min_length or 0):
        return "must not be empty"
    if info.max_length is not None and len(text) > info.max_length:
        return f"must be at most {info.max_length} characters long"
    if info.pattern is not None and not re.search(info.pattern, text):
        return "must not hold control characters" if _NO_CONTROLS in info.pattern else f"must match {info.pattern}"
    return None


def _within(value: float, info: inspect.IntType | inspect.FloatType) -> bool:
    return (
        (info.ge is None or value >= info.ge)
        and (info.gt is None or value > info.gt)
        and (info.le is None or value <= info.le)
        and (info.lt is None or value < info.lt)
    )


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge} to {info.le}"
    limits = [("above", info.gt), ("at least", info.ge), ("below", info.lt), ("at most", info.le)]
    return " and".join(f" {word} {limit}" for word, limit in limits if limit is not None)


_WORDS: dict[type, str] = {
    inspect.StrType: "text",
    inspect.BoolType: "true or false",
    inspect.NoneType: "null",
    inspect.ListType: "a list",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a mapping",
    inspect.StructType: "a mapping",
}
