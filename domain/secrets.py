"""Keeps the values of secret variables out of what is recorded."""

import re
from collections.abc import Mapping

from domain.encodings import forms
from domain.grader_rules import find_service_variables
from domain.grader_spec import Grader
from domain.model_rules import find_variables
from domain.model_spec import Model

SHORTEST = 8  # characters; replacing shorter values would mangle ordinary words


class Secrets:
    """The values that are never recorded, in any form that programs give them, by the names of their variables.

    Those below 8 characters are ignored.
    """

    __slots__ = ("_names", "_pattern")

    def __init__(self, values: Mapping[str, str]) -> None:
        named = [(name, value) for name, value in sorted(values.items(), reverse=True) if len(value) >= SHORTEST]
        self._names = {shape: name for name, value in named for shape in forms(value)}
        longest_first = sorted(self._names, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(set(self._names.values())))})"

    def replace(self, text: str) -> tuple[str, tuple[str, ...]]:
        """Put `[secret NAME]` for each value in the text; also give the names replaced, sorted."""
        if not any(value in text for value in self._names):
            return text, ()
        found: set[str] = set()

        def marked(match: re.Match[str]) -> str:
            name = self._names[match[0]]
            found.add(name)
            return f"[secret {name}]"

        return self._pattern.sub(marked, text), tuple(sorted(found))


def named_variables(spec: Model) -> set[str]:
    """Tell which environment variables a model names."""
    return {name for _, name in find_variables(spec)}


def grader_variables(grader: Grader) -> set[str]:
    """Tell which environment variables a grader names."""
    return {name for _, name in find_service_variables(grader, ())}
