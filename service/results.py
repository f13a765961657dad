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

CHUNK = 200
SMALL_BYTES = 20_000
"""Events up to this size are read many at once, larger ones one by one: a model's reply may have 8 MB."""

PART_BYTES = 1_000_000


class _Block(NamedTuple):
    first: int
    lines: list[bytes]


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
        blocks, block = self._blocks(harness.manifest, first), _Block(0, [])
        places = result.places(harness, first, ANY_KIND if repeated else wanted.kinds)
        async for row, askings in self._askings(run_id, places, most):
            while row >= block.first + len(block.lines):
                block = await anext(blocks, _Block(0, []))
                if not block.lines:
                    raise LogUnreadable(f"the examples of harness '{harness.harness}' have no row {row}")
            line = block.lines[row - block.first]
            content = repeated_entry(line, askings, marks) if repeated else example_entry(line, askings[0])
            sure = not wanted.reads and (not repeated or wanted == ExampleFilter())
            yield Entry(row, content, sure or wanted.keeps(content, marks))

    async def _askings(
        self, run_id: str, places: Iterator[Place], most: int
    ) -> AsyncIterator[tuple[int, list[Asking]]]:
        """Give each row with its askings; large events are read one by one, so that no chunk is large."""
        for chunk in _chunks(places, most):
            versions = [version for example in chunk for place in example for version in place.versions]
            bodies = await self._log.read_bodies(run_id, versions, SMALL_BYTES)
            for example in chunk:
                large = [version for place in example for version in place.versions if version not in bodies]
                own = (
                    bodies | {version: await self._log.read_body(run_id, version) for version in large}
                    if large
                    else bodies
                )
                yield example[0].row, [Asking(own[place.scored], own.get(place.answered)) for place in example]

    async def _marks(self, harness: PinnedHarness, result: Result) -> Marks:
        plan = await self.plan(result)
        if plan is None:
            raise LogUnreadable("the run has no start")
        return marks_of(*plan.harness(harness.suite, harness.harness))

    async def _blocks(self, manifest: str, row: int) -> AsyncIterator[_Block]:
        """Read the blocks from that on which holds a row."""
        first = 0
        for block in (await self._manifests.get(manifest)).blocks:
            if row < first + block.rows:
                yield _Block(first, (await self._log.read_content(block.digest)).splitlines())
            first += block.rows


def _chunks(places: Iterator[Place], most: int) -> Iterator[list[list[Place]]]:
    examples = (list(repeats) for _, repeats in groupby(places, key=attrgetter("row")))
    while chunk := list(islice(examples, most)):
        yield chunk
