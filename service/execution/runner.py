"""Carries one run, all of it, from where its log stands to its end."""

import asyncio

from domain.errors import MatchspecError
from domain.events import ExamplesPinned
from domain.plan import Plan, name_left_out
from domain.run import GIVEN_UP, Run, crashes_too_often, is_done, pin_examples, resume
from service.execution.carrying import Carrier
from service.execution.jobs import find_changed_code, open_jobs
from service.execution.lanes import Lane, make_lanes
from service.execution.permits import Stopping
from service.execution.pinning import pin_plan
from service.execution.scoring import Scorer
from service.execution.world import World
from service.version import VERSION


class Runner(Carrier):
    """Brings one run to its end, or as far as the server lives."""

    def __init__(self, world: World, run_id: str, taken_over: bool) -> None:
        super().__init__(world, run_id)
        self._taken_over = taken_over

    async def _carry(self, plan: Plan) -> None:
        if self._taken_over and crashes_too_often(self._run, self._world.log.crashed):
            raise MatchspecError(GIVEN_UP)
        if not self._run.pinned:
            await self._pin(plan)
        await self._score(plan)

    async def _ask_and_grade(self, plan: Plan) -> None:
        async with open_jobs(self._world, self._run, plan) as jobs:
            if self._taken_over:
                await self._take_over(plan)
            for together in [[job] for job in jobs] if plan.fail_fast else [jobs]:
                await self._work(make_lanes(together, plan.concurrency))
                if is_done(self._run, plan):
                    break

    async def _pin(self, plan: Plan) -> None:
        pinned = await pin_rest(self._world, self._run, plan)
        await self._insist(lambda run, _at: pin_examples(run, pinned))

    async def _take_over(self, plan: Plan) -> None:
        world = self._world
        changed = [*find_changed_code(world, self._run, plan), *find_changed_version(self._run)]
        await self._insist(lambda run, _at: resume(run, world.process, world.log.crashed, changed))
        self._taken_over = False

    async def _work(self, lanes: list[Lane]) -> None:
        left = self._run.total - self._run.completed
        async with asyncio.TaskGroup() as workers:
            for lane in lanes:
                for _ in range(min(lane.workers, left)):
                    workers.create_task(work_lane(self._world, self._run_id, lane, self._world.stopping))


async def work_lane(world: World, run_id: str, lane: Lane, leaving: asyncio.Event) -> None:
    """Bring one example after another to its score, until none is left or `leaving` is set."""
    scorer = Scorer(world, run_id)
    try:
        while not leaving.is_set() and (taken := await lane.take()):
            await world.writer.writable()
            await scorer.score(*taken)
    except Stopping:
        return


async def pin_rest(world: World, run: Run, plan: Plan) -> ExamplesPinned:
    """Pin the datasets that were too large for the start of the run."""
    harnesses = await pin_plan(plan, run.harnesses.values(), world.config_folder(plan), world.writer)
    return ExamplesPinned(harnesses=harnesses, warnings=name_left_out(harnesses))


def find_changed_version(run: Run) -> list[str]:
    """Tell whether another version of this program started the run."""
    if run.started is None or run.started.matchspec == VERSION:
        return []
    return [f"started by matchspec {run.started.matchspec}, resumed by {VERSION}"]
