"""Whole runs of `matchspec serve` beside the bare loop, each with an empty log and a server just started.

Wall is from `POST /run` to the recorded end, over the ideal (examples x latency / calls at once) where the model takes
its time; CPU is what the server's process used for the run, pinning included.
"""

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from live_server import BrokenError, Document

from benchmarks.figures import Figure, Goal
from benchmarks.processes import Served, matchspec, model_server, run_program
from benchmarks.projects import SCORES, write_project
from benchmarks.rounds import alternate, each
from benchmarks.setting import Setting
from benchmarks.sizes import Case
from benchmarks.used import cpu_seconds, peak_mb

LONG_SECONDS = 20
"""A case whose model alone takes longer is measured once."""

MOST_SECONDS = 3_600
WAIT_SECONDS = 20


class Taken(NamedTuple):
    """What a run took: seconds, microseconds of CPU an example, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def measure(setting: Setting) -> Iterator[Figure]:
    """CPU and wall of every case."""
    for latency in sorted({case.latency_ms for case in setting.sizes.cases}, reverse=True):
        with model_server(setting.folder, latency) as model:
            for case in setting.sizes.cases:
                if case.latency_ms == latency:
                    yield from figures(case, *run_both(setting, model.port, case))


def run_both(setting: Setting, model_port: int, case: Case) -> list[tuple[Taken, ...]]:
    """Run a case on both sides, in turn; gives ours and the bare loop's."""
    rounds = setting.rounds if case.ideal < LONG_SECONDS else 1
    sides = (partial(side, setting.folder, model_port, case) for side in (serve_once, run_bare))
    taken = alternate(rounds, *sides)
    for one in [*taken[0], *taken[1]]:
        setting.asked.note_calls(case.examples / one.wall)
    return taken


def figures(case: Case, ours: tuple[Taken, ...], bare: tuple[Taken, ...]) -> Iterator[Figure]:
    """CPU and wall; the wall over the ideal where there is one."""
    cpu, wall = goals(case)
    yield Figure(
        f"run, {case}: CPU an example", "µs", each(ours, attrgetter("cpu")), each(bare, attrgetter("cpu")), cpu
    )
    scale, unit, what = (case.ideal, "x ideal", "wall over ideal") if case.ideal else (1.0, "s", "wall")
    walls = [each(side, lambda one: one.wall / scale) for side in (ours, bare)]
    yield Figure(f"run, {case}: {what}", unit, walls[0], walls[1], wall)


def goals(case: Case) -> tuple[Goal | None, Goal | None]:
    """What CPU and wall over ideal are to be, where something is said of that many calls at once."""
    if not case.latency_ms:
        return None, None
    return (Goal(160) if case.concurrency == 256 else None, {256: Goal(1.3), 32: Goal(1.15)}.get(case.concurrency))


def serve_once(folder: Path, model_port: int, case: Case) -> Taken:
    """One run by a server that was just started, with its result checked."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        write_project(Path(name), model_port, case.examples, case.concurrency)
        with matchspec(Path(name)) as server:
            return run_on(server, case)


def run_on(server: Served, case: Case) -> Taken:
    """One run."""
    cpu, began = cpu_seconds(server.pid), time.monotonic()
    started = server.ask("/run", {"suite": "bench"})
    accepted = time.monotonic() - began
    result = _wait_for_end(server, f"{started['results_url']}?examples=none&wait={WAIT_SECONDS}")
    used = cpu_seconds(server.pid) - cpu
    check(result)
    wall = accepted + result["duration_seconds"]
    return Taken(wall, used / case.examples * 1e6, peak_mb(server.pid))


def _wait_for_end(server: Served, path: str) -> Document:
    """The document of a run that is over; the server is asked once in a while, and answers when it is."""
    until = time.monotonic() + MOST_SECONDS
    while (result := server.ask(path))["status"] == "running":
        if time.monotonic() > until:
            raise BrokenError(f"{path} is not over after {MOST_SECONDS} s")
    return result


def check(result: Document) -> None:
    """BrokenError unless a run came out as it must."""
    right = [row["score"] for row in result["grader_results"]]
    if right != SCORES or result["model_errors"]:
        raise BrokenError(f"the run gave {right} with {result['model_errors']} errors, not {SCORES}")


def run_bare(folder: Path, model_port: int, case: Case) -> Taken:
    """One run by the bare loop."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        dataset = write_project(Path(name), model_port, case.examples, case.concurrency)
        took = run_program("floor", dataset, model_port, case.concurrency, Path(name) / "log.db")
    return Taken(took["wall"], took["cpu"] / case.examples * 1e6, took["peak_mb"])
