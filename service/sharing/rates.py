"""Requests per minute that processes share: turns reserved in the database, whose clock alone counts."""

import asyncio
from collections import deque
from importlib.resources import files

from domain.errors import LogUnavailable
from service.sharing.database import SharedDatabase

RETRY_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""What the database gave is void where its answer took longer: the process may have been frozen."""
LATE_SECONDS = 0.1, 1.0
"""A turn that comes later than its interval is void, so that a process that was frozen makes no burst; at the least
and at the most."""

_RESERVE = files("service.sharing").joinpath("reserve.sql").read_bytes()


class SharedRate:
    """Turns of one rate, one every 60 / `per_minute` seconds over all processes, from the first on.

    As many are reserved at once as wait here, for a second at most. They are the process's: whoever waits when one
    comes takes it, and where nobody does it is lost. So are those that come too late.
    """

    def __init__(self, database: SharedDatabase, rate: bytes, per_minute: float) -> None:
        self._database = database
        self._rate = rate
        self._interval = 60 / per_minute
        self._most = max(1, int(per_minute / 60))
        self._late = min(max(self._interval, LATE_SECONDS[0]), LATE_SECONDS[1])
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._giving: asyncio.Task[None] | None = None

    async def acquire(self) -> None:
        """Wait for a turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._giving is None or self._giving.done():
            self._giving = asyncio.create_task(self._give(), name="giving turns")
        await turn

    async def close(self) -> None:
        """Give no more turns."""
        if self._giving:
            self._giving.cancel()
            await asyncio.gather(self._giving, return_exceptions=True)

    async def _give(self) -> None:
        while waiting := self._count_waiting():
            try:
                await self._give_some(min(waiting, self._most))
            except LogUnavailable:
                await asyncio.sleep(RETRY_SECONDS)

    def _count_waiting(self) -> int:
        self._waiting = deque(turn for turn in self._waiting if not turn.done())
        return len(self._waiting)

    async def _give_some(self, count: int) -> None:
        """Reserve turns and hand each out at its time."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        turns = {"rate": self._rate, "count": count, "interval": self._interval}
        (wait,) = await self._database.ask(_RESERVE, turns)
        if loop.time() - asked > ANSWER_SECONDS:
            return
        first = loop.time() + float(str(wait))
        for number in range(count):
            moment = first + number * self._interval
            if moment > loop.time():
                await asyncio.sleep(moment - loop.time())
            if loop.time() <= moment + self._late:
                self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
