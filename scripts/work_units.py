"""The work that `scripts/work` counts: run under callgrind, which writes a file of counts for each label.

    valgrind --tool=callgrind --instr-atstart=no ... python scripts/work_units.py LIBRARY.so PLANTED

Each kind of work is done COUNT and 3 x COUNT times, labelled `KIND-1` and `KIND-3`: what comes once, like opening a
log, falls out of their difference. Nothing is random or waits for another process; the service's clock stands still.
Where PLANTED is not 0, examples are counted once more with so many turns of the bare loop planted in each.
"""

import asyncio
import ctypes
import gc
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop
from work_made import NOW, fill_log, run_name, under_way, write_suites
from work_model import connect

from domain import codec
from domain.events import Event
from service.api.asgi import Message
from service.bootstrap import Service, Settings, open_service
from service.execution.queue import Limits
from service.execution.starting import Caller, RunOptions, RunRequest
from service.files.config import read_config
from service.models.connecting import Connector

COUNTS = {"floor": 2_000, "example": 96, "planted_example": 96, "poll": 150, "replayed_event": 500}
KEY = "a key of the user's"
OVER_SECONDS = 300


class Callgrind:
    """Callgrind's counters, by way of scripts/work_counting.c."""

    def __init__(self, library: str) -> None:
        self._library = ctypes.CDLL(library)

    def begin(self) -> None:
        """Count from here on: imports and preparations run several times as fast without."""
        gc.collect()
        gc.freeze()  # what is imported would be looked through at one time or another, in this block or in that
        self._library.begin_counting()

    @contextmanager
    def counting(self, label: str) -> Iterator[None]:
        """Count a block, all threads together."""
        gc.collect()
        self._library.zero()
        yield
        self._library.dump(label.encode())


async def count_all(callgrind: Callgrind, folder: Path, planted: int) -> None:
    """Count each kind of work."""
    sizes = {"warm": 32, "1": COUNTS["example"], "3": 3 * COUNTS["example"]}
    config = write_suites(folder, sizes)
    for times in (1, 3):
        await fill_log(folder / f"replayed-{times}.db", times * COUNTS["replayed_event"])
    async with asyncio.timeout(OVER_SECONDS), opened(config, folder / "served.db") as service:
        fresh = show_runs(service, 5 * COUNTS["poll"])
        await run(service, "warm")
        await poll(service, fresh, COUNTS["poll"])
        callgrind.begin()
        for times in (1, 3):
            with callgrind.counting(f"floor-{times}"):
                turn(times * COUNTS["floor"])
            with callgrind.counting(f"example-{times}"):
                await run(service, str(times))
            with callgrind.counting(f"poll-{times}"):
                await poll(service, fresh, times * COUNTS["poll"])
            with callgrind.counting(f"replayed_event-{times}"):
                async with opened(config, folder / f"replayed-{times}.db"):
                    pass
            if planted:
                slow = patch.object(codec, "encode", slowed(codec.encode, planted))
                with slow, callgrind.counting(f"planted_example-{times}"):
                    await run(service, str(times))


def opened(config: Path, db: Path) -> AbstractAsyncContextManager[Service]:
    """A service over a log, with what that log holds folded."""
    numbers = itertools.count()
    settings = Settings(read_config(config), config.parent, db, KEY, None, Limits(), {})
    return open_service(settings, clock=lambda: NOW, draw=lambda below: next(numbers) % below)


async def run(service: Service, suite: str) -> None:
    """Run a suite to its recorded end, from its dataset on; 32 models' answers come at once, and share a commit."""
    with patch.object(Connector, "open", connect):
        run_id = await service.starter.start(RunRequest(suite=suite), Caller(None, "work"), RunOptions())
        while run_id in service.views.listing.unfinished():
            await service.news.end(run_id).wait()
    assert (await service.results.result(run_id)).finished


def show_runs(service: Service, count: int) -> Iterator[int]:
    """Put runs under way into the views; gives their numbers."""
    for number in range(count):
        service.views.apply(under_way(number))
    return iter(range(count))


async def poll(service: Service, fresh: Iterator[int], count: int) -> None:
    """Look at runs that went on since anyone looked: the application alone, the key included, no server or socket."""
    for number in itertools.islice(fresh, count):
        sent: list[Message] = []
        await service.app(scope(f"/results/{run_name(number)}"), receive_nothing, adding_to(sent))
        assert sent[0]["status"] == 200, sent
        assert b'"completed":1' in sent[1]["body"], sent


def adding_to(sent: list[Message]) -> Callable[[Message], Any]:
    """An ASGI `send` that keeps what is sent."""

    async def send(message: Message) -> None:
        sent.append(message)

    return send


async def receive_nothing() -> Message:
    """The ASGI `receive` of a request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def scope(path: str) -> dict[str, Any]:
    """The ASGI scope of a GET with the key, as uvicorn makes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8090"), (b"authorization", b"Bearer " + KEY.encode()), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 8090),
        "state": {},
    }


def slowed(encode: Callable[[Event], bytes], turns: int) -> Callable[[Event], bytes]:
    """Encode an event, and waste so many turns of the bare loop on it."""

    def encode_slowly(event: Event) -> bytes:
        turn(turns)
        return encode(event)

    return encode_slowly


class _Row:
    def __init__(self, number: int) -> None:
        self.number = number

    def add(self, other: int) -> int:
        return self.number + other


_numbers, _rows = itertools.count(), dict[str, _Row]()


def turn(times: int) -> int:
    """The bare loop: an object, a text, a dictionary and a call in each turn.

    It goes on where it was, so that a turn costs the same whether few are taken at a time or many.
    """
    total = 0
    for number in itertools.islice(_numbers, times):
        row = _Row(number)
        key = f"ex-{number % 100}"
        _rows[key] = row
        total += row.add(len(_rows)) if key in _rows else 0
    return total


def main() -> None:
    """Count, in a folder that goes again."""
    library, planted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(count_all(Callgrind(library), Path(folder), int(planted)))


if __name__ == "__main__":
    main()
