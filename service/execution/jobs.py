"""A harness at work, built from what the log has pinned."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from domain.examples import Example, decode_manifest, is_selected
from domain.plan import Plan, PlannedHarness, PlannedSuite
from domain.run import Run
from domain.secrets import Secrets, named_variables
from domain.spec import CommandModel
from service.execution.attempts import Patience
from service.execution.grading import NamedGrader, named_graders
from service.execution.rows import Rows
from service.execution.world import World
from service.models.model import Ask, open_model
from service.models.scripts import scripts_of


class Job(NamedTuple):
    """Whom to ask, how to grade, and what is left to ask; `workers` at once."""

    suite: str
    harness: str
    ask: Ask
    patience: Patience
    graders: Sequence[NamedGrader]
    secrets: Secrets
    rows: Rows
    workers: int


async def open_jobs(world: World, run: Run, plan: Plan) -> list[Job]:
    """Prepare every harness of a run; ModelError where one can't be asked at all."""
    return [await _open_job(world, run, plan, *asked) for asked in _asked(plan, run)]


def find_changed_scripts(world: World, run: Run, plan: Plan) -> list[str]:
    """Tell which scripts of command models are not what they were when the run started."""
    return [
        f"harness '{harness.name}': {script} has changed since the run started"
        for _, harness in _asked(plan, run)
        for script in _changed_scripts(world, plan, harness)
    ]


async def _open_job(world: World, run: Run, plan: Plan, suite: PlannedSuite, harness: PlannedHarness) -> Job:
    key = (suite.name, harness.name)
    manifest = decode_manifest(await world.log.read_content(run.harnesses[key].manifest or ""))
    folder = world.harness_folder(plan, harness)
    return Job(
        suite=suite.name,
        harness=harness.name,
        ask=open_model(harness.model, folder=folder, environment=world.environment, transport=world.transport),
        patience=_patience(harness),
        graders=named_graders(suite, harness),
        secrets=_secrets(plan, world.environment),
        rows=Rows(
            world.log,
            manifest,
            bytes(run.recorded[key]),
            partial(_selects, frozenset(suite.tags), frozenset(plan.tags)),
        ),
        workers=harness.concurrency,
    )


def _asked(plan: Plan, run: Run) -> list[tuple[PlannedSuite, PlannedHarness]]:
    return [
        (suite, harness)
        for suite in plan.suites
        for harness in suite.harnesses
        if (suite.name, harness.name) in run.tallies
    ]


def _changed_scripts(world: World, plan: Plan, harness: PlannedHarness) -> list[str]:
    if not isinstance(harness.model, CommandModel):
        return []
    now = scripts_of(harness.model, world.harness_folder(plan, harness))
    return sorted(name for name in now.keys() | harness.code.keys() if now.get(name) != harness.code.get(name))


def _selects(suite_tags: frozenset[str], request_tags: frozenset[str], example: Example) -> bool:
    return is_selected(example.tags, suite_tags, request_tags)


def _patience(harness: PlannedHarness) -> Patience:
    own = harness.model.timeout_seconds if isinstance(harness.model, CommandModel) else None
    return Patience(own or harness.timeout_seconds, harness.retries, harness.retry_delay_ms)


def _secrets(plan: Plan, environment: Mapping[str, str]) -> Secrets:
    """Those of all harnesses: a command's environment holds them all."""
    named = {name for suite in plan.suites for harness in suite.harnesses for name in named_variables(harness.model)}
    return Secrets({name: environment[name] for name in named if name in environment})
