"""Opens the graders that need more than a pure function."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, assert_never

import httpx

from domain.grader_spec import ContainsGrader, ExactMatchGrader, RegexGrader
from domain.grader_spec import Grader as GraderSpec
from domain.secrets import Secrets
from service.graders.grader import Grader


class GraderWorld(NamedTuple):
    """What graders need of the world. `folder` is the harness file's."""

    folder: Path
    environment: Mapping[str, str]
    transport: httpx.AsyncBaseTransport
    secrets: Secrets


def open_grader(spec: GraderSpec, world: GraderWorld) -> Grader | None:
    """Open a grader for one run; None for one that is a pure function. GraderError where it can't be used at all."""
    match spec:
        case ExactMatchGrader() | ContainsGrader() | RegexGrader():
            return None
        case _:
            assert_never(spec)
