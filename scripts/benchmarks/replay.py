"""A log of many finished runs: read whole into the views beside a bare loop, opened, and served from a cold start."""

import asyncio
from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path

from benchmarks.figures import Figure, Goal
from benchmarks.made_runs import make_log
from benchmarks.processes import matchspec, run_program
from benchmarks.projects import write_project
from benchmarks.rounds import alternate, each
from benchmarks.setting import Setting
from benchmarks.used import cpu_seconds

RATIO, OPENED = Goal(1.2, of="ratio"), Goal(2)


def measure(setting: Setting) -> Iterator[Figure]:
    """Replay, opening and start."""
    runs, scores = setting.sizes.replayed
    full, empty = setting.folder / "full", setting.folder / "empty"
    for home in (full, empty):
        write_project(home, 1, 4, 1)
    events = asyncio.run(make_log(full / "log.db", runs, scores))
    yield from _replays(f"replay, {events:,} events in {runs:,} runs", full / "log.db", setting.rounds)
    yield from starts(f"start, {events:,} events in {runs:,} runs", full, empty, setting.rounds)


def _replays(what: str, log: Path, rounds: int) -> Iterator[Figure]:
    ours, bare = alternate(rounds, *(partial(run_program, "replaying", way, log) for way in ("views", "bare")))
    for name, told, goal in (("cpu", "CPU of read, decode, fold", RATIO), ("wall", "wall of the same", None)):
        yield Figure(f"{what}: {told}", "s", each(ours, itemgetter(name)), each(bare, itemgetter(name)), goal)


def starts(what: str, full: Path, empty: Path, rounds: int) -> Iterator[Figure]:
    """Opening a log, and a server's start to its first answer; the floor is the same with an empty log."""
    opened = alternate(rounds, *(partial(run_program, "replaying", "open", home / "log.db") for home in (full, empty)))
    for name, told, goal in (("wall", "the log opened and folded", OPENED), ("cpu", "CPU of the same", None)):
        ours, bare = (each(side, itemgetter(name)) for side in opened)
        yield Figure(f"{what}: {told}", "s", ours, bare, goal)
    started = alternate(rounds, *(partial(_start, home) for home in (full, empty)))
    for place, told in enumerate(("wall to the first answer", "CPU to the first answer")):
        value = itemgetter(place)
        yield Figure(f"{what}: {told}", "s", each(started[0], value), each(started[1], value))


def _start(home: Path) -> tuple[float, float]:
    with matchspec(home) as server:
        return server.started_after, cpu_seconds(server.pid)
