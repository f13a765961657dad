"""Rounds in which all take their turn, each with files, a home and a model server of its own."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from live_server import BrokenError

from benchmarks.peers.contestants import Contestant
from benchmarks.peers.killing import Killed
from benchmarks.peers.model import Model, model_server
from benchmarks.peers.tables import REFERENCE, Taken
from benchmarks.peers.work import Work, right_scores
from benchmarks.projects import write_dataset
from benchmarks.sizes import Case


@dataclass
class Found:
    """What every round of every program took, by name; and why some are missing."""

    taken: dict[Case, dict[str, list[Taken]]] = field(default_factory=dict)
    killed: dict[str, list[Killed]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def measure(found: Found, contestants: Sequence[Contestant], case: Case, rounds: int) -> None:
    """Every round runs all, in turn from the first and from the last; what breaks is left out from then on."""
    found.taken[case] = {one.name: [] for one in contestants}
    for number in range(rounds):
        for one in contestants if number % 2 == 0 else reversed(contestants):
            with telling(found, one, f"round {number + 1}, {case}"):
                found.taken[case][one.name].append(_run(one, case))


def kill_all(found: Found, contestants: Sequence[Contestant], case: Case, rounds: int) -> None:
    """Every round kills all, in turn."""
    for number in range(rounds):
        for one in contestants:
            with telling(found, one, f"round {number + 1}, kill -9"), workplace(one, case) as (work, model):
                found.killed.setdefault(one.name, []).append(one.kill(work, model))


@contextmanager
def telling(found: Found, one: Contestant, what: str) -> Iterator[None]:
    """Says on stderr what is under way, and notes what breaks; the one that all are compared with must not."""
    print(f"{one.name}: {what}", file=sys.stderr, flush=True)
    try:
        yield
    except BrokenError as error:
        if one.name == REFERENCE:
            raise
        print(f"{one.name}: {error}", file=sys.stderr, flush=True)
        found.missing[one.name] = "it broke, see what was written while it ran"


def _run(one: Contestant, case: Case) -> Taken:
    with workplace(one, case) as (work, model):
        used, scores, stored = one.run(work)
        asked = model.counts().asked
    if scores != right_scores(case.examples) or asked != case.examples:
        raise BrokenError(f"{scores} with {asked} calls, not {right_scores(case.examples)} with {case.examples}")
    return Taken(used.wall, used.cpu, used.peak_mb, stored)


@contextmanager
def workplace(one: Contestant, case: Case) -> Iterator[tuple[Work, Model]]:
    """A folder with the examples and what a program needs beside them, and a model server that was just started."""
    with tempfile.TemporaryDirectory(prefix="matchspec-peers-") as name:
        folder = Path(name) / "home"
        folder.mkdir()
        with model_server(Path(name), case.latency_ms) as model:
            work = Work(folder, case, model.base_url)
            write_dataset(work.dataset, case.examples)
            one.write(work)
            yield work, model
