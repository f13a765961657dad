"""The lines of a pinned dataset: of its blocks, one at a time is in memory."""

from domain.errors import LogUnreadable
from domain.examples import Manifest
from service.log.reading import LogReader


class PinnedLines:
    """Gives the lines of a manifest's rows in their order."""

    def __init__(self, log: LogReader, manifest: Manifest) -> None:
        self._log = log
        self._coming = iter(manifest.blocks)
        self._first = self._end = 0
        self._lines: list[bytes] = []

    async def reach(self, row: int) -> None:
        """Read the block that holds a row, none before the row reached last; LogUnreadable where there is none."""
        while row >= self._end:
            block = next(self._coming, None)
            if block is None:
                raise LogUnreadable(f"the pinned examples have no row {row}")
            self._first, self._end = self._end, self._end + block.rows
            if row < self._end:
                self._lines = (await self._log.read_content(block.digest)).splitlines()
                if len(self._lines) != block.rows:
                    raise LogUnreadable(f"the contents {block.digest} have {len(self._lines)} lines, not {block.rows}")

    async def get(self, row: int) -> bytes:
        """Give a row's line."""
        await self.reach(row)
        return self._lines[row - self._first]
