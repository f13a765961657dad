"""A log of very many runs: its start, and its listing, beside a bare application that sends the same bytes."""

import asyncio
from collections.abc import Iterator
from functools import partial
from operator import attrgetter, methodcaller
from pathlib import Path

from benchmarks.figures import Figure, Goal
from benchmarks.made_runs import make_log
from benchmarks.polling import poll
from benchmarks.processes import Served, bare_asgi, matchspec
from benchmarks.projects import write_project
from benchmarks.replay import starts
from benchmarks.rounds import alternate, each
from benchmarks.setting import Setting
from benchmarks.used import peak_mb

P99 = Goal(50)


def measure(setting: Setting) -> Iterator[Figure]:
    """The start, three pages, and memory."""
    runs = setting.sizes.listed
    full, empty = setting.folder / "full", setting.folder / "empty"
    for home in (full, empty):
        write_project(home, 1, 4, 1)
    asyncio.run(make_log(full / "log.db", runs, 1))
    yield from starts(f"start, {runs:,} runs", full, empty, setting.rounds)
    with matchspec(full) as server:
        for told, path in (
            ("newest 20", "/results"),
            ("100 at the far end", f"/results?limit=100&offset={max(0, runs - 100)}"),
            ("newest 20 of a suite and status", "/results?suite=bench&status=passed"),
        ):
            yield from _page(setting, server, f"listing, {runs:,} runs, {told}", path)
        yield Figure(f"listing, {runs:,} runs: peak memory", "MB", (peak_mb(server.pid),))


def _page(setting: Setting, server: Served, what: str, path: str) -> Iterator[Figure]:
    body: Path = setting.folder / "body"
    body.write_bytes(poll(server, path, 0.05, 1).body)
    seconds = setting.sizes.poll_seconds / setting.rounds / 2
    with bare_asgi(setting.folder, str(body)) as bare:
        ours, floor = alternate(setting.rounds, *(partial(poll, one, path, seconds, 1) for one in (server, bare)))
    cpu = attrgetter("cpu_us")
    yield Figure(f"{what}: server's CPU a request", "µs", each(ours, cpu), each(floor, cpu))
    for share, goal in ((0.5, None), (0.99, P99)):
        waits = methodcaller("ms", share)
        yield Figure(f"{what}: p{share * 100:.0f}", "ms", each(ours, waits), each(floor, waits), goal)
