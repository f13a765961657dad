"""A service that is asked through a pace, with calls that a test ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import ModelError
from service.execution.pace import Pace


class Service:
    """A service asked through a pace; calls wait in it until a test ends them."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.inside: list[asyncio.Future[None]] = []
        self._calls: list[asyncio.Task[None]] = []

    async def begin(self, count: int, run_id: str = "a") -> None:
        """Let so many calls come; those that may are inside."""
        self._calls += [asyncio.create_task(self._call(run_id)) for _ in range(count)]
        await settle()

    async def end(self, count: int, error: ModelError | None = None) -> None:
        """End the oldest calls inside, all at once: with an answer, or with this error."""
        ending, self.inside = self.inside[:count], self.inside[count:]
        for call in ending:
            call.set_exception(error) if error else call.set_result(None)
        await settle()

    async def leave(self) -> None:
        """End everything."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _call(self, run_id: str) -> None:
        async with turn(self.pace, run_id):
            answer = asyncio.get_running_loop().create_future()
            self.inside.append(answer)
            await answer


@asynccontextmanager
async def turn(pace: Pace, run_id: str = "a") -> AsyncIterator[None]:
    """Hold a turn around a call; how the block ends moves the limit."""
    falls = await pace.acquire(run_id)
    try:
        yield
    except BaseException as error:
        pace.release(run_id, falls, error)
        raise
    pace.release(run_id, falls, None)


async def settle() -> None:
    """Let everything happen that can happen."""
    for _ in range(20):
        await asyncio.sleep(0)
