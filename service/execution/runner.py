"""Carries one run from where its log stands to its end."""

import asyncio
import logging
import traceback

from domain.errors import LogUnavailable, MatchspecError, NoExamples, RunClosed
from domain.events import ExamplesPinned
from domain.plan import Plan, decode_plan, name_left_out
from domain.run import MAX_CRASHES, Run, abandon, conclude, crashes_too_often, finish, is_done, pin_examples, resume
from domain.verdict import NOTHING_HELD, Held
from service.execution.jobs import find_changed_code, open_jobs, secrets_of
from service.execution.lanes import Lane, make_lanes
from service.execution.pinning import pin_plan
from service.execution.scoring import Scorer, Stopping
from service.execution.world import World
from service.version import VERSION
from service.waiting import Command

logger = logging.getLogger("matchspec.run")

RETRY_SECONDS = 1.0


class Runner:
    """Brings one run to its end, or as far as the server lives. Whatever goes wrong is recorded in the run."""

    def __init__(self, world: World, run_id: str, taken_over: bool) -> None:
        self._world = world
        self._run_id = run_id
        self._taken_over = taken_over

    async def carry(self) -> None:
        """Go on until the run is over; while the log can't be read or written, wait."""
        while (error := await self._go_on()) is not None:
            if not isinstance(error, LogUnavailable):
                await self._give_up(error)
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _go_on(self) -> Exception | None:
        try:
            await self._carry()
        except Exception as error:  # noqa: BLE001 - it is recorded in the run
            first = _first(error)
            return None if isinstance(first, RunClosed) else first
        return None

    async def _carry(self) -> None:
        plan = await self._plan()
        if self._run.cancelled:
            await self._insist(lambda run, at: finish(run, plan, at))
            return
        if self._taken_over and crashes_too_often(self._run, self._world.log.crashed):
            raise MatchspecError(f"given up: {MAX_CRASHES} crashes in a row without one new score")
        if not self._run.pinned:
            await self._pin(plan)
        if not self._run.total:
            raise NoExamples
        if not is_done(self._run, plan):
            await self._ask_and_grade(plan)
        if is_done(self._run, plan):
            held = await self._hold(plan)
            end = await asyncio.to_thread(conclude, self._run, plan, held)
            await self._insist(lambda run, at: finish(run, plan, at, held, end))

    async def _hold(self, plan: Plan) -> Held:
        if self._run.started is None or self._run.started.baseline is None:
            return NOTHING_HELD
        # Comparing brings numpy, a fifth of a start: a run without a baseline does without.
        from service.execution.baselines import hold_to_baseline  # noqa: PLC0415

        return await hold_to_baseline(self._world.log, plan, self._run)

    async def _ask_and_grade(self, plan: Plan) -> None:
        async with open_jobs(self._world, self._run, plan) as jobs:
            if self._taken_over:
                await self._take_over(plan)
            for together in [[job] for job in jobs] if plan.fail_fast else [jobs]:
                await self._work(make_lanes(together, plan.concurrency))
                if is_done(self._run, plan):
                    break

    async def _pin(self, plan: Plan) -> None:
        folder = self._world.config_folder(plan)
        harnesses = await pin_plan(plan, self._run.harnesses.values(), folder, self._world.writer)
        pinned = ExamplesPinned(harnesses=harnesses, warnings=name_left_out(harnesses))
        await self._insist(lambda run, _at: pin_examples(run, pinned))

    async def _take_over(self, plan: Plan) -> None:
        world = self._world
        changed = [*find_changed_code(world, self._run, plan), *_find_changed_version(self._run)]
        await self._insist(lambda run, _at: resume(run, world.process, world.log.crashed, changed))
        self._taken_over = False

    async def _work(self, lanes: list[Lane]) -> None:
        left = self._run.total - self._run.completed
        async with asyncio.TaskGroup() as workers:
            for lane in lanes:
                for _ in range(min(lane.workers, left)):
                    workers.create_task(self._work_lane(lane))

    async def _work_lane(self, lane: Lane) -> None:
        scorer = Scorer(self._world, self._run_id)
        try:
            while not self._world.stopping.is_set() and (taken := await lane.take()):
                await self._world.writer.writable()
                await scorer.score(*taken)
        except Stopping:
            return

    async def _insist(self, command: Command) -> None:
        await self._world.writer.insist(self._run_id, command)

    async def _give_up(self, error: Exception) -> None:
        try:
            plan = await self._plan()
        except MatchspecError:
            plan = None
        secrets = secrets_of(plan, self._world)
        expected = isinstance(error, MatchspecError)
        reason, _ = secrets.replace(str(error) if expected else f"internal error: {type(error).__name__}: {error}")
        trace = "" if expected else "\n" + "".join(traceback.format_exception(error))
        logger.error("run %s: %s%s", self._run_id, reason, secrets.replace(trace)[0])
        try:
            await self._insist(lambda run, at: abandon(run, plan, reason, at))
        except RunClosed:
            return

    @property
    def _run(self) -> Run:
        """The state as it is now: after a fault of the log it is another object."""
        run = self._world.writer.runs.get(self._run_id)
        if run is None:
            raise RunClosed
        return run

    async def _plan(self) -> Plan:
        started = self._run.started
        if started is None:
            raise RunClosed
        return decode_plan(await self._world.log.read_content(started.plan))


def _find_changed_version(run: Run) -> list[str]:
    if run.started is None or run.started.matchspec == VERSION:
        return []
    return [f"started by matchspec {run.started.matchspec}, resumed by {VERSION}"]


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
