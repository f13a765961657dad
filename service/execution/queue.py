"""Which runs are at work and which wait: so many at once, the oldest first."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from domain.errors import TooManyRuns
from domain.plan import Plan
from domain.run import Run
from domain.share import Share

GRACE_SECONDS = 2.0
"""How long calls in flight get when the server stops."""


class Limits(NamedTuple):
    """How many model calls, active runs and waiting runs a server takes."""

    model_calls: int = 256
    active_runs: int = 16
    waiting_runs: int = 1_000


class Queue:
    """Runs at work, and those that wait for their turn. `carry` brings one run to its end."""

    def __init__(self, carry: Callable[[str, bool], Coroutine[None, None, None]], limits: Limits) -> None:
        self._carry = carry
        self._limits = limits
        self._waiting: deque[tuple[str, bool]] = deque()
        self._active: set[asyncio.Task[None]] = set()
        self._places_held = 0
        self._stopped = False

    @property
    def active(self) -> int:
        """How many runs are at work."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for a run while its request is checked; TooManyRuns when there is none."""
        taken = len(self._active) + len(self._waiting) + self._places_held
        if taken >= self._limits.active_runs + self._limits.waiting_runs:
            raise TooManyRuns(f"{len(self._waiting)} runs are waiting, and no more may. Try again later")
        self._places_held += 1
        try:
            yield
        finally:
            self._places_held -= 1

    def share_out(self, _run_id: str, _run: Run, _plan: Plan) -> list[Share]:
        """Nothing: a run is carried by this process alone."""
        return []

    def put(self, run_id: str, *, taken_over: bool = False) -> None:
        """Let a recorded run begin when its turn comes."""
        self._waiting.append((run_id, taken_over))
        self._fill()

    def drop(self, run_id: str) -> None:
        """Let go of a run that is over: it does not begin, and its calls in flight are aborted."""
        self._waiting = deque(one for one in self._waiting if one[0] != run_id)
        for task in self._active:
            if task.get_name() == run_id:
                task.cancel()

    async def stop(self) -> None:
        """Begin no run, give those at work GRACE_SECONDS, then end them. The next start goes on with them."""
        self._stopped = True
        if self._active:
            _, late = await asyncio.wait(self._active, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _fill(self) -> None:
        while self._waiting and len(self._active) < self._limits.active_runs and not self._stopped:
            run_id, taken_over = self._waiting.popleft()
            task = asyncio.create_task(self._carry(run_id, taken_over), name=run_id)
            self._active.add(task)
            task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        self._fill()
