"""Keeps the values of secret variables out of what is recorded."""

import re
from collections.abc import Mapping

from domain.grader_rules import ServiceGrader, find_service_variables
from domain.spec import HttpModel, Model
from domain.variables import names

SHORTEST = 8  # characters; replacing shorter values would mangle ordinary words


class Secrets:
    """The values that are never recorded, by the names of their variables. Those below 8 characters are ignored."""

    __slots__ = ("_names", "_pattern")

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names = {value: name for name, value in sorted(values.items(), reverse=True) if len(value) >= SHORTEST}
        longest_first = sorted(self._names, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._names.values()))})"

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
    """Tell which environment variables a model names: its `api_key_env`, and `${NAME}` in endpoint and headers."""
    if not isinstance(spec, HttpModel):
        return set()
    texts = [spec.endpoint, *spec.headers.values()]
    named = {name for text in texts for name in names(text)}
    return named | ({spec.api_key_env} if spec.api_key_env else set())


def grader_variables(grader: ServiceGrader) -> set[str]:
    """Tell which environment variables a grader names: its `api_key_env`, and `${NAME}` in its endpoint."""
    return {name for _, name in find_service_variables(grader, ())}
