"""Appends events to a log on PostgreSQL that others append to as well, as one process of several.

    python -m benchmarks.postgres_appending writer|log|bare|unordered EVENTS PRODUCERS URL NUMBER

`writer` is matchspec's writer with PRODUCERS, each of which waits for its event; the others append groups of PRODUCERS
events, one group after another: `log` through matchspec's event log, `bare` with nothing but the lock, the head, the
rows and the commit, `unordered` without the lock, at positions of its own. Prints `ready`, begins when it is sent a
line, and prints what it took as JSON; times are those of the machine's monotonic clock.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count

import uvloop
from psycopg import AsyncConnection

from benchmarks.appending import produce
from benchmarks.figures import percentile
from benchmarks.made_runs import make_score, make_started
from domain import chain, codec
from domain.chain import Head
from domain.run import record_score, start
from domain.times import stamp
from projections.views import Views
from service.log import event_log
from service.log.address import PostgresUrl
from service.log.event_log import NewEvent, chained
from service.log.opening import open_log
from service.log.postgres.connection import APPENDING
from service.writer import Writer

AppendGroup = Callable[[Sequence[NewEvent]], Awaitable[object]]
"""Returns when a group is committed."""

Began = tuple[float, float]
"""When a process began, and the CPU it had used by then; seconds."""

FAR = 1_000_000_000
"""Positions between two processes that keep no order."""

BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({APPENDING})".encode()
HEAD = b"SELECT position, hash FROM matchspec.events ORDER BY position DESC LIMIT 1"
INSERT = b"""
INSERT INTO matchspec.events SELECT * FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::bytea[]
)
"""


@asynccontextmanager
async def by_log(url: str, _number: int) -> AsyncIterator[AppendGroup]:
    """The event log."""
    log = await open_log(PostgresUrl(url), stamp(datetime.now(UTC)))
    yield lambda group: log.append(partial(event_log.Append, group))
    await log.close()


@asynccontextmanager
async def bare(url: str, _number: int) -> AsyncIterator[AppendGroup]:
    """The lock, the head, the rows, the commit."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:

        async def append(group: Sequence[NewEvent]) -> None:
            await connection.execute(BEGIN)
            head = await (await connection.execute(HEAD, binary=True)).fetchone()
            await insert(connection, Head(*head) if head else Head(0, chain.START), group)

        yield append


@asynccontextmanager
async def unordered(url: str, number: int) -> AsyncIterator[AppendGroup]:
    """The rows and the commit."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        positions = count((number + 1) * FAR, step=FAR // 100_000)

        async def append(group: Sequence[NewEvent]) -> None:
            await connection.execute(b"BEGIN")
            await insert(connection, Head(next(positions), chain.START), group)

        yield append


async def insert(connection: AsyncConnection, head: Head, group: Sequence[NewEvent]) -> None:
    """Insert and commit a group behind a head."""
    async with connection.pipeline(), connection.cursor() as cursor:
        rows, _ = chained(head, group)
        await cursor.execute(INSERT, [list(column) for column in zip(*rows, strict=True)], binary=True)
        await cursor.execute(b"COMMIT")


def run_of(number: int) -> str:
    """The run that a process appends to."""
    return f"run-20260315-143022-{number:04x}"


async def append_groups(way: str, events: int, size: int, url: str, number: int) -> tuple[Began, list[float]]:
    """All events in groups; gives for how long each group was waited for."""
    waited: list[float] = []
    ways = {"log": by_log, "bare": bare, "unordered": unordered}
    async with ways[way](url, number) as append:
        began_at = await begin()
        versions = count(1)
        for first in range(0, events, size):
            began = time.monotonic()
            at = stamp(datetime.now(UTC))
            scores = [make_score(row) for row in range(first, min(first + size, events))]
            await append([NewEvent(run_of(number), next(versions), at, one, codec.encode(one)) for one in scores])
            waited.append(time.monotonic() - began)
    return began_at, waited


async def append_by_producers(
    _way: str, events: int, producers: int, url: str, number: int
) -> tuple[Began, list[float]]:
    """All events by producers; gives for how long each event was waited for."""
    log = await open_log(PostgresUrl(url), stamp(datetime.now(UTC)))
    writing = Writer(log, Views(), lambda: datetime.now(UTC))
    await writing.open()
    run = run_of(number)
    await writing.do(run, lambda state, _: start(state, make_started(events)))

    async def append(row: int) -> None:
        event = make_score(row)
        await writing.do(run, lambda state, _: record_score(state, event))

    began = await begin()
    waited: list[float] = []
    rows = iter(range(events))
    await asyncio.gather(*(produce(append, rows, waited) for _ in range(producers)))
    await writing.close()
    await log.close()
    return began, waited


async def begin() -> Began:
    """Wait until all are ready; gives when that was."""
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    return time.monotonic(), time.process_time()


def main() -> None:
    """Appends."""
    way, events, producers, url, number = sys.argv[1:]
    appending = append_by_producers if way == "writer" else append_groups
    (began, cpu), waited = uvloop.run(appending(way, int(events), int(producers), url, int(number)))
    p50, p99 = (percentile(waited, share) * 1000 for share in (0.5, 0.99))
    told = {"began": began, "ended": time.monotonic(), "cpu": time.process_time() - cpu, "p50_ms": p50, "p99_ms": p99}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
