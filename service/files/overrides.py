"""Settings from the environment: every scalar of `defaults`, `output` and `statistics`, and MATCHSPEC_CONCURRENCY.

`MATCHSPEC_DEFAULTS_RETRIES=2` comes before `defaults.retries` of `matchspec.yml`. A variable that is empty is not set.
"""

from collections.abc import Container, Iterator, Mapping
from difflib import get_close_matches
from typing import NamedTuple

import msgspec

from domain.errors import InvalidFiles
from domain.mistakes import Mistake
from domain.spec import Config, Defaults, Output, Statistics
from service.files import tree
from service.files.typed import convert
from service.files.yaml_tree import read_plain

PREFIX = "MATCHSPEC_"
CONCURRENCY = "MATCHSPEC_CONCURRENCY"
OTHER_VARIABLES = (
    "MATCHSPEC_API_KEY",
    "MATCHSPEC_CHECKPOINT",
    "MATCHSPEC_CHECKPOINT_KEY",
    "MATCHSPEC_CONFIG",
    "MATCHSPEC_DB",
    "MATCHSPEC_LOG_LEVEL",
)
"""Those that set nothing of a configuration."""

_OF_TESTS = "MATCHSPEC_TEST_"


class Setting(NamedTuple):
    """What a variable sets: a field of one of the configuration's blocks. `text` tells that any value is text."""

    block: str
    kind: type[msgspec.Struct]
    field: str
    text: bool


def _settings() -> Iterator[tuple[str, Setting]]:
    blocks: dict[str, type[msgspec.Struct]] = {"defaults": Defaults, "output": Output, "statistics": Statistics}
    for block, kind in blocks.items():
        for field in msgspec.structs.fields(kind):
            is_text = isinstance(field.default, str)
            yield f"{PREFIX}{block}_{field.name}".upper(), Setting(block, kind, field.name, is_text)


SETTINGS = dict(_settings())
"""What each variable sets; MATCHSPEC_CONCURRENCY is beside them."""

_CONCURRENCY = Setting("", Defaults, "concurrency", text=False)


def override(config: Config, environment: Mapping[str, str]) -> Config:
    """Let the environment replace settings of the configuration; InvalidFiles where a value is wrong."""
    blocks: dict[str, dict[str, object]] = {}
    for name, value in _values(environment).items():
        if name in SETTINGS:
            blocks.setdefault(SETTINGS[name].block, {})[SETTINGS[name].field] = value
    changed = {block: msgspec.structs.replace(getattr(config, block), **own) for block, own in blocks.items()}
    return msgspec.structs.replace(config, **changed)


def forced_concurrency(environment: Mapping[str, str]) -> int | None:
    """Give MATCHSPEC_CONCURRENCY, which comes before what harness files say; InvalidFiles where a value is wrong."""
    value = _values(environment).get(CONCURRENCY)
    return value if isinstance(value, int) else None


def find_wrong_variables(environment: Mapping[str, str]) -> list[Mistake]:
    """Tell every variable whose value is not allowed, by its name."""
    return [mistake for _, mistake in _read(environment).values() if mistake]


def find_unknown_variables(environment: Mapping[str, str], named: Container[str] = ()) -> list[str]:
    """Say which variables look like ours but mean nothing; `named` are those that harness files ask for."""
    known = {*SETTINGS, CONCURRENCY, *OTHER_VARIABLES}
    return [
        f"the environment variable {name} is unknown{_hint(name, known)}"
        for name in sorted(environment)
        if name.startswith(PREFIX) and not name.startswith(_OF_TESTS) and name not in known and name not in named
    ]


def _hint(name: str, known: set[str]) -> str:
    close = get_close_matches(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], n=1)
    return f" (did you mean '{PREFIX}{close[0]}'?)" if close else "; docs/environment.md lists those that there are"


def _values(environment: Mapping[str, str]) -> dict[str, object]:
    read = _read(environment)
    mistakes = [mistake for _, mistake in read.values() if mistake]
    if mistakes:
        raise InvalidFiles(mistakes)
    return {name: value for name, (value, _) in read.items()}


def _read(environment: Mapping[str, str]) -> dict[str, tuple[object, Mistake | None]]:
    """Give the value of each variable that is set, or what is wrong with it."""
    settings = {CONCURRENCY: _CONCURRENCY, **SETTINGS}
    return {
        name: _read_one(name, setting, environment[name])
        for name, setting in settings.items()
        if environment.get(name, "").strip()
    }


def _read_one(name: str, setting: Setting, written: str) -> tuple[object, Mistake | None]:
    """Read a value as the configuration file would, in quotes where it is text."""
    kind, value = ("text", written) if setting.text else read_plain(written.strip())
    node = tree.Mapping(None, {setting.field: tree.Scalar(None, kind, written, value)})
    converted = convert(node, setting.kind)
    if converted.mistakes:
        return None, Mistake(converted.mistakes[0].message, field=name)
    return getattr(converted.value, setting.field), None
