"""From `POST /results/{id}/regrade` to its 202: today's graders and thresholds for what an old run recorded."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from domain.errors import ConfigNotAllowed
from domain.events import Started
from domain.examples import digest
from domain.model_spec import NoopModel
from domain.plan import HarnessSource, Plan, PlannedSuite, encode_plan, plan_suite
from domain.regrade import Key, Regrade, plan_regrade
from service.execution.code import find_code
from service.execution.old_runs import OldRun
from service.execution.pinning import copy_examples
from service.execution.shares import Runs
from service.execution.starting import Caller, Starter, check_needs, relative
from service.execution.world import World
from service.files.config import ConfigFiles, read_config, secret_names
from service.files.finding import resolve_requested
from service.files.harness_file import HarnessFile
from service.files.harness_search import read_paths
from service.files.overrides import forced_concurrency, override
from service.log.event_log import Content
from service.version import VERSION


class RegradeOptions(NamedTuple):
    """What the command line adds: the name of the new run; with `own_config`, the old run's config is not looked for.

    A run of paths has none; from `config` it has defaults and statistics only.
    """

    run_id: str | None = None
    own_config: bool = False


class Regrader:
    """Accepts runs that grade recorded outputs anew. `config` is the path of the service's own configuration."""

    def __init__(self, world: World, queue: Runs, starter: Starter, config: Path) -> None:
        self._world = world
        self._queue = queue
        self._starter = starter
        self._config = config

    async def start(self, run_id: str, caller: Caller, options: RegradeOptions | None = None) -> str:
        """Check what is to be graded, record the new run and queue it; gives its id.

        Raises RunNotFound, RunNotOver, SuiteNotFound, another Refused or LogUnavailable; then nothing was started.
        """
        added = options or RegradeOptions()
        with self._queue.place():
            async with self._world.old_runs.open(run_id) as old:
                files = await asyncio.to_thread(self._read_files, old, own=added.own_config)
                self._world.secret_names.update(secret_names(files))
                regrade = await self._plan(old, files)
                await copy_examples(regrade.harnesses, old.log, self._world)
            content = encode_plan(regrade.plan)
            await self._world.writer.store([Content(digest(content), content)])
            started = _started(old, regrade, digest(content), caller)
            new = await self._starter.record(started, regrade.plan, added.run_id)
        self._queue.put(new)
        return new

    async def _plan(self, old: OldRun, files: ConfigFiles) -> Regrade:
        config = relative(files.path, self._world.root)
        today = _plan_today(files, old.plan, self._world.environment)
        regrade = plan_regrade(await old.describe(), today, config)
        kept = {(harness.suite, harness.harness) for harness in regrade.harnesses}
        check_needs(list(_graders_of(files, kept)), self._world.environment)
        return regrade

    def _read_files(self, old: OldRun, *, own: bool) -> ConfigFiles:
        """Read the configuration of the old run as it is today; its datasets may be gone, they are in the log."""
        world, plan = self._world, old.plan
        if plan.of_paths:
            return self._read_paths(plan)
        if own or (world.root / plan.config).resolve() == self._config.resolve():
            return read_config(self._config, needs_datasets=False)
        try:
            path = resolve_requested(plan.config, world.root)
        except ConfigNotAllowed:
            what = f"the configuration of {old.run_id}, {plan.config},"
            raise ConfigNotAllowed(f"{what} is no readable file below {world.root} any more") from None
        return read_config(path, needs_datasets=False)

    def _read_paths(self, plan: Plan) -> ConfigFiles:
        folder = self._world.config_folder(plan)
        there = [suite.name for suite in plan.suites if (folder / suite.name).exists()]
        base = read_config(self._config, needs_datasets=False).config if self._config.is_file() else None
        return read_paths(there, folder, base, needs_datasets=False)


def _plan_today(files: ConfigFiles, old: Plan, environment: Mapping[str, str]) -> list[PlannedSuite]:
    """Resolve the settings of those of today's suites that the old run had; of code, only that of graders counts."""
    config, concurrency = override(files.config, environment), forced_concurrency(environment)
    names = {suite.name for suite in old.suites}
    return [
        plan_suite(suite, list(map(_source, harnesses)), config.defaults, config.statistics, concurrency)
        for suite, harnesses in files.suites()
        if suite.name in names
    ]


def _source(harness: HarnessFile) -> HarnessSource:
    code = find_code(NoopModel(), harness.spec.graders, harness.folder)
    return HarnessSource(harness.file, "", harness.spec, code)


def _graders_of(files: ConfigFiles, kept: set[Key]) -> Iterator[HarnessFile]:
    """Give the harness files that grade, without their models: what those need is not needed."""
    for suite, harnesses in files.suites():
        for harness in harnesses:
            if (suite.name, harness.spec.name) in kept:
                yield harness._replace(spec=replace(harness.spec, model=NoopModel()))


def _started(old: OldRun, regrade: Regrade, plan: str, caller: Caller) -> Started:
    return Started(
        mode="regrade",
        suite=old.started.suite,
        suites=[suite.name for suite in regrade.plan.suites],
        tags=regrade.plan.tags,
        concurrency=None,
        plan=plan,
        harnesses=regrade.harnesses,
        matchspec=VERSION,
        client=caller.address,
        user_agent=caller.user_agent,
        regrades=old.run_id,
        warnings=regrade.warnings,
    )
