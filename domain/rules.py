"""What must hold beyond the types of single fields: unique names, thresholds about a grader, valid patterns.

Pure: faults tell a place in the file; who reads the file knows the line.
"""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, assert_never

import re2

from domain.grader_rules import find_service_faults
from domain.grader_spec import (
    ContainsGrader,
    ExactMatchGrader,
    Grader,
    LlmJudgeGrader,
    PythonGrader,
    RegexConfig,
    RegexGrader,
    RegisteredGrader,
    SemanticSimilarityGrader,
    grader_name,
)
from domain.graders import compile_pattern
from domain.mistakes import nearest
from domain.model_rules import Fault, Place, find_model_faults
from domain.plan import OVERALL
from domain.python_config import find_python_faults
from domain.spec import Config, Harness, InlineDataset, Suite

_NOT_IN_RE2 = {
    "(?=": "lookahead",
    "(?!": "lookahead",
    "(?<=": "lookbehind",
    "(?<!": "lookbehind",
    "(?>": "atomic groups",
    "(?P=": "backreferences",
    "(?#": "comments",
    "++": "possessive repetition",
    "*+": "possessive repetition",
    "?+": "possessive repetition",
    "\\Z": "\\Z (write \\z)",
}


class SuiteFault(NamedTuple):
    """A fault that shows only in a suite: in the harness file of this index, or, for None, in `matchspec.yml`."""

    harness: int | None
    fault: Fault


def find_config_faults(config: Config) -> Iterator[Fault]:
    """Tell what is wrong with `matchspec.yml` by itself."""
    yield from find_suite_list_faults(list(enumerate(config.suites)))


def find_suite_list_faults(suites: Sequence[tuple[int, Suite]]) -> Iterator[Fault]:
    """Tell what is wrong with suites by themselves; each comes with its place in the list."""
    yield from _repeated([(("suites", index, "name"), suite.name) for index, suite in suites], "suite")
    for index, suite in suites:
        files = [(("suites", index, "harnesses", i), posixpath.normpath(h)) for i, h in enumerate(suite.harnesses)]
        yield from _repeated(files, "harness file")


def find_harness_faults(harness: Harness) -> Iterator[Fault]:
    """Tell what is wrong with a harness file by itself."""
    if isinstance(harness.dataset, InlineDataset):
        ids = (example.id for example in harness.dataset.examples)
        yield from find_example_faults(ids, ("dataset", "examples"))
    yield from find_model_faults(harness.model)
    yield from find_grader_list_faults(list(enumerate(harness.graders)))
    yield from _weight_faults(harness)


def find_grader_list_faults(graders: Sequence[tuple[int, Grader]]) -> Iterator[Fault]:
    """Tell what is wrong with graders by themselves; each comes with its place in the list."""
    names: list[tuple[Place, str]] = [(("graders", index, "name"), grader_name(grader)) for index, grader in graders]
    yield from _repeated(names, "grader")
    for place, name in names:
        if name == OVERALL:
            yield Fault(place, f"'{OVERALL}' means the whole suite; choose another name")
    for index, grader in graders:
        yield from _grader_faults(grader, ("graders", index))


def _grader_faults(grader: Grader, place: Place) -> Iterator[Fault]:
    match grader:
        case RegexGrader():
            yield from _pattern_faults(grader.config, (*place, "config", "pattern"))
        case SemanticSimilarityGrader() | LlmJudgeGrader():
            yield from find_service_faults(grader, place)
        case PythonGrader() | RegisteredGrader():
            yield from (fault._replace(place=(*place, *fault.place)) for fault in find_python_faults(grader))
        case ExactMatchGrader() | ContainsGrader():
            pass
        case _:
            assert_never(grader)


def _weight_faults(harness: Harness) -> Iterator[Fault]:
    """If one grader has a weight, all must."""
    weighted = [grader.weight is not None for grader in harness.graders]
    if any(weighted):
        for index, has_weight in enumerate(weighted):
            if not has_weight:
                yield Fault(("graders", index, "weight"), "is missing: other graders of this harness have one")


def find_example_faults(ids: Iterable[str], place: Place) -> Iterator[Fault]:
    """Tell what is wrong with a list of examples, which stands at `place`."""
    named: list[tuple[Place, str]] = [((*place, index, "id"), name) for index, name in enumerate(ids)]
    if not named:
        yield Fault(place, "must hold at least one example")
    yield from _repeated(named, "example")


def find_suite_faults(index: int, suite: Suite, harnesses: Sequence[Harness | None]) -> Iterator[SuiteFault]:
    """Tell what is wrong with a suite and its harnesses together; a harness that could not be read is None."""
    places = [("suites", index, "harnesses", i) for i in range(len(harnesses))]
    names = [(place, harness.name) for place, harness in zip(places, harnesses, strict=True) if harness]
    for fault in _repeated(names, "harness"):
        yield SuiteFault(None, fault)
    if all(harnesses):
        for fault in _threshold_faults(index, suite, [h for h in harnesses if h]):
            yield SuiteFault(None, fault)
    yield from _pooling_faults(harnesses)


def _threshold_faults(index: int, suite: Suite, harnesses: Sequence[Harness]) -> Iterator[Fault]:
    allowed = {OVERALL} | {grader_name(grader) for harness in harnesses for grader in harness.graders}
    for name in suite.thresholds:
        if name not in allowed:
            message = f"'{name}' is no grader of this suite's harnesses{nearest(name, allowed)}"
            yield Fault(("suites", index, "thresholds", name), message)


def _pooling_faults(harnesses: Sequence[Harness | None]) -> Iterator[SuiteFault]:
    """Graders of one name that rest on the suite's thresholds share a row: they must grade alike."""
    first: dict[str, tuple[str, Grader]] = {}
    for index, harness in enumerate(harnesses):
        for position, grader in enumerate(harness.graders if harness else []):
            if harness is None or grader.threshold is not None or grader.weight is not None:
                continue
            owner, other = first.setdefault(grader_name(grader), (harness.name, grader))
            if (type(other), other.config, other.pass_at) != (type(grader), grader.config, grader.pass_at):
                message = (
                    f"the grader '{grader_name(grader)}' differs from the one of harness '{owner}', with which it "
                    "shares a row of the suite; give it another name or a threshold of its own"
                )
                yield SuiteFault(index, Fault(("graders", position), message))


def _pattern_faults(config: RegexConfig, place: Place) -> Iterator[Fault]:
    try:
        compile_pattern(config, "x")
    except re2.error as error:
        reason = error.args[0] if error.args else error
        shown = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        lacking = next((f"; RE2 has no {name}" for sign, name in _NOT_IN_RE2.items() if sign in config.pattern), "")
        if not lacking and "invalid escape sequence: \\" in shown and shown[-1].isdigit():
            lacking = "; RE2 has no backreferences"
        yield Fault(place, f"is not a valid RE2 pattern: {shown}{lacking}")


def _repeated(named: Iterable[tuple[Place, str]], what: str) -> Iterator[Fault]:
    first: dict[str, Place] = {}
    for place, name in named:
        if first.setdefault(name, place) != place:
            yield Fault(place, f"the {what} '{name}' is already there", first[name])
