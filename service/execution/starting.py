"""From `POST /run` to its 202: what can be wrong with a run is found here, before it is recorded."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from domain.errors import InvalidFiles, RunClosed, WrongVersion
from domain.events import Event, PinnedBaseline, PinnedHarness, Started
from domain.examples import digest
from domain.idempotency import request_digest
from domain.mistakes import Mistake
from domain.plan import (
    HarnessSource,
    Plan,
    encode_plan,
    plan_suite,
    with_timeout,
    without_left_out,
)
from domain.run import Run, start
from domain.run_id import make_run_id
from domain.written import Concurrency, Tag
from service.execution.choosing import Chosen, choose, leave_room_for_baseline, name_empty, name_without_examples
from service.execution.code import find_code
from service.execution.idempotency import HasRun, Keys
from service.execution.pinning import Pinned, pin_dataset
from service.execution.shares import Runs
from service.execution.world import World
from service.files.config import ConfigFiles, missing_variables, read_config, secret_names
from service.files.datasets import is_longer_than, read_examples
from service.files.finding import resolve_requested
from service.files.harness_file import HarnessFile
from service.files.overrides import forced_concurrency, override
from service.files.tree import show_path
from service.graders.opening import find_missing
from service.log.event_log import Content
from service.suites import OwnConfig
from service.version import VERSION
from service.waiting import Command

CHECKED_ROWS = 100_000
"""Datasets up to this size are checked and pinned before a run is accepted; larger ones by the run itself."""


class RunRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /run`; null is left out, no tags are no filter."""

    suite: str | None = None
    tags: list[Tag] | None = None
    concurrency: Concurrency | None = None
    config: str | None = None
    baseline: str | None = None


class RunOptions(NamedTuple):
    """What the command line adds: a time limit for every attempt, `fail_fast`, the name of the run, `of_paths`."""

    timeout_seconds: float | None = None
    fail_fast: bool = False
    run_id: str | None = None
    of_paths: bool = False


class Caller(NamedTuple):
    """Who asked for a run, and with which `Idempotency-Key`."""

    address: str | None
    user_agent: str | None
    idempotency_key: str | None = None


class Starter:
    """Accepts runs."""

    def __init__(self, world: World, queue: Runs, config: OwnConfig, clock: Callable[[], datetime], keys: Keys) -> None:
        self._world = world
        self._queue = queue
        self._config = config
        self._clock = clock
        self._keys = keys

    async def start(self, request: RunRequest, caller: Caller, options: RunOptions | None = None) -> str:
        """Check a request, record its run and queue it; gives the run's id, which may be that of an earlier request
        with the same key.

        Raises a Refused or SuiteNotFound, and then nothing was started; after LogUnavailable it may have been.
        """
        if caller.idempotency_key is None:
            return await self._start(request, caller, options or RunOptions())
        # a key's start is brought to its end even where its caller is cancelled: until then the key is not free
        starting = asyncio.create_task(self._start_once(caller.idempotency_key, request, caller))
        starting.add_done_callback(_take_error)
        return await asyncio.shield(starting)

    async def _start_once(self, key: str, request: RunRequest, caller: Caller) -> str:
        async with self._keys.turn(key):
            try:
                self._keys.check(key, request_digest(request))
                return await self._start(request, caller, RunOptions())
            except HasRun as known:
                return known.run_id

    async def _start(self, request: RunRequest, caller: Caller, added: RunOptions) -> str:
        with self._queue.place():
            files = await self._read(request.config)
            self._world.secret_names.update(secret_names(files))
            chosen = choose(files, request.suite)
            check_needs([harness for one in chosen for harness in one.harnesses], self._world.environment)
            baseline = await self._pin_baseline(request.baseline, chosen) if request.baseline is not None else None
            pinned = await self._pin(chosen, request.tags or [])
            warnings = name_empty(chosen) + name_without_examples(pinned, request.suite)
            plan = _apply(added, without_left_out(self._plan(files, chosen, request), pinned))
            content = encode_plan(plan)
            await self._world.writer.store([Content(digest(content), content)])
            started = _started(plan, digest(content), pinned, request, caller, baseline, warnings)
            run_id = await self.record(started, plan, added.run_id)
        self._queue.put(run_id)
        return run_id

    async def _read(self, config: str | None) -> ConfigFiles:
        if config is None:
            return await self._config.load()
        return await asyncio.to_thread(lambda: read_config(resolve_requested(config, self._world.root)))

    async def _pin_baseline(self, run_id: str, chosen: Sequence[Chosen]) -> PinnedBaseline:
        # Comparing brings numpy, a fifth of a start: a server whose runs have no baseline does without.
        from service.execution.baselines import pin_baseline  # noqa: PLC0415

        leave_room_for_baseline(chosen)
        async with self._world.old_runs.open(run_id) as old:
            return await pin_baseline(old, self._world.writer)

    async def _pin(self, chosen: Sequence[Chosen], tags: Sequence[str]) -> list[PinnedHarness]:
        datasets: dict[object, Pinned | None] = {}
        pinned = []
        for suite, harnesses in chosen:
            for harness in harnesses:
                source = harness.dataset or harness.path
                if source not in datasets:
                    datasets[source] = await self._pin_dataset(harness)
                content = datasets[source]
                waiting = PinnedHarness(suite=suite.name, harness=harness.spec.name, repeats=harness.spec.repeats)
                pinned.append(content.fill(waiting, suite.tags, tags) if content else waiting)
        return pinned

    async def _pin_dataset(self, harness: HarnessFile) -> Pinned | None:
        if await asyncio.to_thread(is_longer_than, harness, CHECKED_ROWS):
            return None
        return await pin_dataset(partial(read_examples, harness), self._world.writer)

    def _plan(self, files: ConfigFiles, chosen: Sequence[Chosen], request: RunRequest) -> Plan:
        environment = self._world.environment
        config = override(files.config, environment)
        concurrency = forced_concurrency(environment)
        return Plan(
            config=relative(files.path, self._world.root),
            suites=[
                plan_suite(suite, list(map(_source, harnesses)), config.defaults, config.statistics, concurrency)
                for suite, harnesses in chosen
            ],
            tags=request.tags or [],
            concurrency=request.concurrency,
        )

    async def record(self, started: Started, plan: Plan, run_id: str | None) -> str:
        """Record the start of a run, under a new id unless one is given; gives the id."""

        def begin(run: Run, _at: str) -> list[Event]:
            # a commit that seemed to fail may have shown the key's run since the first look
            self._keys.check(started.idempotency_key, started.request_digest)
            return start(run, started)

        if run_id is not None:
            await self._begin(run_id, begin, started, plan)
            return run_id
        while True:
            run_id = make_run_id(self._clock(), self._world.draw(0x10000))
            try:
                await self._begin(run_id, begin, started, plan)
            except (WrongVersion, RunClosed):
                continue
            return run_id

    async def _begin(self, run_id: str, begin: Command, started: Started, plan: Plan) -> None:
        """Record a start, and hand out in the same transaction what there is to work on."""
        run = Run()
        run.apply("", started)
        await self._world.writer.do(run_id, begin, self._queue.share_out(run_id, run, plan))


def _take_error(starting: asyncio.Task[str]) -> None:
    """What a start raises is told to its caller; once that is gone, to nobody."""
    if not starting.cancelled():
        starting.exception()


def check_needs(harnesses: Sequence[HarnessFile], environment: Mapping[str, str]) -> None:
    """Raise InvalidFiles with every variable, script and package that the harnesses need and this machine lacks."""
    mistakes = missing_variables(harnesses, environment)
    mistakes += [
        Mistake(fault.message, harness.file, harness.line_of(*fault.place), show_path(fault.place))
        for harness in harnesses
        for index, grader in enumerate(harness.spec.graders)
        for fault in find_missing(grader, harness.folder, ("graders", index))
    ]
    if mistakes:
        raise InvalidFiles(mistakes)


def _started(
    plan: Plan,
    name: str,
    pinned: Sequence[PinnedHarness],
    request: RunRequest,
    caller: Caller,
    baseline: PinnedBaseline | None,
    warnings: list[str],
) -> Started:
    return Started(
        mode="run",
        suite=request.suite,
        suites=[suite.name for suite in plan.suites],
        tags=plan.tags,
        concurrency=plan.concurrency,
        plan=name,
        harnesses=[harness for harness in pinned if harness.examples != 0],
        matchspec=VERSION,
        client=caller.address,
        user_agent=caller.user_agent,
        idempotency_key=caller.idempotency_key,
        request_digest=request_digest(request) if caller.idempotency_key is not None else None,
        baseline=baseline,
        warnings=warnings,
    )


def _apply(options: RunOptions, plan: Plan) -> Plan:
    if options.timeout_seconds is not None:
        plan = with_timeout(plan, options.timeout_seconds)
    return replace(plan, fail_fast=options.fail_fast, of_paths=options.of_paths)


def _source(harness: HarnessFile) -> HarnessSource:
    spec = harness.spec
    code = find_code(spec.model, spec.graders, harness.folder)
    dataset = harness.dataset.file if harness.dataset else "(inline)"
    return HarnessSource(harness.file, dataset, spec, code)


def relative(path: Path, root: Path) -> str:
    """Name a configuration as plans do: relative to the root, where it stands below."""
    resolved, base = path.resolve(), root.resolve()
    return str(resolved.relative_to(base)) if resolved.is_relative_to(base) else str(resolved)
