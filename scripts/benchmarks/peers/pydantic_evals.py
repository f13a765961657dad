"""pydantic-evals: a program of one's own that calls the OpenAI client, its report written as JSON at the end."""

import json
from pathlib import Path

from benchmarks.peers.environments import python_environment
from benchmarks.peers.peer import Peer
from benchmarks.peers.processes import Command
from benchmarks.peers.work import Scores, Work

VERSION = "2.62.0"
PROGRAM = Path(__file__).parent / "programs" / "pydantic_run.py"


def install() -> Path:
    """With the OpenAI client, which is less than an agent of pydantic-ai."""
    return python_environment("pydantic-evals", f"pydantic-evals=={VERSION}", "openai==3.54.0")


def write(_work: Work) -> None:
    """It reads the examples as they are."""


def command(programs: Path, work: Work) -> Command:
    """The program; without logfire nothing is traced."""
    told = (work.dataset, work.base_url, work.at_once, store(work))
    return Command((programs / "python", PROGRAM, *told), {})


def store(work: Work) -> Path:
    """The report."""
    return work.folder / "report.json"


def scores(_programs: Path, work: Work) -> Scores:
    """Of the report, if there is one."""
    if not store(work).exists():
        return Scores()
    cases = [case["assertions"] for case in json.loads(store(work).read_text())["cases"]]
    names = ("EqualsExpected", "ContainsExpected", "Brief")
    return Scores(len(cases), *(sum(case[name]["value"] for case in cases) for name in names))


def go_on(programs: Path, work: Work) -> list[Command]:
    """From the start."""
    return [command(programs, work)]


PEER = Peer(
    name="pydantic-evals",
    version=VERSION,
    install=install,
    write=write,
    command=command,
    store=store,
    scores=scores,
    go_on=go_on,
    by_hand="run it again from the start",
)
