"""Reads what came out of a run: its result, and its examples joined from pinned and recorded bytes."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

from domain.errors import EventNotFound, LogUnreadable
from domain.events import Finished, PinnedHarness
from domain.examples import decode_manifest
from domain.marks import Marks, marks_of
from domain.plan import Plan, decode_plan
from domain.run import Run, so_far
from domain.spec import Statistics
from projections.entries import Asking, example_entry, repeated_entry
from projections.results import Place, Result
from projections.views import Views
from service.log.reading import LogReader

CHUNK = 200
SMALL_BYTES = 20_000
"""Events up to this size are read many at once, larger ones one by one: a model's reply may have 8 MB."""

PART_BYTES = 1_000_000


class _Block(NamedTuple):
    first: int
    lines: list[bytes]


class Past(NamedTuple):
    """A run as it stood after one of its events: the views as they were, and what its scores came to."""

    views: Views
    so_far: Finished


class ResultReader:
    """Reads results; what is not in memory is folded from the log again."""

    def __init__(self, log: LogReader, views: Views) -> None:
        self._log = log
        self._views = views

    async def result(self, run_id: str) -> Result:
        """A run's result as it stands now."""
        known = self._views.results.get(run_id)
        if known is not None:
            return known
        result = Result()
        async for recorded in self._log.read_run(run_id):
            result.apply(recorded)
        if result.finished:
            self._views.results.keep(run_id, result)
        return result

    async def plan(self, result: Result) -> Plan | None:
        """What a run was to do; None before it started."""
        return decode_plan(await self._log.read_content(result.started.plan)) if result.started else None

    async def past(self, run_id: str, version: int) -> Past:
        """Fold a run anew, up to one of its events; EventNotFound where it has no such event."""
        last = await self._log.last_version(run_id)
        if not 1 <= version <= last:
            raise EventNotFound(f"{run_id} has the events 1 to {last}, no event {version}")
        views, run = Views(), Run()
        async for recorded in self._log.read_run(run_id, up_to=version):
            views.apply(recorded)
            run.apply(recorded.at, recorded.event)
        plan = decode_plan(await self._log.read_content(run.started.plan)) if run.started else None
        return Past(views, await asyncio.to_thread(so_far, run, plan, None, run.started_at))

    async def statistics(self, result: Result) -> dict[str, Statistics]:
        """The statistics of the run's suites that set any."""
        plan = await self.plan(result)
        suites = plan.suites if plan else []
        return {suite.name: suite.statistics for suite in suites if suite.statistics != Statistics()}

    async def entries(self, run_id: str, result: Result) -> AsyncIterator[list[bytes]]:
        """Give the examples' entries as JSON, in the order suites, harnesses, dataset, a bounded part at a time."""
        for harness in result.harnesses:
            if harness.manifest is not None:
                async for entries in self._harness_entries(run_id, harness, result):
                    yield entries

    async def entry(self, run_id: str, result: Result, harness: PinnedHarness, row: int) -> bytes:
        """Give the entry of one example, by its row in the pinned dataset; it must be recorded."""
        askings = [result.find(harness, row, repeat) for repeat in range(harness.repeats)]
        marks = await self._marks(harness, result) if harness.repeats > 1 else None
        read = self._askings(run_id, iter([place for place in askings if place.scored]))
        _, bodies = await anext(read)
        return _entry(await self._line(harness.manifest or "", row), bodies, marks)

    async def _line(self, manifest: str, row: int) -> bytes:
        for block in decode_manifest(await self._log.read_content(manifest)).blocks:
            if row < block.rows:
                return (await self._log.read_content(block.digest)).splitlines()[row]
            row -= block.rows
        raise LogUnreadable(f"the manifest {manifest} has fewer rows than the run")

    async def _harness_entries(self, run_id: str, harness: PinnedHarness, result: Result) -> AsyncIterator[list[bytes]]:
        blocks = self._blocks(harness.manifest or "")
        block = _Block(0, [])
        marks = await self._marks(harness, result) if harness.repeats > 1 else None
        entries, size = [], 0
        async for row, askings in self._askings(run_id, result.places(harness)):
            while row >= block.first + len(block.lines):
                block = await anext(blocks)
            entries.append(_entry(block.lines[row - block.first], askings, marks))
            size += len(entries[-1])
            if size > PART_BYTES or len(entries) == CHUNK:
                yield entries
                entries, size = [], 0
        if entries:
            yield entries

    async def _askings(self, run_id: str, places: Iterator[Place]) -> AsyncIterator[tuple[int, list[Asking]]]:
        """Give each row with its askings; large events are read one by one, so that no chunk is large."""
        for chunk in _chunks(places):
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

    async def _marks(self, harness: PinnedHarness, result: Result) -> Marks | None:
        plan = await self.plan(result)
        return marks_of(*plan.harness(harness.suite, harness.harness)) if plan else None

    async def _blocks(self, manifest: str) -> AsyncIterator[_Block]:
        first = 0
        for block in decode_manifest(await self._log.read_content(manifest)).blocks:
            yield _Block(first, (await self._log.read_content(block.digest)).splitlines())
            first += block.rows


def _chunks(places: Iterator[Place]) -> Iterator[list[list[Place]]]:
    examples = (list(repeats) for _, repeats in groupby(places, key=attrgetter("row")))
    while chunk := list(islice(examples, CHUNK)):
        yield chunk


def _entry(line: bytes, askings: Sequence[Asking], marks: Marks | None) -> bytes:
    return example_entry(line, askings[0]) if marks is None else repeated_entry(line, askings, marks)
