"""Keeps the runs going on which several processes work: whatever happens to one of those, each share has someone."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from domain.errors import LogError, RunClosed
from domain.events import Event
from domain.plan import Plan, decode_plan
from domain.run import GIVEN_UP, Run, abandon, crashes_too_often, resume
from domain.share import Outcome, Refused, share_out
from service.execution.jobs import secrets_of
from service.execution.shares import Shares
from service.execution.world import World
from service.sharing.engine import UNREACHABLE, Engine, Taken

logger = logging.getLogger("matchspec.run")

LOOK_SECONDS = 2.0
WAY_SECONDS = 0.5
"""So often it is looked whether another run should have its turn."""
SILENT_SECONDS = 30.0
"""A run of which nothing was recorded for so long is looked at: where its shares were lost, they go out again."""


class Keeper:
    """Takes shares for this process, and looks every now and then after those of all."""

    def __init__(self, world: World, shares: Shares, engine: Engine, calls: int) -> None:
        self._world = world
        self._shares = shares
        self._engine = engine
        self._calls = calls
        self._stalled: set[int] = set()
        self._refused: set[str] = set()
        self._heard: dict[str, tuple[int, float]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Begin to work."""
        self._tasks = [asyncio.create_task(self._repeat(self._look, LOOK_SECONDS), name="looking after shares")]
        if self._calls:
            self._engine.begin(self._take, self._shares.lose, self._calls)
            self._tasks.append(asyncio.create_task(self._repeat(self._make_way, WAY_SECONDS), name="making way"))

    async def stop(self) -> None:
        """Give back what this process works on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._engine.stop(), self._shares.stop())

    async def _take(self, taken: Taken) -> Outcome:
        outcome = await self._shares.work(taken.share, handed_on=taken.handed_on)
        if isinstance(outcome, Refused):
            self._note_refused(taken.share.run_id, outcome.lacks)
            missing = await self._engine.refuse(taken, outcome.lacks)
            if missing:
                await self._end(taken.share.run_id, missing)
                return None
        return outcome

    def _note_refused(self, run_id: str, lacks: Sequence[str]) -> None:
        if run_id not in self._refused:
            logger.warning("run %s is left to other workers: %s", run_id, "; ".join(lacks))
            self._refused.add(run_id)

    async def _end(self, run_id: str, missing: Sequence[str]) -> None:
        plan = await self._plan(run_id)
        said = f"no worker can take the run: {'; '.join(missing)}"
        reason, _ = secrets_of(plan, self._world).replace(said)
        logger.error("run %s: %s", run_id, reason)
        try:
            await self._world.writer.insist(run_id, lambda run, at: abandon(run, plan, reason, at))
        except RunClosed:
            return

    async def _repeat(self, look: Callable[[], Awaitable[None]], seconds: float) -> None:
        while not self._world.stopping.is_set():
            await asyncio.sleep(seconds)
            try:
                await self._try(look)
            except (LogError, RunClosed, *UNREACHABLE) as error:
                logger.debug("%s", error)
            except Exception:
                logger.exception("looking after shares failed; it is looked again")

    async def _try(self, look: Callable[[], Awaitable[None]]) -> None:
        try:
            await look()
        except UNREACHABLE as error:
            await self._engine.mend(error)
            raise

    async def _look(self) -> None:
        await self._hand_on_of_dead()
        await self._engine.give_back_strays()
        await self._hand_out_lost()
        over = self._refused - self._world.writer.runs.keys()
        if over:
            await self._engine.forget_refusals(over)
            self._refused -= over

    async def _hand_on_of_dead(self) -> None:
        """Hand on what was stalled at two looks: after the database was away, all are silent at the first."""
        stalled = set(await self._engine.find_stalled())
        twice, self._stalled = stalled & self._stalled, stalled
        if not twice:
            return
        async with self._engine.alone() as alone:
            if not alone:
                return
            dead: defaultdict[str, list[int]] = defaultdict(list)
            for number, share in (await self._engine.find_stalled()).items():
                if number in twice:
                    dead[share.run_id].append(number)
            for run_id, numbers in dead.items():
                await self._note_crash(run_id)
                await self._engine.hand_on(numbers)

    async def _note_crash(self, run_id: str) -> None:
        await self._world.writer.look()
        if run_id not in self._world.writer.runs:
            return
        plan = await self._plan(run_id)
        process = self._world.process

        def take_up(run: Run, at: str) -> Sequence[Event]:
            if crashes_too_often(run, crashed=True):
                return abandon(run, plan, GIVEN_UP, at)
            return resume(run, process, True, [])

        try:
            await self._world.writer.do(run_id, take_up)
        except RunClosed:
            return

    async def _make_way(self) -> None:
        """Let runs have the turn that are less far than those this process works on, once it has no room left."""
        if self._engine.full and self._shares.is_ahead:
            await self._engine.rank(self._shares.progress())
            self._shares.make_way(await self._engine.waiting(self._shares.taken))

    async def _hand_out_lost(self) -> None:
        now = monotonic()
        runs = self._world.writer.runs
        self._heard = {
            run_id: heard if (heard := self._heard.get(run_id)) and heard[0] == run.version else (run.version, now)
            for run_id, run in runs.items()
        }
        for run_id, (version, since) in list(self._heard.items()):
            if now - since > SILENT_SECONDS and (run := runs.get(run_id)):
                self._heard[run_id] = (version, now)
                shares = share_out(run_id, run, await self._plan(run_id))
                async with self._engine.alone() as alone:
                    if alone:
                        await self._engine.hand_out_again(shares)

    async def _plan(self, run_id: str) -> Plan:
        run = self._world.writer.runs.get(run_id)
        if run is None or run.started is None:
            raise RunClosed
        return decode_plan(await self._world.log.read_content(run.started.plan))
