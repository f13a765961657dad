"""Which suites a request runs, and what of them has nothing to run."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.errors import NoExamples, Refused, SuiteNotFound
from domain.events import PinnedHarness
from domain.grader_spec import grader_name
from domain.mistakes import nearest
from domain.plan import BASELINE, name_left_out
from domain.spec import Suite
from service.files.config import ConfigFiles
from service.files.harness_file import HarnessFile


class Chosen(NamedTuple):
    """A suite with its harness files."""

    suite: Suite
    harnesses: list[HarnessFile]


def choose(files: ConfigFiles, name: str | None) -> list[Chosen]:
    """Give a suite by its name, or all; SuiteNotFound, or Refused where there is no harness."""
    suites = [Chosen(suite, harnesses) for suite, harnesses in files.suites()]
    if name is not None:
        suites = [one for one in suites if one.suite.name == name]
        if not suites:
            hint = nearest(name, [suite.name for suite in files.config.suites])
            raise SuiteNotFound(f"no suite '{name[:256]}' in {files.path.name}{hint}")
    if not any(one.harnesses for one in suites):
        which = f"suite '{name}' has" if name is not None else "the configuration's suites have"
        raise Refused(f"{which} no harness: there is nothing to run")
    return suites


def leave_room_for_baseline(chosen: Sequence[Chosen]) -> None:
    """Raise Refused where a grader has the name of the row that a baseline adds."""
    for suite, harnesses in chosen:
        for harness in harnesses:
            if BASELINE in map(grader_name, harness.spec.graders):
                which = f"a grader of harness '{harness.spec.name}' of suite '{suite.name}' is called '{BASELINE}'"
                raise Refused(f"{which}: a run with a baseline has a row of that name; give the grader another one")


def name_empty(chosen: Sequence[Chosen]) -> list[str]:
    """Name the suites that have nothing to run."""
    return [f"suite '{suite.name}' is left out: it has no harness" for suite, harnesses in chosen if not harnesses]


def name_without_examples(pinned: Sequence[PinnedHarness], suite: str | None) -> list[str]:
    """Name what has no example with the tags; NoExamples where nothing is left."""
    if all(harness.examples == 0 for harness in pinned):
        where = f"of suite '{suite}'" if suite is not None else "of any suite"
        raise NoExamples(f"no example {where} carries the tags that were asked for")
    return name_left_out(pinned)
