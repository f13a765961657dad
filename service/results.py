"""Reads what came out of a run: its result, and its examples joined from pinned and recorded bytes."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

from domain.events import PinnedHarness
from domain.examples import decode_manifest
from domain.marks import Marks, marks_of
from domain.plan import decode_plan
from projections.entries import Asking, example_entry, repeated_entry
from projections.results import Place, Result
from projections.views import Views
from service.log.event_log import EventLog

CHUNK = 200


class _Block(NamedTuple):
    first: int
    lines: list[bytes]


class ResultReader:
    """Reads results; what is not in memory is folded from the log again."""

    def __init__(self, log: EventLog, views: Views) -> None:
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

    async def entries(self, run_id: str, result: Result) -> AsyncIterator[list[bytes]]:
        """Give the examples' entries as JSON, in the order suites, harnesses, dataset, some hundred at a time."""
        for harness in result.harnesses:
            if harness.manifest is not None:
                async for entries in self._harness_entries(run_id, harness, result):
                    yield entries

    async def _harness_entries(self, run_id: str, harness: PinnedHarness, result: Result) -> AsyncIterator[list[bytes]]:
        blocks = self._blocks(harness.manifest or "")
        block = _Block(0, [])
        marks = await self._marks(harness, result) if harness.repeats > 1 else None
        for examples in _chunks(result.places(harness)):
            bodies = await self._bodies(run_id, examples)
            entries = []
            for places in examples:
                row = places[0].row
                while row >= block.first + len(block.lines):
                    block = await anext(blocks)
                askings = [Asking(bodies[place.scored], bodies.get(place.answered)) for place in places]
                entries.append(_entry(block.lines[row - block.first], askings, marks))
            yield entries

    async def _bodies(self, run_id: str, examples: Sequence[Sequence[Place]]) -> dict[int, bytes]:
        versions = [version for places in examples for place in places for version in (place.scored, place.answered)]
        wanted = [version for version in versions if version]
        return dict(zip(wanted, await self._log.read_bodies(run_id, wanted), strict=True))

    async def _marks(self, harness: PinnedHarness, result: Result) -> Marks | None:
        if result.started is None:
            return None
        plan = decode_plan(await self._log.read_content(result.started.plan))
        return marks_of(*plan.harness(harness.suite, harness.harness))

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
