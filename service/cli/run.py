"""`matchspec run`: run suites, show how it goes, report, leave files, and exit with the verdict."""

import asyncio
import os
import secrets
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import Literal

import click
import msgspec

from domain.errors import MatchspecError, NotFound, Refused, RunNotFound
from domain.events import ExampleScored, Recorded
from domain.run_id import make_run_id
from domain.spec import Config, Output
from domain.written import Concurrency, Seconds
from service.bootstrap import Settings, open_service
from service.cli.display import Display, choose_display, example_line, harnesses_in, scored_line
from service.cli.failures import INTERRUPTED, RUNTIME, tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.places import Places, find_config_if_any
from service.cli.planned import describe_plan
from service.cli.result_files import Format, Results, delete_expired, write_badge, write_results
from service.cli.run_here import RunHere, delete_run_log, find_run_log, run_log
from service.cli.run_there import RunThere
from service.cli.run_ways import Begun, Way
from service.cli.saying import say
from service.execution.queue import Limits
from service.execution.starting import RunOptions, RunRequest
from service.files.config import ConfigFiles, look_over, read_config
from service.files.finding import find_config
from service.files.harness_search import read_paths
from service.files.overrides import override
from service.reports.document import decode
from service.reports.text import text_report

POLL_SECONDS = 0.1
POLL_SERVER_SECONDS = 0.5
EXIT_CODES = {"passed": 0, "failed": 1}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec run`."""

    paths: list[str]
    suite: str | None
    tags: str | None
    concurrency: Concurrency | None
    timeout: Seconds | None
    output: Format | None
    output_dir: str | None
    no_write: bool
    show_all_failures: bool
    fail_fast: bool
    dry_run: bool
    config: str | None
    verbose: bool
    quiet: bool
    badge: str | None
    server: str | None
    resume: str | None


class Project(msgspec.Struct, frozen=True):
    """What is to be run, and the folder it stands in."""

    files: ConfigFiles
    folder: Path


def run(options: Options) -> int:
    """Run; gives the exit code."""
    try:
        set_up_logging(os.environ)
        _check(options)
        project = _override(_read_project(options, os.environ, Path.cwd(), Path.home()), os.environ)
        if options.dry_run:
            say(describe_plan(project.files, options.suite, _tags(options), os.environ))
            return 0
        return run_loop(_run(options, project, os.environ))
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


async def _run(options: Options, project: Project, environment: Mapping[str, str]) -> int:
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    async with _open(options, project, environment) as way:
        with choose_display(quiet=options.quiet, verbose=options.verbose) as display:
            results = await _follow(way, display, interrupted, POLL_SERVER_SECONDS if options.server else POLL_SECONDS)
        if results is None:
            click.echo(f"interrupted. {await way.stop()}", err=True)
            return INTERRUPTED
    if options.server and options.verbose:
        for example in results.document.examples:
            _say(options, example_line(example))
    _report(options, project, results)
    if options.quiet and results.document.error:
        click.echo(f"matchspec: the run ended as error: {results.document.error}", err=True)
    return EXIT_CODES.get(results.document.status, RUNTIME)


@asynccontextmanager
async def _open(options: Options, project: Project, environment: Mapping[str, str]) -> AsyncIterator[Way]:
    request = RunRequest(suite=_suite(options, project), tags=_tags(options) or None, concurrency=options.concurrency)
    if options.server:
        asked = msgspec.structs.replace(request, suite=options.suite, config=options.config)
        there = RunThere(options.server, environment.get("MATCHSPEC_API_KEY"), asked)
        try:
            yield there
        finally:
            await there.close()
        return
    run_id = options.resume or make_run_id(datetime.now(UTC), secrets.randbelow(0x10000))
    db = run_log(project.folder, run_id)
    if options.resume and find_run_log([project.folder], run_id) is None:
        raise RunNotFound(f"there is no run '{run_id}' here: no file {db}")
    try:
        async with open_service(_settings(project, db, environment)) as service:
            added = RunOptions(options.timeout, options.fail_fast, run_id)
            resume = _resume_command(options, run_id)
            here = RunHere(service, run_id, None if options.resume else request, added, resume)
            if options.verbose and not options.quiet:
                here.watch(_tell_example)
            yield here
    except (Refused, NotFound):
        if not options.resume:
            delete_run_log(db)
        raise


def _settings(project: Project, db: Path, environment: Mapping[str, str]) -> Settings:
    return Settings(
        config=project.files,
        root=project.folder,
        db=db,
        key=None,
        local_names=None,
        limits=Limits(),
        environment=environment,
        given=True,
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


def _tell_example(recorded: Recorded) -> None:
    if isinstance(recorded.event, ExampleScored):
        say(scored_line(recorded.event))


async def _follow(way: Way, display: Display, interrupted: asyncio.Event, every: float) -> Results | None:
    """Go with a run to its end; None where it was interrupted."""
    begun = await way.begin()
    display.begun(begun)
    while (progress := await way.progress()) is not None:
        display.progress(progress)
        try:
            await asyncio.wait_for(interrupted.wait(), every)
        except TimeoutError:
            continue
        return None
    content = await way.document()
    results = Results(content, decode(content), way.statistics())
    if not begun.harnesses:
        display.begun(Begun(begun.run_id, harnesses_in(results.document)))
    return results


def _report(options: Options, project: Project, results: Results) -> None:
    if not options.quiet:
        say(
            text_report(
                results.document,
                width=get_terminal_size((100, 24)).columns,
                color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
                statistics=results.statistics,
                show_all_failures=options.show_all_failures,
            ),
            newline=False,
        )
    output = project.files.config.output
    folder = _output_folder(options, project, output)
    _say(options, "")
    if not options.no_write:
        kind: Literal["json", "junit", "markdown"] = options.output or output.format
        for path in write_results(folder, results, kind):
            _say(options, f"results written to: {_shown(path)}")
    if options.badge:
        write_badge(Path(options.badge), results.document)
        _say(options, f"badge written to: {options.badge}")
    if not options.resume:  # what was resumed may itself be that old
        delete_expired(folder, run_log(project.folder, "any").parent, datetime.now(UTC), output.retain_days)


def _output_folder(options: Options, project: Project, output: Output) -> Path:
    return Path.cwd() / options.output_dir if options.output_dir else project.folder / output.dir


def _say(options: Options, line: str) -> None:
    if not options.quiet:
        say(line)


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
