"""So many runs at work, so many waiting, the oldest first."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.errors import TooManyRuns
from service.execution import queue as queue_module
from service.execution.queue import Limits, Queue


class Runs:
    """Runs that go on until they are told to end."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, bool]] = []
        self.cancelled: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    async def carry(self, run_id: str, taken_over: bool) -> None:
        """Carry one run."""
        self.begun.append((run_id, taken_over))
        try:
            await self._ends.setdefault(run_id, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(run_id)
            raise

    @property
    def names(self) -> list[str]:
        """Which runs began, in that order."""
        return [run_id for run_id, _ in self.begun]

    async def end(self, run_id: str) -> None:
        """End a run, and let the next one begin."""
        self._ends.setdefault(run_id, asyncio.Event()).set()
        await settle()


async def settle() -> None:
    """Let everything happen that can happen."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def runs(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runs]:
    """Runs that are ended when the test is over."""
    monkeypatch.setattr(queue_module, "GRACE_SECONDS", 0.05)
    made = Runs()
    yield made
    for run_id in (*"abcde", "left"):
        await made.end(run_id)


async def fill(queue: Queue, *names: str) -> None:
    """Put runs into the queue."""
    for name in names:
        with queue.place():
            pass
        queue.put(name, taken_over=False)
    await settle()


async def test_so_many_runs_go_at_once_and_the_oldest_waits_the_shortest(runs: Runs) -> None:
    """With two places runs begin in the order they came, one for each that ends."""
    queue = Queue(runs.carry, Limits(active_runs=2, waiting_runs=10))
    await fill(queue, "a", "b", "c", "d", "e")
    assert runs.names == ["a", "b"]

    await runs.end("b")
    assert runs.names == ["a", "b", "c"]
    await runs.end("a")
    await runs.end("c")
    assert runs.names == ["a", "b", "c", "d", "e"]


async def test_a_run_keeps_how_it_came(runs: Runs) -> None:
    """A run that was taken over from another process begins as such, also after waiting."""
    queue = Queue(runs.carry, Limits(active_runs=1, waiting_runs=10))
    queue.put("old", taken_over=False)
    queue.put("left", taken_over=True)
    await runs.end("old")

    assert runs.begun == [("old", False), ("left", True)]


async def test_a_full_queue_refuses(runs: Runs) -> None:
    """One active and two waiting runs are all there may be: the fourth is refused until one ends."""
    queue = Queue(runs.carry, Limits(active_runs=1, waiting_runs=2))
    await fill(queue, "a", "b", "c")

    with pytest.raises(TooManyRuns, match="2 runs are waiting"), queue.place():
        pass
    await runs.end("a")
    await fill(queue, "d")
    assert runs.names == ["a", "b"]


async def test_a_run_whose_request_is_being_checked_has_a_place(runs: Runs) -> None:
    """Requests that are checked at the same time count too, and give the place back when they are refused."""
    queue = Queue(runs.carry, Limits(active_runs=1, waiting_runs=1))
    with queue.place(), queue.place(), pytest.raises(TooManyRuns), queue.place():
        pass
    with pytest.raises(ZeroDivisionError), queue.place():
        raise ZeroDivisionError

    await fill(queue, "a", "b")
    assert runs.names == ["a"]


async def test_without_waiting_places_runs_still_begin(runs: Runs) -> None:
    """`waiting_runs: 0` refuses what can't begin at once, and nothing else."""
    queue = Queue(runs.carry, Limits(active_runs=1, waiting_runs=0))
    await fill(queue, "a")

    with pytest.raises(TooManyRuns):
        await fill(queue, "b")
    await runs.end("a")
    await fill(queue, "c")
    assert runs.names == ["a", "c"]


async def test_runs_left_by_another_process_are_taken_beyond_the_bound(runs: Runs) -> None:
    """What was accepted once is never refused at a restart."""
    queue = Queue(runs.carry, Limits(active_runs=1, waiting_runs=1))
    for name in "abcd":
        queue.put(name, taken_over=True)
    for name in "abc":
        await runs.end(name)

    assert runs.names == ["a", "b", "c", "d"]


async def test_a_run_that_fails_frees_its_place() -> None:
    """Whatever becomes of a run, the next one begins."""
    begun = []

    async def fail(run_id: str, _taken_over: bool) -> None:
        begun.append(run_id)
        raise asyncio.CancelledError

    queue = Queue(fail, Limits(active_runs=1, waiting_runs=5))
    await fill(queue, "a", "b", "c")

    assert begun == ["a", "b", "c"]


async def test_stopping_waits_for_what_ends_by_itself(runs: Runs) -> None:
    """A run that ends within the grace is not cancelled; no waiting run begins."""
    queue = Queue(runs.carry, Limits(active_runs=1, waiting_runs=5))
    await fill(queue, "a", "b")
    stopping = asyncio.create_task(queue.stop())
    await settle()
    await runs.end("a")
    await stopping

    assert (runs.names, runs.cancelled) == (["a"], [])


async def test_stopping_cancels_what_does_not_end(runs: Runs) -> None:
    """After the grace runs at work are cancelled, and nothing begins in their place."""
    queue = Queue(runs.carry, Limits(active_runs=2, waiting_runs=5))
    await fill(queue, "a", "b", "c")
    began = asyncio.get_running_loop().time()
    await queue.stop()

    assert asyncio.get_running_loop().time() - began >= 0.05
    assert (runs.names, sorted(runs.cancelled)) == (["a", "b"], ["a", "b"])
    await queue.stop()


def test_calls_in_flight_get_two_seconds() -> None:
    """The grace at a stop is the two seconds that the contract gives."""
    assert queue_module.GRACE_SECONDS == 2.0
