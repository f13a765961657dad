"""One run over a very large JSONL dataset, watched all the while: its start, its memory, polls, listing and pages.

Above 100,000 rows a dataset is pinned after the 202. The run is polled ten times a second from its start to its end,
the listing and a page of its examples twice a second each.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator

import msgspec
import uvloop

from benchmarks.figures import Figure, Goal, percentile
from benchmarks.memory import AT_ONCE, goal_of
from benchmarks.polling import poll
from benchmarks.processes import Served, get, matchspec, model_server, run_program
from benchmarks.projects import write_project
from benchmarks.raw_client import RawClient
from benchmarks.runs import MOST_SECONDS, check
from benchmarks.setting import Setting
from benchmarks.used import cpu_seconds, peak_mb

SEED = 6
LISTING = "/results?limit=20"
ACCEPTED, FIRST_CALL, POLL, PAGE, OPENED = Goal(1), Goal(20), Goal(10), Goal(50), Goal(2)


class Progress(msgspec.Struct):
    """How many examples are recorded."""

    completed: int


class Document(msgspec.Struct):
    """What is looked at of a run's document."""

    status: str
    progress: Progress | None = None


class Watch:
    """Polls a run until it is over; `waits` has the seconds of each answer by what was asked for."""

    def __init__(self, server: Served, path: str) -> None:
        self.waits: dict[str, list[float]] = {"poll": [], "listing": [], "page": []}
        self._server = server
        self._path = path
        self._completed = 0
        self._over = asyncio.Event()
        self._random = random.Random(SEED)

    async def until_over(self) -> None:
        """Watch."""
        await asyncio.gather(
            self._ask("poll", lambda: f"{self._path}?examples=none", 0.1),
            self._ask("listing", lambda: LISTING, 0.5),
            self._ask("page", self._page, 0.5),
        )

    def _page(self) -> str:
        row = self._random.randrange(self._completed + 1)
        return f"{self._path}/examples?limit=100&cursor=0-{row}"

    async def _ask(self, name: str, path: Callable[[], str], pause: float) -> None:
        client = await RawClient.connect(self._server.port)
        while not self._over.is_set():
            wait, body = await client.fetch(get(path()))
            self.waits[name].append(wait)
            if name == "poll":
                self._note(msgspec.json.decode(body, type=Document))
            await asyncio.sleep(pause)
        client.close()

    def _note(self, document: Document) -> None:
        self._completed = document.progress.completed if document.progress else self._completed
        if document.status != "running":
            self._over.set()


def measure(setting: Setting) -> Iterator[Figure]:
    """One run and one of the bare loop."""
    rows = setting.sizes.million
    with model_server(setting.folder, 0) as model:
        dataset = write_project(setting.folder, model.port, rows, AT_ONCE)
        bare = run_program("floor", dataset, model.port, AT_ONCE, setting.folder / "bare.db")
    with model_server(setting.folder, 0) as model:
        write_project(setting.folder, model.port, rows, AT_ONCE)
        with matchspec(setting.folder) as server:
            yield from _run(f"large, {rows:,} examples", setting, server, model, rows, bare)
    opened = run_program("replaying", "open", setting.folder / "log.db")["wall"]
    yield Figure(f"large, {rows:,} examples: the log opened afterwards", "s", (opened,), (), OPENED)


def _run(
    what: str, setting: Setting, server: Served, model: Served, rows: int, bare: dict[str, float]
) -> Iterator[Figure]:
    cpu, began = cpu_seconds(server.pid), time.monotonic()
    path = server.ask("/run", {"suite": "bench"})["results_url"]
    accepted = time.monotonic() - began
    yield Figure(f"{what}: 202", "s", (accepted,), (), ACCEPTED)
    watch = Watch(server, path)
    uvloop.run(asyncio.wait_for(watch.until_over(), MOST_SECONDS))
    result = server.ask(f"{path}?examples=none")
    check(result)
    wall, used = accepted + result["duration_seconds"], cpu_seconds(server.pid) - cpu
    first_call = float(model.ask("/calls")["first_at"]) - began
    setting.asked.note_calls(rows / wall)
    yield Figure(f"{what}: first model call", "s", (first_call,), (), FIRST_CALL)
    yield Figure(f"{what}: wall", "s", (wall,), (bare["wall"],))
    yield Figure(f"{what}: CPU an example, watching included", "µs", (used / rows * 1e6,), (bare["cpu"] / rows * 1e6,))
    yield from _waits(what, watch)
    yield Figure(f"{what}: peak memory", "MB", (peak_mb(server.pid),), (bare["peak_mb"],), goal_of(rows))
    page = f"{path}/examples?limit=100&cursor=0-{rows // 2}"
    for name, over in (("listing", LISTING), ("page of 100", page)):
        polled = poll(server, over, setting.sizes.poll_seconds, 1)
        yield Figure(f"{what}, over: {name}, server's CPU a request", "µs", (polled.cpu_us,))
        yield Figure(f"{what}, over: {name}, p99", "ms", (polled.ms(0.99),), (), PAGE)


def _waits(what: str, watch: Watch) -> Iterator[Figure]:
    for name, goal in (("poll", POLL), ("listing", PAGE), ("page", PAGE)):
        waits = [wait * 1000 for wait in watch.waits[name]]
        yield Figure(f"{what}, meanwhile: {name}, p50", "ms", (percentile(waits, 0.5),))
        yield Figure(f"{what}, meanwhile: {name}, p99", "ms", (percentile(waits, 0.99),), (), goal)
        yield Figure(f"{what}, meanwhile: {name}, longest", "ms", (max(waits),))
