"""The `config` of a user's own grader: a few keys are ours, the rest is for the grader.

`callable` (for `type: python` alone; a registered grader has it from its package), `timeout_seconds` of one call, and
`memory_mb`, the address space of the grader's process.
"""

from collections.abc import Iterator
from typing import NamedTuple

from domain.grader_spec import PythonGrader, RegisteredGrader
from domain.model_rules import Fault

TIMEOUT_SECONDS = 30.0
MAX_SECONDS = 86_400
MEMORY_MB = 2_048
LEAST_MB, MOST_MB = 128, 10_000_000

_OURS = frozenset({"timeout_seconds", "memory_mb"})
_EXAMPLE = "graders.py:word_overlap"


class Callable(NamedTuple):
    """A factory in a file: the file's path as written, and the factory's name in it."""

    file: str
    name: str


class PythonConfig(NamedTuple):
    """A `config` taken apart. `own` is what the factory receives."""

    timeout_seconds: float
    memory_mb: int
    own: dict[str, object]


def split_config(grader: PythonGrader | RegisteredGrader) -> PythonConfig:
    """Part our keys from the grader's own. What is not allowed there counts as left out."""
    ours = _OURS | {"callable"} if isinstance(grader, PythonGrader) else _OURS
    own = {key: value for key, value in grader.config.items() if key not in ours}
    return PythonConfig(_seconds(grader.config) or TIMEOUT_SECONDS, _megabytes(grader.config) or MEMORY_MB, own)


def parse_callable(written: object) -> Callable | None:
    """Read `FILE.py:NAME`; None where it is something else."""
    if not isinstance(written, str) or "\0" in written:
        return None
    file, _, name = written.rpartition(":")
    return Callable(file, name) if file.endswith(".py") and name.isidentifier() else None


def find_python_faults(grader: PythonGrader | RegisteredGrader) -> Iterator[Fault]:
    """Tell what is wrong with our keys; places begin with `config`."""
    config = grader.config
    if isinstance(grader, PythonGrader):
        if "callable" not in config:
            yield Fault(("config", "callable"), f"missing; it must be a file and a name in it, such as {_EXAMPLE}")
        elif parse_callable(config["callable"]) is None:
            message = f"must be a file and a name in it, such as {_EXAMPLE}, found {config['callable']!r:.100}"
            yield Fault(("config", "callable"), message)
    if _seconds(config) is None:
        message = (
            f"must be a number of seconds above 0, at most {MAX_SECONDS}, found {config['timeout_seconds']!r:.100}"
        )
        yield Fault(("config", "timeout_seconds"), message)
    if _megabytes(config) is None:
        message = f"must be a whole number from {LEAST_MB} to {MOST_MB}, found {config['memory_mb']!r:.100}"
        yield Fault(("config", "memory_mb"), message)


def _seconds(config: dict[str, object]) -> float | None:
    match config.get("timeout_seconds", TIMEOUT_SECONDS):
        case bool():
            return None
        case int() | float() as seconds if 0 < seconds <= MAX_SECONDS:
            return float(seconds)
        case _:
            return None


def _megabytes(config: dict[str, object]) -> int | None:
    match config.get("memory_mb", MEMORY_MB):
        case bool():
            return None
        case int() as megabytes if LEAST_MB <= megabytes <= MOST_MB:
            return megabytes
        case _:
            return None
