"""A harness at work, built from what the log has pinned."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from operator import or_
from pathlib import Path
from typing import NamedTuple, assert_never

from domain.examples import Example, decode_manifest, is_selected
from domain.grader_spec import TextGrader, grader_name
from domain.graders import make_estimate, make_grader
from domain.marks import marks_of
from domain.model_spec import CommandModel, EchoModel, HttpModel, Model, NoopModel, OpenAIModel
from domain.plan import Plan, PlannedHarness, PlannedSuite
from domain.run import Key, Run
from domain.secrets import Secrets, grader_variables, named_variables
from domain.share import Share
from service.execution.attempts import Patience, Service
from service.execution.code import find_code
from service.execution.grading import Graders, OpenGrader, PureGrader
from service.execution.old_runs import OldOutputs, OldRun
from service.execution.permits import Permits
from service.execution.rows import Progress, Rows
from service.execution.world import World
from service.graders.opening import GraderOpener, GraderWorld
from service.models.model import open_model


class Job(NamedTuple):
    """Where answers come from, how to grade, and what is left to ask; `workers` at once."""

    suite: str
    harness: str
    source: Service | OldOutputs
    graders: Graders
    secrets: Secrets
    rows: Rows
    workers: int


@asynccontextmanager
async def open_jobs(world: World, run: Run, plan: Plan) -> AsyncIterator[list[Job]]:
    """Prepare every harness of a run; ModelError or GraderError where one can't be used at all."""
    secrets = secrets_of(plan, world)
    opener = GraderOpener(GraderWorld(world.environment, world.send, secrets, world.draw, world.measures))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(opener.close)
        regrades = run.started.regrades if run.started else None
        old = await stack.enter_async_context(world.old_runs.open(regrades)) if regrades else None
        yield [await _open_job(world, run, plan, old, opener, secrets, *asked) for asked in _asked(plan, run)]


async def cut_job(job: Job, run: Run, share: Share) -> Job:
    """Narrow a harness at work down to what a share of the run has still to ask."""
    key = (job.suite, job.harness)
    return job._replace(rows=job.rows.of(await _progress(run, key, job.source), share.rows), workers=share.calls)


def find_changed_code(world: World, run: Run, plan: Plan) -> list[str]:
    """Tell which scripts of commands and graders of the user's own are not what they were when the run started."""
    return [
        f"harness '{harness.name}': {script} has changed since the run started"
        for _, harness in _asked(plan, run)
        for script in _changed_code(world, run, plan, harness)
    ]


async def _open_job(
    world: World,
    run: Run,
    plan: Plan,
    old: OldRun | None,
    opener: GraderOpener,
    secrets: Secrets,
    suite: PlannedSuite,
    harness: PlannedHarness,
) -> Job:
    key = (suite.name, harness.name)
    manifest = decode_manifest(await world.log.read_content(run.harnesses[key].manifest or ""))
    folder = world.harness_folder(plan, harness)
    source = old.outputs(key) if old else _open_service(world, harness, folder)
    return Job(
        suite=suite.name,
        harness=harness.name,
        source=source,
        graders=_open_graders(opener, suite, harness, folder),
        secrets=secrets,
        rows=Rows(world.log, manifest, await _progress(run, key, source), _selects(suite.tags, plan.tags)),
        workers=harness.concurrency,
    )


def _open_service(world: World, harness: PlannedHarness, folder: Path) -> Service:
    ask = open_model(harness.model, folder=folder, environment=world.environment, send=world.send)
    calls = world.measures.calls_of("model", _endpoint(harness.model))
    permits = Permits(world.paces.of(harness.model), world.slots, calls, world.stopping)
    return Service(ask, _patience(harness), permits)


def _endpoint(model: Model) -> str:
    """Name whom a model asks, as it is written; the model's type where there is no address."""
    match model:
        case HttpModel(endpoint=endpoint):
            return endpoint
        case OpenAIModel(base_url=base_url):
            return base_url
        case CommandModel():
            return "command"
        case EchoModel():
            return "echo"
        case NoopModel():
            return "noop"
        case _:
            assert_never(model)


def _open_graders(opener: GraderOpener, suite: PlannedSuite, harness: PlannedHarness, folder: Path) -> Graders:
    pure, opened = [], []
    for spec in harness.graders:
        if isinstance(spec, TextGrader):
            pure.append(PureGrader(grader_name(spec), make_grader(spec), make_estimate(spec)))
        else:
            opened.append(OpenGrader(grader_name(spec), opener.open(spec, folder)))
    return Graders(pure, opened, marks_of(suite, harness))


async def _progress(run: Run, key: Key, source: Service | OldOutputs) -> Progress:
    """Tell how far a harness is. Where outputs are graded anew, what has none counts as done."""
    recorded, answered = bytes(run.recorded[key]), dict(run.answered[key])
    if isinstance(source, OldOutputs):
        recorded = bytes(map(or_, recorded, await source.incomplete()))
    return Progress(run.harnesses[key].repeats, recorded, answered)


def _asked(plan: Plan, run: Run) -> list[tuple[PlannedSuite, PlannedHarness]]:
    return [
        (suite, harness)
        for suite in plan.suites
        for harness in suite.harnesses
        if (suite.name, harness.name) in run.tallies
    ]


def _changed_code(world: World, run: Run, plan: Plan, harness: PlannedHarness) -> list[str]:
    """Compare by digest; where outputs are graded anew, the model's scripts don't run."""
    regrades = run.started is not None and run.started.regrades is not None
    now = find_code(NoopModel() if regrades else harness.model, harness.graders, world.harness_folder(plan, harness))
    return sorted(name for name in now.keys() | harness.code.keys() if now.get(name) != harness.code.get(name))


def _selects(suite_tags: Sequence[str], request_tags: Sequence[str]) -> Callable[[Example], bool]:
    of_suite, of_request = frozenset(suite_tags), frozenset(request_tags)
    return lambda example: is_selected(example.tags, of_suite, of_request)


def _patience(harness: PlannedHarness) -> Patience:
    own = harness.model.timeout_seconds if isinstance(harness.model, CommandModel) else None
    return Patience(own or harness.timeout_seconds, harness.retries, harness.retry_delay_ms)


def secrets_of(plan: Plan | None, world: World) -> Secrets:
    """Those of all harnesses, of the plan or read since the start: a command's environment holds them all."""
    harnesses = [harness for suite in plan.suites for harness in suite.harnesses] if plan else []
    named = set[str]().union(
        *(named_variables(harness.model) for harness in harnesses),
        *(grader_variables(grader) for harness in harnesses for grader in harness.graders),
    )
    named |= world.secret_names
    return Secrets({name: world.environment[name] for name in named if name in world.environment})
