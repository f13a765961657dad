"""The shares that this process works on, where several processes work on the runs of one log."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from domain.errors import TooManyRuns
from domain.plan import Plan
from domain.run import Run
from domain.share import Left, Outcome, Refused, Share, share_out
from service.execution.open_runs import OpenRuns
from service.execution.queue import GRACE_SECONDS, Limits, Queue
from service.execution.share_runner import ShareRunner
from service.execution.world import World

TURN_SECONDS = 2.0
"""So long a share is worked on at the least, and as long as opening its run took, before another run has its turn."""


class _Active:
    """A share at work."""

    def __init__(self, share: Share, runner: ShareRunner, leaving: asyncio.Event) -> None:
        self.share = share
        self.leaving = leaving
        self.task = asyncio.create_task(runner.carry(), name=share.name)
        self._runner = runner
        self._since = monotonic()

    @property
    def had_turn(self) -> bool:
        """Whether it was worked on for long enough."""
        opened = self._runner.opened
        return opened is not None and monotonic() - opened >= max(TURN_SECONDS, opened - self._since)


class Shares:
    """Works on shares as they are given out."""

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self._limits = limits
        self._opened = OpenRuns(world)
        self._active: dict[str, _Active] = {}
        self._resumed: set[str] = set()
        self._places_held = 0

    @property
    def taken(self) -> int:
        """How many shares this process works on."""
        return len(self._active)

    @property
    def active(self) -> int:
        """How many runs this process works on."""
        return len({one.share.run_id for one in self._active.values()})

    @property
    def waiting(self) -> int:
        """How many runs that are not over it does not work on."""
        return len(self._world.writer.runs) - self.active

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for a run while its request is checked; TooManyRuns when there is none."""
        taken = len(self._world.writer.runs) + self._places_held
        if taken >= self._limits.active_runs + self._limits.waiting_runs:
            raise TooManyRuns(f"{taken} runs are not over, and no more may be. Try again later")
        self._places_held += 1
        try:
            yield
        finally:
            self._places_held -= 1

    def share_out(self, run_id: str, run: Run, plan: Plan) -> list[Share]:
        """Give the shares that go out with a run's start."""
        return share_out(run_id, run, plan)

    def put(self, run_id: str) -> None:
        """Nothing: a run's shares went out when its start was recorded."""

    async def work(self, share: Share, *, handed_on: bool) -> Outcome:
        """Work on a share as long as there is something to do. `handed_on`: by a process that ended before."""
        await self._world.writer.look()
        if share.run_id not in self._world.writer.runs:
            return None
        leaving = asyncio.Event()
        runner = ShareRunner(self._world, share, self._opened, leaving, self._resumed if handed_on else None)
        active = self._active[share.name] = _Active(share, runner, leaving)
        try:
            await asyncio.wait([active.task])
        finally:
            if self._active.get(share.name) is active:
                del self._active[share.name]
            await _end(active.task)
        return self._outcome(share, runner.lacks, left=leaving.is_set() or active.task.cancelled())

    def _outcome(self, share: Share, lacks: list[str], *, left: bool) -> Outcome:
        run = self._world.writer.runs.get(share.run_id)
        if run is None:
            self._resumed.discard(share.run_id)
            return None
        if lacks:
            return Refused(lacks)
        return Left(run.completed, self._world.stopping.is_set()) if left else None

    @property
    def is_ahead(self) -> bool:
        """Whether this process works on a share that had its turn, of a run that is not the least far of all."""
        least = min((run.completed for run in self._world.writer.runs.values()), default=0)
        return any(one.had_turn and self._completed(one.share.run_id) > least for one in self._active.values())

    def progress(self) -> dict[str, int]:
        """How many askings are recorded of each run that this process works on."""
        return {one.share.run_id: self._completed(one.share.run_id) for one in self._active.values()}

    def make_way(self, waiting: Sequence[str]) -> None:
        """Leave shares of runs that are further than those of which shares wait, one for each."""
        ready = [one for one in self._active.values() if one.had_turn and not one.leaving.is_set()]
        furthest_first = sorted(ready, key=lambda one: self._completed(one.share.run_id), reverse=True)
        least_first = sorted(self._completed(run_id) for run_id in waiting if run_id in self._world.writer.runs)
        for one, completed in zip(furthest_first, least_first, strict=False):
            if self._completed(one.share.run_id) <= completed:
                return
            one.leaving.set()

    def drop(self, run_id: str) -> None:
        """Let go of a run that is over: its calls in flight are aborted."""
        for one in self._active.values():
            if one.share.run_id == run_id:
                one.task.cancel()

    def lose(self, share: Share) -> None:
        """Let go of a share that another process works on now."""
        if share.name in self._active:
            self._active[share.name].task.cancel()

    async def stop(self) -> None:
        """Make no new call, and end what is in flight after GRACE_SECONDS. Other processes go on."""
        for one in self._active.values():
            one.leaving.set()
        if self._active:
            _, late = await asyncio.wait([one.task for one in self._active.values()], timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _completed(self, run_id: str) -> int:
        run = self._world.writer.runs.get(run_id)
        return run.completed if run else 0


async def _end(task: asyncio.Task[None]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait([task])


Runs = Queue | Shares
"""The runs that this process works on: whole ones, or shares of them."""
