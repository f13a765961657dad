"""Reads what came out of a run: its result, and its examples joined from pinned and recorded bytes."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import NamedTuple

from domain.events import PinnedHarness
from domain.examples import decode_manifest
from projections.results import Place, Result, example_entry
from projections.views import Views
from service.log.event_log import EventLog

CHUNK = 200
SMALL_BYTES = 20_000
"""Events up to this size are read many at once, larger ones one by one: a model's reply may have 8 MB."""

PART_BYTES = 1_000_000


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
        """Give the examples' entries as JSON, in the order suites, harnesses, dataset, a bounded part at a time."""
        for harness in result.harnesses:
            if harness.manifest is not None:
                async for entries in self._harness_entries(run_id, harness, result):
                    yield entries

    async def _harness_entries(self, run_id: str, harness: PinnedHarness, result: Result) -> AsyncIterator[list[bytes]]:
        blocks = self._blocks(harness.manifest or "")
        block = _Block(0, [])
        for places in _chunks(result.places(harness)):
            bodies = await self._log.read_bodies(run_id, [place.version for place in places], SMALL_BYTES)
            entries, size = [], 0
            for place in places:
                while place.row >= block.first + len(block.lines):
                    block = await anext(blocks)
                body = bodies.get(place.version) or await self._log.read_body(run_id, place.version)
                entries.append(example_entry(block.lines[place.row - block.first], body))
                size += len(entries[-1])
                if size > PART_BYTES:
                    yield entries
                    entries, size = [], 0
            if entries:
                yield entries

    async def _blocks(self, manifest: str) -> AsyncIterator[_Block]:
        first = 0
        for block in decode_manifest(await self._log.read_content(manifest)).blocks:
            yield _Block(first, (await self._log.read_content(block.digest)).splitlines())
            first += block.rows


def _chunks(places: Iterator[Place]) -> Iterator[list[Place]]:
    while chunk := list(islice(places, CHUNK)):
        yield chunk
