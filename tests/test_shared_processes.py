"""Real processes that ask one service with a limit of calls in flight: one is frozen and wakes."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import pytest
import sharing_process
from postgres import new_database
from server import environment, until

from service.execution.shared_paces import SharedPaces
from service.log.address import PostgresUrl

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.slow, pytest.mark.timeout(120)]

ROOT = Path(__file__).parent.parent
LIMIT = 8


class Moment(NamedTuple):
    """When a call of a process began or ended."""

    at: float
    name: str
    change: int


class Process:
    """A running tests/sharing_process.py."""

    def __init__(self, folder: Path, db: PostgresUrl, name: str) -> None:
        self.name = name
        self._output = folder / f"{name}.txt"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, sharing_process.__file__, db.url, name],
                stdout=output,
                env=environment(PYTHONPATH=str(ROOT)),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.send(signal.SIGKILL)
        self._process.wait()

    def send(self, number: int) -> float:
        """Send a signal; gives the time when it has had its effect."""
        self._process.send_signal(number)
        time.sleep(0.1)
        return time.monotonic()

    def moments(self) -> list[Moment]:
        """What it did so far."""
        lines = (line.split() for line in self._output.read_text().split("\n")[:-1])
        return [Moment(float(at), self.name, 1 if word == "begin" else -1) for word, at in lines]

    def in_flight(self) -> int:
        """How many calls it has begun and not ended."""
        return sum(moment.change for moment in self.moments())


async def make_limit(db: PostgresUrl) -> None:
    """Have the service say 429 once, with twice so many calls in flight."""
    paces = await SharedPaces.open(db, {}, "first")
    load = paces.make_load(sharing_process.SERVICE)
    for _ in range(2 * LIMIT):
        await load.acquire("run")
    load.fall()
    for _ in range(2 * LIMIT):
        load.release("run")
    await asyncio.sleep(0.5)
    await paces.close()


def totals(one: Process, two: Process, frozen: float) -> Iterator[int]:
    """How many calls are in flight as each one begins; those of the first process that are frozen don't count."""
    held = sum(moment.change for moment in one.moments() if moment.at < frozen)
    lapsed = [Moment(frozen, one.name, -1)] * held
    later = [moment for moment in one.moments() if moment.at >= frozen]
    counted = [*(moment for moment in one.moments() if moment.at < frozen), *lapsed, *later[held:], *two.moments()]
    total = 0
    for moment in sorted(counted):
        total += moment.change
        if moment.change > 0:
            yield total


def test_a_frozen_process_loses_its_allowance_and_makes_no_use_of_it(tmp_path: Path) -> None:
    """Of eight calls each process has four. Ten seconds after one is frozen the other has all eight.

    When the frozen one wakes it waits until it is given its share again: there are never more than eight.
    """
    db = new_database()
    asyncio.run(make_limit(db))
    with Process(tmp_path, db, "one") as one, Process(tmp_path, db, "two") as two:
        until(lambda: one.in_flight() == two.in_flight() == LIMIT // 2, 20, "half for each")
        frozen = one.send(signal.SIGSTOP)
        until(lambda: two.in_flight() == LIMIT, 30, "all for the one that is left")
        assert time.monotonic() - frozen > 8  # ten seconds from its last renewal, of which one may have passed
        one.send(signal.SIGCONT)
        until(lambda: one.in_flight() == two.in_flight() == LIMIT // 2, 20, "half for each again")
        time.sleep(1)
        most = max(totals(one, two, frozen))
    assert most == LIMIT
