"""The floor of a run: the same calls, grades and durable log, and nothing else.

    python -m benchmarks.floor DATASET.jsonl PORT CONCURRENCY LOG.db

A raw HTTP client (asyncio protocols on uvloop, parsed by httptools), the events as matchspec encodes and chains them,
and one thread that commits what waits together, synced; a worker goes on when its event is committed. It has no
retries, timeouts, limits, API, views, recovery or checks. Prints what it took as JSON.
"""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import re2
import uvloop

from benchmarks.raw_client import RawClient, ask_model
from benchmarks.used import peak_mb
from domain import chain
from domain.events import ExampleScored
from domain.examples import Example
from domain.times import stamp

BRIEF = re2.compile(r"^\S+( \S+)*$")
Waiting = tuple[bytes, asyncio.Future[None]]


class Log:
    """Commits what waits in groups, chained and synced."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        columns = "position INTEGER PRIMARY KEY, run_id, version, type, at, body, leaf, hash, UNIQUE (run_id, version)"
        self.connection.execute(f"CREATE TABLE events ({columns})")
        self.waiting: list[Waiting] = []
        self.news = asyncio.Event()
        self.position, self.hash = 0, chain.START

    async def record(self, body: bytes) -> None:
        """Returns when an event is committed."""
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((body, done))
        self.news.set()
        await done

    async def write_for_ever(self) -> None:
        """Commits group after group."""
        while True:
            await self.news.wait()
            self.news.clear()
            group, self.waiting = self.waiting, []
            await asyncio.get_running_loop().run_in_executor(None, self.commit, [body for body, _ in group])
            for _, done in group:
                done.set_result(None)

    def commit(self, bodies: list[bytes]) -> None:
        """One transaction."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self.rows(bodies))
        self.connection.execute("COMMIT")

    def rows(self, bodies: list[bytes]) -> Iterator[tuple[object, ...]]:
        """The chained rows of a group."""
        at = stamp(datetime.now(UTC))
        for body in bodies:
            self.position += 1
            leaf = chain.leaf(self.position, "run", "example_scored", at, body)
            self.hash = chain.link(self.hash, self.position, leaf)
            yield self.position, "run", self.position, "example_scored", at, body, leaf, self.hash


def scored(row: int, example: Example, output: str, began: float) -> bytes:
    """The event of an answer, graded three times."""
    scores = {
        "exact_match": float(output.strip() == example.expected.strip()),
        "contains": float(example.expected in output),
        "brief": float(BRIEF.search(output) is not None),
    }
    event = ExampleScored(
        suite="bench",
        harness="bench",
        example=example.id,
        repeat=0,
        row=row,
        output=output,
        scores=scores,
        passed=all(score >= 0.5 for score in scores.values()),
        latency_ms=round((time.monotonic() - began) * 1000, 3),
        attempts=1,
    )
    return msgspec.json.encode(event)


async def work(port: int, rows: Iterator[tuple[int, Example]], log: Log) -> None:
    """Asks on one connection until no example is left."""
    client = await RawClient.connect(port)
    for row, example in rows:
        began = time.monotonic()
        await log.record(scored(row, example, await ask_model(client, example.input), began))
    client.close()


async def run(dataset: Path, port: int, concurrency: int, log: Log) -> None:
    """All examples, read as they are wanted."""
    with dataset.open("rb") as lines:
        rows = enumerate(msgspec.json.decode(line, type=Example) for line in lines)
        await _run(rows, port, concurrency, log)


async def _run(rows: Iterator[tuple[int, Example]], port: int, concurrency: int, log: Log) -> None:
    writing = asyncio.create_task(log.write_for_ever())
    await asyncio.gather(*(work(port, rows, log) for _ in range(concurrency)))
    writing.cancel()


def main() -> None:
    """Measures from the reading of the dataset to the last commit, and prints it as JSON."""
    dataset, port, concurrency, path = sys.argv[1:]
    log = Log(path)
    began, cpu = time.monotonic(), time.process_time()
    uvloop.run(run(Path(dataset), int(port), int(concurrency), log))
    took, used = time.monotonic() - began, time.process_time() - cpu
    peak = peak_mb(os.getpid())
    print(json.dumps({"wall": took, "cpu": used, "peak_mb": peak, "events": log.position}))


if __name__ == "__main__":
    main()
