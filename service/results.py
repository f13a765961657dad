"""Reads what came out of a run: its result, and its examples joined from pinned and recorded bytes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

from domain.errors import LogUnreadable
from domain.events import PinnedHarness
from domain.examples import decode_manifest
from domain.marks import Marks, marks_of
from domain.plan import Plan, decode_plan
from domain.spec import Statistics
from projections.entries import Asking, example_entry, repeated_entry
from projections.example_filter import ExampleFilter
from projections.results import ANY_KIND, Place, Result
from projections.views import Views
from service.log.decoded import Decoded
from service.log.reading import LogReader
from service.pinned_lines import PinnedLines

CHUNK = 200
SMALL_BYTES = 20_000
"""Events up to this size are read many at once, larger ones one by one: a model's reply may have 8 MB."""

PART_BYTES = 1_000_000


class Entry(NamedTuple):
    """An example's entry as JSON, its row in the pinned dataset, and whether it is wanted."""

    row: int
    content: bytes
    wanted: bool


class ResultReader:
    """Reads results; what is not in memory is folded from the log again, once for all who ask meanwhile."""

    def __init__(self, log: LogReader, views: Views) -> None:
        self._log = log
        self._views = views
        self._plans = Decoded(log, decode_plan)
        self._manifests = Decoded(log, decode_manifest)
        self._folding: dict[str, asyncio.Task[Result]] = {}

    async def result(self, run_id: str) -> Result:
        """A run's result as it stands now. LogUnreadable where an event of it can't follow those before."""
        known = self._views.results.get(run_id)
        if known is not None:
            return known
        folding = self._folding.get(run_id)
        if folding is None:
            folding = self._folding[run_id] = asyncio.create_task(self._fold(run_id))
            folding.add_done_callback(partial(self._settle, run_id))
        return await asyncio.shield(folding)

    def _settle(self, run_id: str, folding: asyncio.Task[Result]) -> None:
        del self._folding[run_id]
        if not folding.cancelled():
            folding.exception()  # told to those who asked, if they are still there

    async def _fold(self, run_id: str) -> Result:
        result = Result()
        await self._log.fold_run(run_id, result.apply)
        if result.finished:
            self._views.results.keep(run_id, result)
        return result

    async def plan(self, result: Result) -> Plan | None:
        """What a run was to do; None before it started."""
        return await self._plans.get(result.started.plan) if result.started else None

    async def statistics(self, result: Result) -> dict[str, Statistics]:
        """The statistics of the run's suites that set any."""
        plan = await self.plan(result)
        suites = plan.suites if plan else []
        return {suite.name: suite.statistics for suite in suites if suite.statistics != Statistics()}

    async def entries(
        self, run_id: str, result: Result, wanted: ExampleFilter | None = None
    ) -> AsyncIterator[list[bytes]]:
        """Give the examples' entries as JSON, in the order suites, harnesses, dataset, a bounded part at a time."""
        for harness in result.harnesses:
            entries, size = [], 0
            async for entry in self.harness_entries(run_id, result, harness, wanted or ExampleFilter()):
                if entry.wanted:
                    entries.append(entry.content)
                    size += len(entry.content)
                if size > PART_BYTES or len(entries) == CHUNK:
                    yield entries
                    entries, size = [], 0
            if entries:
                yield entries

    async def entry(self, run_id: str, result: Result, harness: PinnedHarness, row: int) -> bytes:
        """Give the entry of one example, by its row in the pinned dataset; it must be recorded."""
        entry = await anext(self.harness_entries(run_id, result, harness, ExampleFilter(), row, most=1))
        return entry.content

    async def harness_entries(
        self,
        run_id: str,
        result: Result,
        harness: PinnedHarness,
        wanted: ExampleFilter,
        first: int = 0,
        most: int = CHUNK,
    ) -> AsyncIterator[Entry]:
        """Give the entries of a harness from the row `first` on, and which are wanted; others may be left out.

        So many events as `most` are read at once.
        """
        if harness.manifest is None:
            return
        repeated = harness.repeats > 1
        marks = await self._marks(harness, result)
        lines = PinnedLines(self._log, await self._manifests.get(harness.manifest))
        places = result.places(harness, first, ANY_KIND if repeated else wanted.kinds)
        sure = not wanted.reads and (not repeated or wanted == ExampleFilter())
        for chunk in _chunks(places, most):
            # Both at once: beside a busy loop, what takes time is to have its turn again.
            bodies, _ = await asyncio.gather(self._small_bodies(run_id, chunk), lines.reach(chunk[0][0].row))
            for example in chunk:
                row, askings = example[0].row, await self._askings(run_id, example, bodies)
                line = await lines.get(row)
                content = repeated_entry(line, askings, marks) if repeated else example_entry(line, askings[0])
                yield Entry(row, content, sure or wanted.keeps(content, marks))

    async def _small_bodies(self, run_id: str, chunk: list[list[Place]]) -> dict[int, bytes]:
        versions = [version for example in chunk for place in example for version in place.versions]
        return await self._log.read_bodies(run_id, versions, SMALL_BYTES)

    async def _askings(self, run_id: str, example: list[Place], bodies: dict[int, bytes]) -> list[Asking]:
        """Give an example's askings; its large events are read one by one, so that no chunk is large."""
        large = [version for place in example for version in place.versions if version not in bodies]
        if large:
            bodies = bodies | {version: await self._log.read_body(run_id, version) for version in large}
        return [Asking(bodies[place.scored], bodies.get(place.answered)) for place in example]

    async def _marks(self, harness: PinnedHarness, result: Result) -> Marks:
        plan = await self.plan(result)
        if plan is None:
            raise LogUnreadable("the run has no start")
        return marks_of(*plan.harness(harness.suite, harness.harness))


def _chunks(places: Iterator[Place], most: int) -> Iterator[list[list[Place]]]:
    examples = (list(repeats) for _, repeats in groupby(places, key=attrgetter("row")))
    while chunk := list(islice(examples, most)):
        yield chunk
