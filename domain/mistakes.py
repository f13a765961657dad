"""What is wrong with something a user wrote, and where."""

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec


class Mistake(msgspec.Struct, frozen=True, omit_defaults=True):
    """One mistake: `message` says what is wrong and what is allowed; the rest says where."""

    message: str
    file: str | None = None
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f"{', ' if place else ''}line {self.line}"
        if self.field:
            place += f"{', ' if place else ''}{self.field}"
        return f"{place}: {self.message}" if place else self.message


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Say which names are allowed, the most likely first: ` (did you mean 'suites'?)` or ` (one of: a, b)`."""
    names = sorted(allowed)
    close = get_close_matches(word, names, n=1)
    if close:
        return f" (did you mean '{close[0]}'?)"
    return f" (one of: {', '.join(names)})" if names else ""
