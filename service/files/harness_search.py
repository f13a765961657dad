"""Harness files named on the command line, or found below a folder, as a configuration of their own."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from domain.errors import InvalidFiles
from domain.mistakes import Mistake
from domain.rules import find_suite_faults
from domain.spec import Config, Suite
from domain.written import Name
from service.files.config import ConfigFiles
from service.files.harness_file import HarnessFile, read_harness
from service.files.opening import CONFIG_BYTES, CantReadError, read_regular
from service.files.reading import locate
from service.files.tree import Mapping
from service.files.yaml_tree import parse_yaml

_KEYS = {"dataset", "model", "graders"}
ENOUGH_KEYS = 2
"""So many of them make a harness file, which may have a typing error in the third."""

_WRITTEN_KEY = re.compile(rb"^(dataset|model|graders)\s*:", re.MULTILINE)


def read_paths(paths: Sequence[str], folder: Path, base: Config | None, *, needs_datasets: bool = True) -> ConfigFiles:
    """Make a suite of each path, named after it; defaults, output and statistics are those of `base`, if any.

    A folder stands for the harness files below it: any YAML with `dataset`, `model` and `graders`. They may name
    datasets that are gone unless they are needed. Raises InvalidFiles with every mistake.
    """
    names = list(dict.fromkeys(Path(path).as_posix() for path in paths))
    mistakes = [mistake for name in names for mistake in _name_mistakes(name)]
    harnesses = [_read_path(name, folder, mistakes, needs_datasets) for name in names]
    suites = [
        Suite(name=name, harnesses=[harness.file for harness in of_path])
        for name, of_path in zip(names, harnesses, strict=True)
    ]
    for index, (suite, of_suite) in enumerate(zip(suites, harnesses, strict=True)):
        mistakes += _suite_mistakes(index, suite, of_suite)
    if mistakes:
        raise InvalidFiles(mistakes)
    own = Config(version=1, suites=suites)
    if base is not None:
        own = Config(version=1, suites=suites, defaults=base.defaults, output=base.output, statistics=base.statistics)
    return ConfigFiles(folder / "matchspec.yml", own, harnesses)


def _name_mistakes(name: str) -> Iterator[Mistake]:
    try:
        msgspec.convert(name, Name)
    except msgspec.ValidationError:
        yield Mistake("can't name a suite: at most 256 characters, none of them a control character", file=name)


def _read_path(path: str, folder: Path, mistakes: list[Mistake], needs_dataset: bool) -> list[HarnessFile]:
    named = folder / path
    files = sorted(_find(named, folder)) if _is_folder(named) else [path]
    if not files:
        mistakes.append(Mistake("holds no harness file: no YAML with dataset, model and graders", file=path))
    found = []
    for file in files:
        try:
            reading = read_harness(file, folder, needs_dataset=needs_dataset)
        except CantReadError as error:
            mistakes.append(Mistake(str(error), file=file))
            continue
        mistakes += reading.mistakes
        if reading.whole:
            found.append(reading.whole)
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long to be one
        return False


def _find(below: Path, folder: Path) -> Iterator[str]:
    for path in below.rglob("*.y*ml"):
        hidden = any(part.startswith(".") for part in path.relative_to(below).parts)
        if path.suffix in (".yml", ".yaml") and not hidden and _is_harness(path):
            yield path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _is_harness(path: Path) -> bool:
    """Tell whether a file is a harness file, or would be if its YAML were not broken: that must be told."""
    try:
        content = read_regular(path, CONFIG_BYTES)
    except CantReadError:
        return False
    root = parse_yaml(content, path.name).root
    if root is None:
        return len(set(_WRITTEN_KEY.findall(content))) >= ENOUGH_KEYS
    return isinstance(root, Mapping) and len(root.entries.keys() & _KEYS) >= ENOUGH_KEYS


def _suite_mistakes(index: int, suite: Suite, harnesses: Sequence[HarnessFile]) -> Iterator[Mistake]:
    for at, fault in find_suite_faults(index, suite, [harness.spec for harness in harnesses]):
        if at is None:
            yield Mistake(fault.message, file=suite.name)
        else:
            yield locate(fault, harnesses[at].file, harnesses[at].root)
