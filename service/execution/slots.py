"""A limit of calls at once, shared fairly between runs."""

import asyncio
from collections import Counter, deque


class CallSlots:
    """At most `limit` calls at once, a fraction not counted. A free slot goes to the waiting run with the fewest calls.

    Runs that are equal in this take turns.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._in_flight: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self.used = 0

    @property
    def limit(self) -> float:
        """How many calls there may be at once; when it falls, those in flight go on."""
        return self._limit

    @limit.setter
    def limit(self, limit: float) -> None:
        self._limit = limit
        self._pass_on()

    async def acquire(self, run_id: str) -> None:
        """Wait for a slot; it is held until it is released."""
        if self.used + 1 <= self._limit and not self._waiting:
            self._take(run_id)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(run_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(run_id)
            raise

    def release(self, run_id: str) -> None:
        """Give a slot back."""
        self.used -= 1
        self._in_flight[run_id] -= 1
        if not self._in_flight[run_id]:
            del self._in_flight[run_id]
        self._pass_on()

    def _take(self, run_id: str) -> None:
        self.used += 1
        self._in_flight[run_id] += 1

    def _pass_on(self) -> None:
        while self.used + 1 <= self._limit and self._waiting:
            run_id = min(self._waiting, key=self._in_flight.__getitem__)
            turns = self._waiting.pop(run_id)
            turn = turns.popleft()
            if turns:
                self._waiting[run_id] = turns
            if not turn.done():
                self._take(run_id)
                turn.set_result(None)
