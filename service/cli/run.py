"""`matchspec run`: run suites, show how it goes, report, leave files, and exit with the verdict."""

import os
import secrets
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from domain.errors import LogUnavailable, MatchspecError, NotFound, Refused, RunNotFound
from domain.run_id import make_run_id
from domain.spec import Config
from domain.written import Concurrency, Seconds
from service.bootstrap import Service, Settings, open_service
from service.cli.carrying import Project, Showing, carry, tell_example
from service.cli.failures import tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.past_runs import RunLogs, find_log_of
from service.cli.places import Places, find_config_if_any, find_server_log
from service.cli.planned import describe_plan
from service.cli.run_here import USER_AGENT, RunHere, delete_if_empty, delete_run_log, find_run_log, run_log
from service.cli.run_there import RunThere
from service.cli.run_ways import Way
from service.cli.saying import say
from service.execution.old_runs import FindLog
from service.execution.queue import Limits
from service.execution.starting import Caller, RunOptions, RunRequest
from service.files.config import ConfigFiles, look_over, read_config
from service.files.finding import find_config
from service.files.harness_search import read_paths
from service.files.overrides import override


class Options(Showing, frozen=True, kw_only=True):
    """What was typed after `matchspec run`."""

    paths: list[str]
    suite: str | None
    tags: str | None
    concurrency: Concurrency | None
    timeout: Seconds | None
    fail_fast: bool
    dry_run: bool
    resume: str | None
    baseline: str | None


def run(options: Options) -> int:
    """Run; gives the exit code."""
    try:
        set_up_logging(os.environ)
        _check(options)
        project = _override(_read_project(options, os.environ, Path.cwd(), Path.home()), os.environ)
        if options.dry_run:
            say(describe_plan(project.files, options.suite, _tags(options), os.environ))
            return 0
        # what is resumed may itself be so old that it would be deleted
        return run_loop(carry(options, project, _open(options, project, os.environ), tidy=not options.resume))
    except MatchspecError as error:
        return tell(error)


def _check(options: Options) -> None:
    """Refuse what does not go together."""
    alone = {"--server": options.server, "--resume": options.resume}
    for flag, value in alone.items():
        others = {
            "PATH": options.paths,
            "--dry-run": options.dry_run,
            "--fail-fast": options.fail_fast,
            "--timeout": options.timeout,
        }
        if flag == "--resume":
            others |= {"--suite": options.suite, "--tags": options.tags, "--concurrency": options.concurrency}
            others |= {"--baseline": options.baseline is not None}
            others |= {"--server": options.server}
        clashing = [name for name, other in others.items() if other]
        if value and clashing:
            raise Refused(f"{flag} does not go with {', '.join(clashing)}")


def _read_project(options: Options, environment: Mapping[str, str], cwd: Path, home: Path) -> Project:
    here = Places(environment, cwd, home)
    if options.paths:
        path = find_config_if_any(options.config, here)
        files, folder = read_paths(options.paths, cwd, read_config(path).config if path else None), cwd
    elif options.server or options.resume:
        # Only where results go is read here: these runs do not depend on what has become of the files.
        path = find_config_if_any(None if options.server else options.config, here) or cwd / "matchspec.yml"
        files = ConfigFiles(path, look_over(path).config or Config(version=1, suites=[]), [])
        log = find_run_log([path.parent, cwd], options.resume) if options.resume else None
        folder = log.parents[2] if log else path.parent
    else:
        files = read_config(find_config(options.config, environment, cwd, home))
        folder = files.folder
    return Project(files, folder)


def _override(project: Project, environment: Mapping[str, str]) -> Project:
    """Let variables set what the configuration says of result files, and all else."""
    files = project.files._replace(config=override(project.files.config, environment))
    return Project(files, project.folder)


@asynccontextmanager
async def _open(options: Options, project: Project, environment: Mapping[str, str]) -> AsyncIterator[Way]:
    request = RunRequest(
        suite=_suite(options, project),
        tags=_tags(options) or None,
        concurrency=options.concurrency,
        baseline=options.baseline,
    )
    opened = _open_there if options.server else _open_here
    async with opened(options, request, project, environment) as way:
        yield way


@asynccontextmanager
async def _open_there(
    options: Options, request: RunRequest, _project: Project, environment: Mapping[str, str]
) -> AsyncIterator[Way]:
    asked = msgspec.structs.replace(request, suite=options.suite, config=options.config)
    wanted = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not None}
    there = RunThere(options.server or "", environment.get("MATCHSPEC_API_KEY"), "/run", wanted)
    try:
        yield there
    finally:
        await there.close()


@asynccontextmanager
async def _open_here(
    options: Options, request: RunRequest, project: Project, environment: Mapping[str, str]
) -> AsyncIterator[Way]:
    run_id = options.resume or make_run_id(datetime.now(UTC), secrets.randbelow(0x10000))
    db = run_log(project.folder, run_id)
    if options.resume and find_run_log([project.folder], run_id) is None:
        raise RunNotFound(f"there is no run '{run_id}' here: no file {db}")
    logs = _logs(project, environment)
    if options.baseline is not None:
        await find_log_of(logs, options.baseline)
    try:
        async with open_service(make_settings(project, db, environment, logs.find)) as service:
            added = RunOptions(options.timeout, options.fail_fast, run_id, of_paths=bool(options.paths))
            start = partial(service.starter.start, request, Caller(None, USER_AGENT), added)
            if options.resume:
                await _find_regraded(service, run_id, logs)
            here = RunHere(service, run_id, None if options.resume else start, _resume_command(options, run_id))
            if options.verbose and not options.quiet:
                here.watch(tell_example)
            yield here
    except (Refused, NotFound):
        if not options.resume:
            delete_run_log(db)
        raise
    except LogUnavailable:
        if not options.resume:
            delete_if_empty(db)
        raise


def _logs(project: Project, environment: Mapping[str, str]) -> RunLogs:
    folder, here = project.files.folder, Places(environment, Path.cwd(), Path.home())
    return RunLogs([project.folder, folder, here.cwd], find_server_log(None, folder, here))


async def _find_regraded(service: Service, run_id: str, logs: RunLogs) -> None:
    """Raise RunNotFound where an unfinished run grades the outputs of one that is not here any more."""
    listed = service.views.listing.get(run_id)
    if listed and listed.regrades and not listed.finished_at and await logs.find(listed.regrades) is None:
        what = f"{run_id} grades the outputs of {listed.regrades}, which is not there any more"
        raise RunNotFound(f"{what}: {logs.looked()}. Put that log back, or name it by MATCHSPEC_DB")


def make_settings(project: Project, db: Path, environment: Mapping[str, str], find_log: FindLog) -> Settings:
    """Give the settings of a service over the log of one run."""
    return Settings(
        config=project.files,
        root=project.folder,
        db=db,
        key=None,
        local_names=None,
        limits=Limits(),
        environment=environment,
        given=True,
        find_log=find_log,
    )


def _suite(options: Options, project: Project) -> str | None:
    """The suite asked for; that of a single path is meant by naming the path."""
    if options.suite is None and options.paths and len(project.files.config.suites) == 1:
        return project.files.config.suites[0].name
    return options.suite


def _tags(options: Options) -> list[str]:
    return [tag for tag in (part.strip() for part in (options.tags or "").split(",")) if tag]


def _resume_command(options: Options, run_id: str) -> str:
    config = f" --config {shlex.quote(options.config)}" if options.config else ""
    return f"matchspec run --resume {run_id}{config}"
