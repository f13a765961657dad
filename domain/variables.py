"""`${NAME}` in a text stands for an environment variable."""

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def is_name(text: str) -> bool:
    """Tell whether the text can name a variable."""
    return _NAME.fullmatch(text) is not None


def names(text: str) -> list[str]:
    """List the variables a text refers to, each once, in the order of the text."""
    return list(dict.fromkeys(_REFERENCE.findall(text)))


def has_broken_reference(text: str) -> bool:
    """Tell whether the text holds a `${` that begins no `${NAME}`."""
    return "${" in _REFERENCE.sub("", text)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Put the values in, once: a `${NAME}` within a value stays as it is.

    KeyError(name) where one is not set; an empty one counts as that.
    """

    def value_of(reference: re.Match[str]) -> str:
        value = environment.get(reference[1])
        if not value:
            raise KeyError(reference[1])
        return value

    return _REFERENCE.sub(value_of, text)


def blank(text: str) -> str:
    """Put a line break, which a value can't hold, for every `${NAME}`."""
    return _REFERENCE.sub("\n", text)
