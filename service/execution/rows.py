"""The examples a harness has still to ask, read from their pinned blocks as they are needed."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from domain.examples import Example, Manifest, decode_line
from service.log.event_log import EventLog


class AskedRow(NamedTuple):
    """An example with its 0-based place in the pinned dataset."""

    row: int
    example: Example


class Rows:
    """Gives every row that is selected and not yet recorded, once, in the dataset's order."""

    def __init__(self, log: EventLog, manifest: Manifest, recorded: bytes, selects: Callable[[Example], bool]) -> None:
        self._log = log
        self._blocks = deque(manifest.blocks)
        self._recorded = recorded
        self._selects = selects
        self._next_row = 0
        self._ready: deque[AskedRow] = deque()
        self._reading = asyncio.Lock()

    async def take(self) -> AskedRow | None:
        """Take the next row; None when there is none left."""
        while not self._ready:
            async with self._reading:
                if not self._ready and not await self._read_block():
                    return None
        return self._ready.popleft()

    async def _read_block(self) -> bool:
        if not self._blocks:
            return False
        block = self._blocks.popleft()
        first, self._next_row = self._next_row, self._next_row + block.rows
        if 0 in self._recorded[first : self._next_row]:
            lines = (await self._log.read_content(block.digest)).splitlines()
            rows = (AskedRow(first + place, decode_line(line)) for place, line in enumerate(lines))
            self._ready.extend(row for row in rows if not self._recorded[row.row] and self._selects(row.example))
        return True
