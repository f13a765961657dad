"""`matchspec.yml` with its harness files, read and checked together. Datasets are read when a run needs them."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from domain.errors import InvalidFiles
from domain.grader_rules import find_service_variables
from domain.mistakes import Mistake
from domain.model_rules import Place, find_variables
from domain.rules import find_config_faults, find_suite_faults
from domain.spec import Config, Harness, Suite
from service.files import tree
from service.files.harness_file import HarnessFile, HarnessReading, read_harness
from service.files.opening import CONFIG_BYTES, CantReadError, read_regular
from service.files.parts import find_config_part_faults
from service.files.reading import Reading, locate, read_typed, with_faults

_CACHED_FILES = 256


class ConfigFiles(NamedTuple):
    """A configuration without a mistake. `harnesses` holds a list for each suite, in the order of the file."""

    path: Path
    config: Config
    harnesses: list[list[HarnessFile]]

    @property
    def folder(self) -> Path:
        """Where the paths of `matchspec.yml` start."""
        return self.path.parent

    def suites(self) -> Iterator[tuple[Suite, list[HarnessFile]]]:
        """Give each suite with its harness files."""
        return zip(self.config.suites, self.harnesses, strict=True)


class ConfigReading(NamedTuple):
    """What became of a configuration. A harness file that can't be opened is None; the mistakes are of all files."""

    config: Config | None
    root: tree.Node | None
    harnesses: list[list[HarnessReading | None]]
    mistakes: list[Mistake]


def read_config(path: Path, *, needs_datasets: bool = True) -> ConfigFiles:
    """Read `matchspec.yml` and all its harness files, which may name datasets that are gone unless they are needed.

    Raises InvalidFiles with every mistake of every file. Contents that have not changed are not parsed again.
    """
    reading = look_over(path, needs_datasets=needs_datasets)
    if reading.mistakes or not reading.config:
        raise InvalidFiles(reading.mistakes)
    whole = [[read.whole for read in suite if read and read.whole] for suite in reading.harnesses]
    return ConfigFiles(path, reading.config, whole)


def look_over(path: Path, *, needs_datasets: bool = True) -> ConfigReading:
    """Read `matchspec.yml` and its harness files as far as they can be read, and gather every mistake."""
    try:
        reading = _read(read_regular(path, CONFIG_BYTES), path.name)
    except CantReadError as error:
        return ConfigReading(None, None, [], [Mistake(str(error), path.name)])
    mistakes = list(reading.mistakes)
    harnesses = _read_harnesses(reading.root, path, mistakes, needs_datasets) if reading.root else []
    if reading.value and reading.root:
        mistakes += _suite_mistakes(reading.value, reading.root, path.name, harnesses)
    return ConfigReading(reading.value, reading.root, harnesses, list(dict.fromkeys(mistakes)))


def missing_variables(harnesses: Iterable[HarnessFile], environment: Mapping[str, str]) -> list[Mistake]:
    """Tell every environment variable that the harnesses name and that is not set, or empty."""
    mistakes = [
        Mistake(
            f"the environment variable {name} is not set", harness.file, harness.line_of(*place), tree.show_path(place)
        )
        for harness in harnesses
        for place, name in _find_variables(harness.spec)
        if not environment.get(name)
    ]
    return list(dict.fromkeys(mistakes))


def variables_of(harness: HarnessFile) -> set[str]:
    """Give the environment variables that a harness names."""
    return {name for _, name in _find_variables(harness.spec)}


def secret_names(files: ConfigFiles) -> set[str]:
    """Give the environment variables that any harness of a configuration names."""
    return {name for harnesses in files.harnesses for harness in harnesses for name in variables_of(harness)}


def _find_variables(harness: Harness) -> list[tuple[Place, str]]:
    graders = enumerate(harness.graders)
    of_graders = [found for index, grader in graders for found in find_service_variables(grader, ("graders", index))]
    return find_variables(harness.model) + of_graders


@lru_cache(_CACHED_FILES)
def _read(content: bytes, file: str) -> Reading[Config]:
    reading = read_typed(content, file, Config)
    if reading.root is None:
        return reading
    faults = find_config_faults(reading.value) if reading.value else find_config_part_faults(reading.root)
    return with_faults(reading, file, faults)


def _read_harnesses(
    root: tree.Node, path: Path, mistakes: list[Mistake], needs_datasets: bool
) -> list[list[HarnessReading | None]]:
    """Read what the config names, even where other parts of it are wrong, so that all mistakes are told at once."""
    readings: list[list[HarnessReading | None]] = []
    for suite, nodes in enumerate(_written_harnesses(root)):
        readings.append([])
        for index, node in enumerate(nodes):
            try:
                read = read_harness(node.text, path.parent, needs_dataset=needs_datasets)
            except CantReadError as error:
                field = tree.show_path(("suites", suite, "harnesses", index))
                mistakes.append(Mistake(f"{node.text}: {error}", path.name, node.line, field))
                readings[-1].append(None)
            else:
                mistakes += read.mistakes
                readings[-1].append(read)
    return readings


def _written_harnesses(root: tree.Node) -> Iterator[list[tree.Scalar]]:
    for suite in _items(_entry(root, "suites")):
        nodes = _items(_entry(suite, "harnesses"))
        yield [node for node in nodes if isinstance(node, tree.Scalar) and node.kind == "text" and node.text]


def _entry(node: tree.Node | None, key: str) -> tree.Node | None:
    return node.entries.get(key) if isinstance(node, tree.Mapping) else None


def _items(node: tree.Node | None) -> list[tree.Node]:
    return node.items if isinstance(node, tree.Sequence) else []


def _suite_mistakes(
    config: Config, root: tree.Node, file: str, harnesses: list[list[HarnessReading | None]]
) -> Iterator[Mistake]:
    for index, suite in enumerate(config.suites):
        readings = harnesses[index]
        for at, fault in find_suite_faults(index, suite, [read.spec if read else None for read in readings]):
            read = readings[at] if at is not None else None
            yield locate(fault, read.file, read.root) if read and read.root else locate(fault, file, root)
