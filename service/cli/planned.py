"""`matchspec run --dry-run`: what would be asked, without asking it."""

from collections.abc import Iterator, Mapping, Sequence

from domain.errors import NoExamples, SuiteNotFound
from domain.examples import is_selected
from domain.grader_spec import Grader, grader_name
from domain.mistakes import nearest
from domain.spec import Suite
from service.execution.starting import check_needs
from service.files.config import ConfigFiles
from service.files.datasets import read_examples
from service.files.harness_file import HarnessFile
from service.reports.numbers import counted


def describe_plan(files: ConfigFiles, suite: str | None, tags: Sequence[str], environment: Mapping[str, str]) -> str:
    """List suites, harnesses and how many calls they make. Reads every dataset whole.

    Raises what the run would: InvalidFiles, SuiteNotFound, NoExamples.
    """
    chosen = [(one, harnesses) for one, harnesses in files.suites() if suite in (None, one.name)]
    if not chosen:
        known = [one.name for one in files.config.suites]
        raise SuiteNotFound(f"no suite '{suite}'{nearest(suite or '', known)}")
    check_needs([harness for _, harnesses in chosen for harness in harnesses], environment)
    counts = [[_count(one, harness, tags) for harness in harnesses] for one, harnesses in chosen]
    calls = sum(map(sum, counts))
    if not calls:
        raise NoExamples
    lines = [
        line
        for (one, harnesses), numbers in zip(chosen, counts, strict=True)
        for line in _describe_suite(one, list(zip(harnesses, numbers, strict=True)))
    ]
    return "\n".join([*lines, f"{counted(calls, 'model call')}; nothing was run"])


def _count(suite: Suite, harness: HarnessFile, tags: Sequence[str]) -> int:
    of_suite, of_request = frozenset(suite.tags), frozenset(tags)
    examples = sum(is_selected(example.tags, of_suite, of_request) for example in read_examples(harness))
    return examples * harness.spec.repeats


def _describe_suite(suite: Suite, harnesses: Sequence[tuple[HarnessFile, int]]) -> Iterator[str]:
    yield f"suite: {suite.name}"
    for harness, calls in harnesses:
        model = str(harness.spec.model.__struct_config__.tag)
        graders = ", ".join(_describe_grader(grader, suite) for grader in harness.spec.graders)
        yield f"  harness: {harness.spec.name} ({counted(calls, 'call')}, model {model})"
        yield f"    graders: {graders}"


def _describe_grader(grader: Grader, suite: Suite) -> str:
    name = grader_name(grader)
    threshold = grader.threshold
    if threshold is None:
        threshold = suite.thresholds.get(name, suite.thresholds.get("overall", 1.0))
    return f"{name} (≥{threshold:g})"
