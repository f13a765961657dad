"""What all that works on a run has in common: its state, its plan, its end, and the record of whatever goes wrong."""

import asyncio
import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence

from domain.errors import LogUnavailable, MatchspecError, NoExamples, RunClosed
from domain.plan import Plan, decode_plan
from domain.run import Run, abandon, conclude, finish, is_done
from domain.share import Share
from domain.verdict import NOTHING_HELD, Held
from service.execution.jobs import secrets_of
from service.execution.world import World
from service.waiting import Command

logger = logging.getLogger("matchspec.run")

RETRY_SECONDS = 1.0


class Carrier(ABC):
    """Works on one run. Whatever goes wrong is recorded in the run."""

    def __init__(self, world: World, run_id: str) -> None:
        self._world = world
        self._run_id = run_id

    async def carry(self) -> None:
        """Go on until there is nothing left to do; while the log can't be read or written, wait."""
        while (error := await self._go_on()) is not None:
            if not isinstance(error, LogUnavailable):
                await self._give_up(error)
                return
            await asyncio.sleep(RETRY_SECONDS)

    @abstractmethod
    async def _carry(self, plan: Plan) -> None:
        """Do what there is to do; whatever it raises but RunClosed and LogUnavailable ends the run."""

    @abstractmethod
    async def _ask_and_grade(self, plan: Plan) -> None:
        """Score what is left, once all is pinned."""

    async def _go_on(self) -> Exception | None:
        try:
            plan = await self._plan()
            if self._run.cancelled:
                await self._insist(lambda run, at: finish(run, plan, at))
            else:
                await self._carry(plan)
        except Exception as error:  # noqa: BLE001 - it is recorded in the run
            first = _first(error)
            return None if isinstance(first, RunClosed) else first
        return None

    async def _score(self, plan: Plan) -> None:
        """Score what is left, and end the run once nothing is."""
        if not self._run.total:
            raise NoExamples
        if not is_done(self._run, plan):
            await self._ask_and_grade(plan)
        if is_done(self._run, plan):
            await self._conclude(plan)

    async def _conclude(self, plan: Plan) -> None:
        held = await self._hold(plan)
        end = await asyncio.to_thread(conclude, self._run, plan, held)
        await self._insist(lambda run, at: finish(run, plan, at, held, end))

    async def _hold(self, plan: Plan) -> Held:
        if self._run.started is None or self._run.started.baseline is None:
            return NOTHING_HELD
        # Comparing brings numpy, a fifth of a start: a run without a baseline does without.
        from service.execution.baselines import hold_to_baseline  # noqa: PLC0415

        return await hold_to_baseline(self._world.log, plan, self._run)

    async def _insist(self, command: Command, shares: Sequence[Share] = ()) -> None:
        await self._world.writer.insist(self._run_id, command, shares)

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


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
