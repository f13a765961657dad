"""Who may use one thing when: some together, or one alone. First come, first served."""

import asyncio
from collections.abc import Callable


class Turns:
    """Each turn is given back by calling what taking it gave. `limit` is how many may have one together."""

    def __init__(self, limit: int) -> None:
        self._gate = asyncio.Lock()
        self._slots = asyncio.Semaphore(limit)
        self._taken = 0
        self._free = asyncio.Event()
        self._free.set()

    async def together(self) -> Callable[[], None]:
        """Wait for a turn beside others."""
        async with self._gate:
            await self._slots.acquire()
            self._taken += 1
            self._free.clear()
        return self._leave

    async def alone(self) -> Callable[[], None]:
        """Wait for a turn without any other."""
        await self._gate.acquire()
        try:
            await self._free.wait()
        except BaseException:
            self._gate.release()
            raise
        return self._gate.release

    def _leave(self) -> None:
        self._slots.release()
        self._taken -= 1
        if not self._taken:
            self._free.set()
