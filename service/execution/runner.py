"""Carries one run from where its log stands to its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx

from domain.errors import LogUnavailable, MatchspecError, NoExamples, RunClosed
from domain.events import Event, ExampleScored, ExamplesPinned
from domain.examples import Example, decode_manifest, is_selected
from domain.plan import Plan, PlannedHarness, PlannedSuite, decode_plan
from domain.run import MAX_CRASHES, Run, abandon, crashes_too_often, finish, pin_examples, record_score, resume
from domain.secrets import Secrets, named_variables
from domain.spec import CommandModel
from service.execution.attempts import Patience, ask_patiently
from service.execution.grading import named_graders, score_example
from service.execution.lanes import Job, Lane, make_lanes
from service.execution.pinning import pin_plan
from service.execution.rows import Rows
from service.execution.slots import CallSlots
from service.log.event_log import EventLog
from service.models.model import open_model
from service.models.scripts import scripts_of
from service.version import VERSION
from service.writer import Command, Writer

logger = logging.getLogger("matchspec.run")


class World(NamedTuple):
    """What a run needs of the world. `root` is the folder the plan's paths are relative to."""

    log: EventLog
    writer: Writer
    slots: CallSlots
    transport: httpx.AsyncBaseTransport
    environment: Mapping[str, str]
    root: Path
    process: str


class _Stopping(Exception):
    """The server stops: no new call."""


class Runner:
    """Runs runs. After `stop`, workers end once the call in their hands is recorded."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stopping = False

    def stop(self) -> None:
        """Make no new call."""
        self._stopping = True

    async def carry(self, run_id: str, taken_over: bool) -> None:
        """Bring a run to its end, or as far as the server lives. Whatever goes wrong is recorded in the run."""
        try:
            await self._carry(run_id, taken_over)
        except RunClosed:
            return
        except (MatchspecError, ExceptionGroup) as error:
            await self._give_up(run_id, error)
        except Exception as error:
            logger.exception("run %s failed", run_id)
            await self._give_up(run_id, error)

    async def _carry(self, run_id: str, taken_over: bool) -> None:
        plan = await self._plan(run_id)
        if taken_over and crashes_too_often(self._run(run_id), self._world.log.crashed):
            raise MatchspecError(f"given up: {MAX_CRASHES} crashes in a row without one new score")
        if not self._run(run_id).pinned:
            await self._pin(run_id, plan)
        if not self._run(run_id).total:
            raise NoExamples
        jobs = [await self._open_job(run_id, plan, *asked) for asked in _asked(plan, self._run(run_id))]
        if taken_over and not _complete(self._run(run_id)):
            await self._take_over(run_id, plan)
        await self._work(run_id, make_lanes(jobs, plan.concurrency))
        if _complete(self._run(run_id)):
            await self._record(run_id, lambda run, at: finish(run, plan, at))

    async def _take_over(self, run_id: str, plan: Plan) -> None:
        asked = _asked(plan, self._run(run_id))
        changed = [change for _, harness in asked for change in self._changes(plan, harness)]
        changed += self._version_change(run_id)
        world = self._world
        await self._record(run_id, lambda run, _at: resume(run, world.process, world.log.crashed, changed))

    async def _pin(self, run_id: str, plan: Plan) -> None:
        harnesses = await pin_plan(plan, self._run(run_id).harnesses.values(), self._folder(plan), self._world.writer)
        await self._record(run_id, lambda run, _at: pin_examples(run, ExamplesPinned(harnesses=harnesses)))

    async def _open_job(self, run_id: str, plan: Plan, suite: PlannedSuite, harness: PlannedHarness) -> Job:
        world, run, key = self._world, self._run(run_id), (suite.name, harness.name)
        manifest = decode_manifest(await world.log.read_content(run.harnesses[key].manifest or ""))
        selects = partial(_selects, frozenset(suite.tags), frozenset(plan.tags))
        folder = (self._folder(plan) / harness.file).parent
        return Job(
            suite=suite.name,
            harness=harness.name,
            ask=open_model(harness.model, folder=folder, environment=world.environment, transport=world.transport),
            patience=_patience(harness),
            graders=named_graders(suite, harness),
            secrets=_secrets(harness, world.environment),
            rows=Rows(world.log, manifest, bytes(run.recorded[key]), selects),
            workers=harness.concurrency,
        )

    async def _work(self, run_id: str, lanes: list[Lane]) -> None:
        left = self._run(run_id).total - self._run(run_id).completed
        async with asyncio.TaskGroup() as workers:
            for lane in lanes:
                for _ in range(min(lane.workers, left)):
                    workers.create_task(self._work_lane(run_id, lane))

    async def _work_lane(self, run_id: str, lane: Lane) -> None:
        while not self._stopping and (taken := await lane.take()):
            job, asked = taken
            await self._world.writer.writable()
            try:
                answer = await ask_patiently(job.ask, asked.example.input, job.patience, partial(self._slot, run_id))
            except _Stopping:
                return
            scored = score_example(job.suite, job.harness, job.graders, job.secrets, asked, answer)
            await self._record(run_id, partial(_record_score, scored))

    @asynccontextmanager
    async def _slot(self, run_id: str) -> AsyncIterator[None]:
        async with self._world.slots.call(run_id):
            if self._stopping:
                raise _Stopping
            yield

    async def _record(self, run_id: str, command: Command) -> None:
        while True:
            try:
                return await self._world.writer.do(run_id, command)
            except LogUnavailable:
                await self._world.writer.writable()

    async def _give_up(self, run_id: str, error: Exception) -> None:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        reason = str(error) if isinstance(error, MatchspecError) else f"internal error: {type(error).__name__}: {error}"
        logger.error("run %s: %s", run_id, reason)
        try:
            plan = await self._plan(run_id)
        except MatchspecError:
            plan = None
        await self._record(run_id, lambda run, at: abandon(run, plan, reason, at))

    def _run(self, run_id: str) -> Run:
        run = self._world.writer.runs.get(run_id)
        if run is None:
            raise RunClosed
        return run

    async def _plan(self, run_id: str) -> Plan:
        started = self._run(run_id).started
        return decode_plan(await self._world.log.read_content(started.plan if started else ""))

    def _folder(self, plan: Plan) -> Path:
        return (self._world.root / plan.config).parent

    def _changes(self, plan: Plan, harness: PlannedHarness) -> list[str]:
        if not isinstance(harness.model, CommandModel):
            return []
        now = scripts_of(harness.model, (self._folder(plan) / harness.file).parent)
        changed = sorted(name for name in now.keys() | harness.code.keys() if now.get(name) != harness.code.get(name))
        return [f"harness '{harness.name}': {name} has changed since the run started" for name in changed]

    def _version_change(self, run_id: str) -> list[str]:
        started = self._run(run_id).started
        if started is None or started.matchspec == VERSION:
            return []
        return [f"started by matchspec {started.matchspec}, resumed by {VERSION}"]


def _asked(plan: Plan, run: Run) -> list[tuple[PlannedSuite, PlannedHarness]]:
    return [
        (suite, harness)
        for suite in plan.suites
        for harness in suite.harnesses
        if (suite.name, harness.name) in run.tallies
    ]


def _record_score(scored: ExampleScored, run: Run, _at: str) -> list[Event]:
    return record_score(run, scored)


def _complete(run: Run) -> bool:
    return run.completed == run.total


def _selects(suite_tags: frozenset[str], request_tags: frozenset[str], example: Example) -> bool:
    return is_selected(example.tags, suite_tags, request_tags)


def _patience(harness: PlannedHarness) -> Patience:
    own = harness.model.timeout_seconds if isinstance(harness.model, CommandModel) else None
    return Patience(own or harness.timeout_seconds, harness.retries, harness.retry_delay_ms)


def _secrets(harness: PlannedHarness, environment: Mapping[str, str]) -> Secrets:
    return Secrets({name: environment[name] for name in named_variables(harness.model) if name in environment})
