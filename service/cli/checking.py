"""All that a configuration leads to, read and checked: `matchspec.yml`, harness files, datasets to their last rows."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from domain.errors import InvalidFiles
from domain.grader_spec import SemanticSimilarityGrader
from domain.mistakes import Mistake
from domain.spec import InlineDataset
from service.files.config import ConfigReading, look_over, missing_variables, variables_of
from service.files.datasets import read_dataset
from service.files.harness_file import DatasetPath, HarnessFile, HarnessReading
from service.files.overrides import find_unknown_variables, find_wrong_variables
from service.files.tree import line_of, show_path
from service.graders.opening import find_missing


class CheckedFile(NamedTuple):
    """A file, what is wrong with it, and how many examples in it are right."""

    name: str
    mistakes: list[Mistake]
    warnings: list[Mistake]
    examples: int


class Checked(NamedTuple):
    """The files in the order in which they are named, and the variables of the environment, as if they were one."""

    files: list[CheckedFile]
    environment: CheckedFile
    suites: int

    @property
    def all(self) -> list[CheckedFile]:
        """The files, and the environment where there is something to tell of it."""
        return self.files + ([self.environment] if self.environment.mistakes or self.environment.warnings else [])


class _Dataset(NamedTuple):
    """What a dataset holds: how many examples, and which of the tags that suites ask for."""

    examples: int = 0
    tags: frozenset[str] = frozenset()
    mistakes: Sequence[Mistake] = ()


def check(path: Path, environment: Mapping[str, str]) -> Checked:
    """Read the configuration at `path` and all it leads to; a mistake in one file keeps no other from being read.

    Warnings are about what may be right elsewhere or later: variables that are not set, a local model that is not
    installed, suites that leave nothing to run.
    """
    reading = look_over(path)
    suites = reading.config.suites if reading.config else []
    harnesses = list({read.file: read for suite in reading.harnesses for read in suite if read}.values())
    datasets = _check_datasets(harnesses, frozenset(tag for suite in suites for tag in suite.tags))
    mistakes = [*reading.mistakes, *(mistake for dataset in datasets.values() for mistake in dataset.mistakes)]
    warnings = list(_idle_suites(reading, datasets, path.name))
    whole = [read.whole for read in harnesses if read.whole]
    warnings += missing_variables(whole, environment)
    for mistake, is_package in _lacking(harnesses):
        (warnings if is_package else mistakes).append(mistake)
    named = [name for read in harnesses for name in (read.file, _dataset_name(read))]
    names = dict.fromkeys([path.name, *named, *(mistake.file or path.name for mistake in mistakes)])
    files = [_file(name, mistakes, warnings, datasets) for name in names]
    return Checked(files, _check_environment(environment, whole), len(suites))


def _check_environment(environment: Mapping[str, str], harnesses: Sequence[HarnessFile]) -> CheckedFile:
    named = {name for harness in harnesses for name in variables_of(harness)}
    unknown = [Mistake(warning) for warning in find_unknown_variables(environment, named)]
    return CheckedFile("the environment", find_wrong_variables(environment), unknown, 0)


def _file(
    name: str, mistakes: Sequence[Mistake], warnings: Sequence[Mistake], datasets: Mapping[str, _Dataset]
) -> CheckedFile:
    return CheckedFile(
        name,
        list(dict.fromkeys(mistake for mistake in mistakes if mistake.file == name)),
        [warning for warning in warnings if warning.file == name],
        datasets[name].examples if name in datasets else 0,
    )


def _dataset_name(read: HarnessReading) -> str:
    """The file that holds a harness's examples: its own where they are inline."""
    return read.dataset.file if read.dataset else read.file


def _check_datasets(harnesses: Sequence[HarnessReading], wanted: frozenset[str]) -> dict[str, _Dataset]:
    datasets: dict[str, _Dataset] = {}
    for read in harnesses:
        if read.dataset and read.dataset.file not in datasets:
            datasets[read.dataset.file] = _read_whole(read.dataset, wanted)
        elif read.spec and isinstance(read.spec.dataset, InlineDataset):
            examples = read.spec.dataset.examples
            datasets[read.file] = _Dataset(len(examples), frozenset(tag for one in examples for tag in one.tags))
    return datasets


def _read_whole(dataset: DatasetPath, wanted: frozenset[str]) -> _Dataset:
    examples = 0
    tags: set[str] = set()
    mistakes: list[Mistake] = []
    try:
        for example in read_dataset(dataset):
            examples += 1
            tags |= wanted.intersection(example.tags)
    except InvalidFiles as error:
        mistakes = error.mistakes
    return _Dataset(examples, frozenset(tags), mistakes)


def _idle_suites(reading: ConfigReading, datasets: Mapping[str, _Dataset], file: str) -> Iterator[Mistake]:
    """Tell suites that a run would refuse: without a harness, or with tags that no example carries."""
    if reading.config is None or reading.root is None or reading.mistakes:
        return
    for index, (suite, harnesses) in enumerate(zip(reading.config.suites, reading.harnesses, strict=True)):
        found = [datasets[_dataset_name(read)] for read in harnesses if read]
        if not suite.harnesses:
            field, message = "harnesses", "holds no harness file: this suite can't be run"
        elif suite.tags and not any(one.mistakes or one.tags.intersection(suite.tags) for one in found):
            field, message = "tags", "no example carries one of these: this suite can't be run"
        else:
            continue
        place = ("suites", index, field)
        yield Mistake(message, file, line_of(reading.root, place), show_path(place))


def _lacking(harnesses: Sequence[HarnessReading]) -> Iterator[tuple[Mistake, bool]]:
    """Tell what graders need and this machine lacks, and whether that is a package, not a file of the user's."""
    for read in harnesses:
        if read.spec is None or read.root is None:
            continue
        for index, grader in enumerate(read.spec.graders):
            for fault in find_missing(grader, read.path.parent, ("graders", index)):
                mistake = Mistake(fault.message, read.file, line_of(read.root, fault.place), show_path(fault.place))
                yield mistake, isinstance(grader, SemanticSimilarityGrader)
