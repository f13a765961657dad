"""Works on one share of a run, beside other processes that work on the others."""

import asyncio
from time import monotonic

from domain.events import ExamplesPinned
from domain.plan import Plan
from domain.run import Run, pin_examples, resume
from domain.share import Share, share_out
from service.execution.carrying import Carrier
from service.execution.jobs import cut_job
from service.execution.lacks import find_lacks
from service.execution.lanes import Lane
from service.execution.open_runs import OpenRuns
from service.execution.runner import find_changed_version, pin_rest, work_lane
from service.execution.world import World


class ShareRunner(Carrier):
    """Scores what a share has left; whoever records a run's last score ends the run.

    `leaving` makes it end early. `resumed` is given for a share that was handed on: unless its run is among them, it is
    resumed on record before the first call. `lacks` names, in the end, what the run needs and this process has not;
    `opened` is when, by the monotonic clock, it had all that it needs to ask.
    """

    def __init__(
        self, world: World, share: Share, runs: OpenRuns, leaving: asyncio.Event, resumed: set[str] | None
    ) -> None:
        super().__init__(world, share.run_id)
        self.lacks: list[str] = []
        self.opened: float | None = None
        self._share = share
        self._runs = runs
        self._leaving = leaving
        self._resumed = resumed

    async def _carry(self, plan: Plan) -> None:
        self.lacks = await asyncio.to_thread(find_lacks, self._world, self._run, plan)
        if self.lacks:
            return
        if not self._run.pinned:
            await self._pin(plan)
            return
        await self._score(plan)
        if plan.fail_fast:
            await self._go_on_to_next(plan)

    async def _pin(self, plan: Plan) -> None:
        pinned = await pin_rest(self._world, self._run, plan)
        shares = share_out(self._run_id, _with(self._run, pinned), plan)
        await self._insist(lambda run, _at: pin_examples(run, pinned), shares)

    async def _ask_and_grade(self, plan: Plan) -> None:
        async with self._runs.open(self._run_id, self._run, plan) as jobs:
            self.opened = monotonic()
            own = [job for job in jobs if self._share.harness in {None, (job.suite, job.harness)}]
            lane = Lane([await cut_job(job, self._run, self._share) for job in own], self._share.calls)
            if self._resumed is not None and await lane.is_left() and self._run_id not in self._resumed:
                self._resumed.add(self._run_id)
                await self._resume()
            async with asyncio.TaskGroup() as workers:
                for _ in range(lane.workers):
                    workers.create_task(work_lane(self._world, self._run_id, lane, self._leaving))

    async def _resume(self) -> None:
        changed = find_changed_version(self._run)
        await self._insist(lambda run, _at: resume(run, self._world.process, False, changed))

    async def _go_on_to_next(self, plan: Plan) -> None:
        """Hand out the next harness once all of this one is scored: more than one process may, which does no harm."""
        shares = [share for share in share_out(self._run_id, self._run, plan) if share.harness != self._share.harness]
        if shares:
            await self._insist(lambda _run, _at: [], shares)


def _with(run: Run, pinned: ExamplesPinned) -> Run:
    """Give what a run will be once its examples are pinned."""
    after = Run()
    if run.started is not None:
        after.apply(run.started_at, run.started)
    after.apply(run.started_at, pinned)
    return after
