"""Where a user's own graders come from: a file beside the harness file, or an installed package's entry point."""

import hashlib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

from domain.errors import GraderError
from domain.grader_spec import PythonGrader, RegisteredGrader
from domain.mistakes import nearest
from domain.model_rules import Fault
from domain.python_config import parse_callable
from service.files.opening import CantReadError, open_regular, read_regular
from service.files.registered import GROUP, registered_types

CODE_BYTES = 16_000_000


class Factory(NamedTuple):
    """A factory by its name in a file (`path`) or in an installed `module`; `written` is how messages name that."""

    name: str
    written: str
    path: str | None
    module: str | None


def find_factory(spec: PythonGrader | RegisteredGrader, folder: Path) -> Factory:
    """Tell which factory a grader names; GraderError where none can be meant. Runs no code of it."""
    if isinstance(spec, RegisteredGrader):
        point = _entry_point(spec.entry_point)
        return Factory(point.attr, point.module, None, point.module)
    written = parse_callable(spec.config.get("callable"))
    if written is None:
        raise GraderError("`callable` must be a file and a name in it, such as graders.py:word_overlap")
    return Factory(written.name, written.file, str((folder / written.file).absolute()), None)


def find_code_faults(spec: PythonGrader | RegisteredGrader, folder: Path) -> list[Fault]:
    """Tell when a grader's file can't be read or its package is not installed. Places begin within the grader."""
    try:
        factory = find_factory(spec, folder)
    except GraderError as error:
        return [Fault(("type",) if isinstance(spec, RegisteredGrader) else ("config", "callable"), str(error))]
    if factory.path is None:
        return []
    try:
        open_regular(Path(factory.path)).close()
    except CantReadError as error:
        return [Fault(("config", "callable"), f"{factory.written}: {error}")]
    return []


def code_of(spec: PythonGrader | RegisteredGrader, folder: Path) -> dict[str, str]:
    """Tell which code grades: the file as written with its SHA-256 (hex), or the type with its package and version.

    Empty where the code is not there. What the file imports does not count.
    """
    try:
        if isinstance(spec, RegisteredGrader):
            return {spec.entry_point: _package(_entry_point(spec.entry_point))}
        factory = find_factory(spec, folder)
        content = read_regular(Path(factory.path or ""), CODE_BYTES)
    except (GraderError, CantReadError):
        return {}
    return {factory.written: hashlib.sha256(content).hexdigest()}


def _entry_point(name: str) -> EntryPoint:
    points = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if len(points) > 1:
        packages = " and ".join(sorted(_package(point) for point in points.values()))
        raise GraderError(f"the grader '{name}' is registered by {packages}; keep one of them installed")
    if not points:
        raise GraderError(f"no installed package registers the grader '{name}'{nearest(name, registered_types())}")
    return points.popitem()[1]


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"
