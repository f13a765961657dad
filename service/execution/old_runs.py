"""The runs whose outputs are graded anew, or to which others are held: in this log, or in another one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from domain import codec
from domain.errors import LogUnreadable, RunNotFound, RunNotOver
from domain.events import ExampleAnswered, ExampleScored, PinnedHarness, Started
from domain.plan import Plan
from domain.regrade import Key, Old, recorded_outcome
from projections.results import Result
from projections.views import Views
from service.execution.rows import AskedRow
from service.log.address import LogAddress
from service.log.opening import open_reader
from service.log.reading import LogReader
from service.results import ResultReader

FindLog = Callable[[str], Awaitable[LogAddress | None]]
"""Finds the log that holds a run."""


class OldRun(NamedTuple):
    """A run that is over, its plan, and the log to read it from."""

    run_id: str
    started: Started
    plan: Plan
    result: Result
    log: LogReader

    async def describe(self) -> Old:
        """Say what there is to grade. Goes over all examples, so it takes a thread."""
        whole = await asyncio.to_thread(self._count)
        return Old(self.run_id, self.started.suite, self.plan, self.result.harnesses, whole)

    def outputs(self, key: Key) -> "OldOutputs":
        """Give what was recorded of a harness."""
        harness = next(one for one in self.result.harnesses if (one.suite, one.harness) == key)
        return OldOutputs(self, harness)

    def _count(self) -> dict[Key, int]:
        return {
            (harness.suite, harness.harness): self.result.incomplete(harness).count(0) // harness.repeats
            for harness in self.result.harnesses
        }


class OldOutputs(NamedTuple):
    """What the model of one harness said in a run that is over."""

    run: OldRun
    harness: PinnedHarness

    async def incomplete(self) -> bytes:
        """Mark by 1, at `row * repeats + repeat`, the rows of which not every repeat is recorded. Takes a thread."""
        return await asyncio.to_thread(self.run.result.incomplete, self.harness)

    async def find(self, asked: AskedRow) -> ExampleAnswered | ExampleScored:
        """Give the recorded answer of an asking, or the event that says why there was none."""
        place = self.run.result.find(self.harness, asked.row, asked.repeat)
        name = "example_answered" if place.answered else "example_scored"
        event = codec.decode(name, await self.run.log.read_body(self.run.run_id, place.answered or place.scored))
        if not isinstance(event, ExampleAnswered | ExampleScored):
            raise LogUnreadable
        return recorded_outcome(event)


class OldRuns:
    """Opens runs that are over; in the service's own log, unless `find_log` tells where else to look."""

    def __init__(self, log: LogReader, results: ResultReader, find_log: FindLog | None) -> None:
        self._log = log
        self._results = results
        self._find_log = find_log

    @asynccontextmanager
    async def open(self, run_id: str) -> AsyncIterator[OldRun]:
        """Open a run. RunNotFound, RunNotOver."""
        if self._find_log is None:
            yield await _read(run_id, self._log, self._results)
            return
        address = await self._find_log(run_id)
        if address is None:
            raise RunNotFound(f"there is no run '{run_id}' here")
        async with open_reader(address) as log:
            yield await _read(run_id, log, ResultReader(log, Views()))


async def _read(run_id: str, log: LogReader, results: ResultReader) -> OldRun:
    result = await results.result(run_id)
    plan = await results.plan(result)
    if result.started is None or plan is None:
        raise RunNotFound(f"there is no run '{run_id}' in the log")
    if result.finished is None:
        raise RunNotOver(f"the run {run_id} is not over; try again once it is")
    return OldRun(run_id, result.started, plan, result, log)
