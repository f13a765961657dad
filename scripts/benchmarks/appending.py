"""Appends events with acknowledgement, by so many producers at once, each of which waits before its next event.

    python -m benchmarks.appending writer|log|bare PRODUCERS EVENTS LOG.db

`writer` is matchspec's writer, which decides each command, commits and shows what follows; `log` its event log alone,
given groups of one event of each producer; `bare` the bare group commit. Prints what it took as JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

import uvloop

from benchmarks import floor
from benchmarks.figures import percentile
from benchmarks.made_runs import RUN, make_score, make_started
from domain import codec
from domain.run import record_score, start
from domain.times import stamp
from projections.views import Views
from service.log import event_log
from service.log.event_log import NewEvent
from service.log.opening import open_log
from service.writer import Writer

Append = Callable[[int], Awaitable[None]]
"""Appends the event of a row; returns when it is committed."""


@asynccontextmanager
async def writer(path: Path, events: int) -> AsyncIterator[Append]:
    """The writer of a run under way."""
    log = await open_log(path, stamp(datetime.now(UTC)))
    writing = Writer(log, Views(), lambda: datetime.now(UTC))
    await writing.open()
    await writing.do(RUN, lambda run, _: start(run, make_started(events)))

    async def append(row: int) -> None:
        event = make_score(row)
        await writing.do(RUN, lambda run, _: record_score(run, event))

    yield append
    await writing.close()
    await log.close()


@asynccontextmanager
async def bare(path: Path, _events: int) -> AsyncIterator[Append]:
    """The bare group commit."""
    log = floor.Log(str(path))
    writing = asyncio.create_task(log.write_for_ever())

    async def append(row: int) -> None:
        await log.record(codec.encode(make_score(row)))

    yield append
    writing.cancel()


async def produce(append: Append, rows: Iterator[int], waited: list[float]) -> None:
    """One producer."""
    for row in rows:
        began = time.monotonic()
        await append(row)
        waited.append(time.monotonic() - began)


async def append_by_producers(way: str, producers: int, events: int, path: Path) -> list[float]:
    """All events; gives for how long each was waited for."""
    waited: list[float] = []
    async with {"writer": writer, "bare": bare}[way](path, events) as append:
        rows = iter(range(events))
        await asyncio.gather(*(produce(append, rows, waited) for _ in range(producers)))
    return waited


async def append_groups(producers: int, events: int, path: Path) -> list[float]:
    """All events in groups, one after another; gives for how long each was waited for."""
    log = await open_log(path, stamp(datetime.now(UTC)))
    waited: list[float] = []
    versions = count(1)
    for first in range(0, events, producers):
        began = time.monotonic()
        scores = [make_score(row) for row in range(first, min(first + producers, events))]
        at = stamp(datetime.now(UTC))
        group = [NewEvent(RUN, next(versions), at, score, codec.encode(score)) for score in scores]
        await log.append(partial(event_log.Append, group))
        waited += [time.monotonic() - began] * len(scores)
    await log.close()
    return waited


def main() -> None:
    """Appends."""
    way, producers, events, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    began, cpu = time.monotonic(), time.process_time()
    appending = append_groups if way == "log" else lambda *given: append_by_producers(way, *given)
    waited = uvloop.run(appending(producers, events, path))
    took, used = time.monotonic() - began, time.process_time() - cpu
    p50, p99 = (percentile(waited, share) * 1000 for share in (0.5, 0.99))
    print(json.dumps({"rate": events / took, "cpu_us": used / events * 1e6, "p50_ms": p50, "p99_ms": p99}))


if __name__ == "__main__":
    main()
