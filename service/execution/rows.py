"""The askings a harness has still to do, read from their pinned blocks as they are needed."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from domain.examples import Block, Example, Manifest, decode_line
from service.log.event_log import EventLog


class AskedRow(NamedTuple):
    """An example with its 0-based place in the pinned dataset, and which repeat is asked.

    `answered` is the version of the event that has the answer already; 0 where the model is to be asked.
    """

    row: int
    example: Example
    repeat: int
    answered: int


class Progress(NamedTuple):
    """How far a harness was: askings scored, marked at `row * repeats + repeat`; versions of those only answered."""

    repeats: int
    recorded: bytes
    answered: Mapping[int, int]


class Rows:
    """Gives every asking that is selected and not yet recorded, once, in the dataset's order.

    `within` tells of how many rows it gives which; all where it is left out.
    """

    def __init__(
        self,
        log: EventLog,
        manifest: Manifest,
        before: Progress,
        selects: Callable[[Example], bool],
        within: Callable[[int], range] = range,
    ) -> None:
        self._log = log
        self._manifest = manifest
        self._blocks = deque(manifest.blocks)
        self._before = before
        self._selects = selects
        self._within = within(sum(block.rows for block in manifest.blocks))
        self._next_row = 0
        self._ready: deque[AskedRow] = deque()
        self._reading = asyncio.Lock()

    def of(self, before: Progress, within: Callable[[int], range]) -> "Rows":
        """The same rows from the beginning, or some of them, with what is recorded now."""
        return Rows(self._log, self._manifest, before, self._selects, within)

    async def take(self) -> AskedRow | None:
        """Take the next asking; None when there is none left."""
        return self._ready.popleft() if self._ready or await self.is_left() else None

    async def is_left(self) -> bool:
        """Whether there is an asking to take."""
        while not self._ready:
            async with self._reading:
                if not self._ready and not await self._read_block():
                    return False
        return True

    async def _read_block(self) -> bool:
        if not self._blocks:
            return False
        block = self._blocks.popleft()
        first, self._next_row = self._next_row, self._next_row + block.rows
        begin, end = max(first, self._within.start), min(self._next_row, self._within.stop)
        repeats = self._before.repeats
        if begin < end and 0 in self._before.recorded[begin * repeats : end * repeats]:
            self._ready.extend(await self._left_of(block, first))
        return True

    async def _left_of(self, block: Block, first: int) -> list[AskedRow]:
        lines = (await self._log.read_content(block.digest)).splitlines()
        examples = (
            (first + place, decode_line(line)) for place, line in enumerate(lines) if first + place in self._within
        )
        return [left for row, example in examples if self._selects(example) for left in self._left(row, example)]

    def _left(self, row: int, example: Example) -> Iterator[AskedRow]:
        for repeat in range(self._before.repeats):
            place = row * self._before.repeats + repeat
            if not self._before.recorded[place]:
                yield AskedRow(row, example, repeat, self._before.answered.get(place, 0))
