"""Pages of a run's events, encoded for a stream: read once for all that are at the same place."""

import asyncio
from typing import NamedTuple

from service.api.log_line import log_line
from service.log.reading import LogReader
from service.log.row import StoredEvent
from service.log.rows import PAGE

PAGE_BYTES = 64_000
"""How much of the log is read at once; a single event may be larger. A client that reads slowly holds one such page."""


class EventPage(NamedTuple):
    """Some events, encoded; `last` is the version of the last one. `full`: more may be there; `over`: none follows."""

    encoded: bytes
    last: int
    full: bool
    over: bool


class EventPages:
    """Reads pages of events."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._reading: dict[tuple[str, int], asyncio.Task[EventPage]] = {}

    async def read(self, run_id: str, after: int) -> EventPage:
        """Read what follows a version by now; LogError."""
        place = (run_id, after)
        reading = self._reading.get(place)
        if reading is None:
            reading = self._reading[place] = asyncio.create_task(self._read(run_id, after))
            reading.add_done_callback(lambda task: self._done(place, task))
        return await asyncio.shield(reading)

    async def _read(self, run_id: str, after: int) -> EventPage:
        async for page in self._log.read_stored(run_id, after, page_bytes=PAGE_BYTES):
            full = len(page) == PAGE or sum(len(stored.body) for stored in page) >= PAGE_BYTES
            last = page[-1]
            return EventPage(b"".join(map(_encode, page)), last.version, full, last.type == "finished")
        return EventPage(b"", after, full=False, over=False)

    def _done(self, place: tuple[str, int], reading: asyncio.Task[EventPage]) -> None:
        del self._reading[place]
        if not reading.cancelled():
            reading.exception()  # it was told to those who still wait, if any


def _encode(stored: StoredEvent) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (stored.version, stored.type.encode(), log_line(stored))
