"""A log on PostgreSQL: events appended by 1, 2 and 4 processes beside a bare loop, what one order costs, and runs."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from own_postgres import Postgres, create_database, find_programs

from benchmarks.figures import Figure
from benchmarks.processes import matchspec, matchspec_command, model_server, run_together, started
from benchmarks.projects import write_project
from benchmarks.rounds import alternate, each
from benchmarks.runs import run_on
from benchmarks.setting import Setting
from benchmarks.sizes import Case
from domain.times import stamp
from service.log.address import PostgresUrl
from service.log.opening import open_log

PROCESSES = (1, 2, 4)
PRODUCERS = 256
AT_ONCE = 256

RUN_SHARES = {500: 20, 50: 4, 0: 4}
"""A run's examples are this part of the events that are appended, by the milliseconds that the model takes."""

WORKERS = (0, 1, 2, 4)
"""So many processes work on a run, each with a part of the calls, and the server does not; without one it does."""


class Appended(NamedTuple):
    """What processes that append together took; waits in ms are those of the slowest process."""

    rate: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def measure(setting: Setting) -> Iterator[Figure]:
    """Appends, the order, runs."""
    with own_postgres() as url:
        for processes in PROCESSES:
            yield from measure_appends(setting, url, processes)
        yield from measure_groups(setting, url)
        yield measure_order(setting, url)
        yield from measure_runs(setting, url)


def measure_appends(setting: Setting, url: str, processes: int) -> Iterator[Figure]:
    """So many processes, all through the writer, through the log alone, and bare."""
    events = setting.sizes.shared
    sides = (partial(append, url, way, events, PRODUCERS, processes) for way in ("writer", "log", "bare"))
    writer, log, bare = alternate(setting.rounds, *sides)
    for what, side in (("writer", writer), ("log alone", log)):
        for name, unit, told in (
            ("rate", "events/s", "appends of all"),
            ("cpu_us", "µs", "their CPU an event"),
            ("p50_ms", "ms", "acknowledged, p50"),
            ("p99_ms", "ms", "acknowledged, p99"),
        ):
            get = attrgetter(name)
            yield Figure(f"postgres, {_processes(processes)}, {what}: {told}", unit, each(side, get), each(bare, get))


def measure_groups(setting: Setting, url: str) -> Iterator[Figure]:
    """Groups of one event, each of which is a transaction with a sync of its own: how many there can be."""
    events, rate = setting.sizes.shared // 16, attrgetter("rate")
    for processes in (PROCESSES[0], PROCESSES[-1]):
        ours, bare = alternate(
            setting.rounds, *(partial(append, url, way, events, 1, processes) for way in ("log", "bare"))
        )
        what = f"postgres, {_processes(processes)}, log alone, groups of one: appends of all"
        yield Figure(what, "events/s", each(ours, rate), each(bare, rate))


def measure_order(setting: Setting, url: str) -> Figure:
    """Bare connections that keep one order, beside as many that don't."""
    most = PROCESSES[-1]
    sides = (partial(append, url, way, setting.sizes.shared, PRODUCERS, most) for way in ("bare", "unordered"))
    ordered, unordered = alternate(setting.rounds, *sides)
    rate = attrgetter("rate")
    what = f"postgres, {_processes(most)}, bare, in one order: appends, beside none"
    return Figure(what, "events/s", each(ordered, rate), each(unordered, rate))


def measure_runs(setting: Setting, url: str) -> Iterator[Figure]:
    """A run whose log is on PostgreSQL, carried by so many workers, beside one server with its log in a file."""
    for latency, share in RUN_SHARES.items():
        case = Case(setting.sizes.shared // (4 * share) * 4, AT_ONCE, latency)
        with model_server(setting.folder, latency) as model:
            for workers in WORKERS:
                sides = (partial(run, setting.folder, base, model.port, case, workers) for base in (url, None))
                ours, file = alternate(setting.rounds, *sides)
                by = f"{workers} worker{'s' * (workers > 1)}" if workers else "a server"
                yield Figure(f"postgres, {case}, {by}: examples, beside a file", "examples/s", ours, file)
                setting.asked.note_calls(max(*ours, *file))


def append(url: str, way: str, events: int, producers: int, processes: int) -> Appended:
    """One round, in a database of its own."""
    database = create_database(url, "bench")
    asyncio.run(_create_log(database))
    share = events // processes
    told = ((way, share, producers, database, number) for number in range(processes))
    taken = run_together("postgres_appending", *told)
    wall = max(one["ended"] for one in taken) - min(one["began"] for one in taken)
    waits = (max(one[name] for one in taken) for name in ("p50_ms", "p99_ms"))
    return Appended(share * processes / wall, sum(one["cpu"] for one in taken) / (share * processes) * 1e6, *waits)


def run(folder: Path, url: str | None, model_port: int, case: Case, workers: int) -> float:
    """Examples a second of one run of a server just started, carried by workers where its log is on PostgreSQL."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        home = Path(name)
        write_project(home, model_port, case.examples, case.concurrency)
        if not url:
            with matchspec(home) as server:
                return case.examples / run_on(server, case).wall
        db = create_database(url, "bench")
        concurrency = ("--concurrency", str(AT_ONCE // max(WORKERS)))
        worker = matchspec_command("worker", "--config", str(home / "matchspec.yml"), "--db", db, *concurrency)
        options = ("--max-model-calls", "0") if workers else ()
        with matchspec(home, db, *options) as server, started([worker] * workers, home, "working"):
            return case.examples / run_on(server, case).wall


@contextmanager
def own_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL that lives for the time of a block."""
    server = Postgres(find_programs())
    try:
        server.create()
        server.start()
        yield server.url
    finally:
        server.remove()


async def _create_log(url: str) -> None:
    log = await open_log(PostgresUrl(url), stamp(datetime.now(UTC)))
    await log.close()


def _processes(count: int) -> str:
    return f"{count} process" + "es" * (count > 1)
