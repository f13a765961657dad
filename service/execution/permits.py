"""What an attempt to ask a model needs of the limits, taken in the same order by all."""

import asyncio

from domain.errors import ModelError
from service.execution.pace import Pace
from service.execution.slots import CallSlots
from service.measures import Calls


class Stopping(Exception):
    """The server stops: no new call."""


class Permits:
    """First the service's pace, so that waiting for it takes no slot of the server; how the calls went is noted."""

    def __init__(self, pace: Pace | None, slots: CallSlots, calls: Calls, stopping: asyncio.Event) -> None:
        self._pace = pace
        self._slots = slots
        self._calls = calls
        self._stopping = stopping

    async def acquire(self, run_id: str) -> int:
        """Wait until a call may be made; Stopping once the server stops. What it gives is told when the call ends."""
        falls = await self._pace.acquire(run_id) if self._pace else 0
        try:
            await self._slots.acquire(run_id)
        except BaseException as error:
            self._leave_pace(run_id, falls, error)
            raise
        if self._stopping.is_set():
            stopping = Stopping()
            self.give_back(run_id, falls, stopping)
            raise stopping
        return falls

    def release(self, run_id: str, falls: int, seconds: float, error: ModelError | None) -> None:
        """End a call that took so long, with an answer or with this error."""
        self._calls.note(seconds, failed=error is not None)
        self.give_back(run_id, falls, error)

    def give_back(self, run_id: str, falls: int, error: BaseException | None) -> None:
        """End a call that was aborted."""
        self._slots.release(run_id)
        self._leave_pace(run_id, falls, error)

    def _leave_pace(self, run_id: str, falls: int, error: BaseException | None) -> None:
        if self._pace:
            self._pace.release(run_id, falls, error)
