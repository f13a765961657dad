"""A run shown from its start to its end, its report, its files, and the exit code."""

import asyncio
import os
import signal
import sys
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import Literal

import click
import msgspec

from domain.events import ExampleScored, Recorded
from domain.spec import Output
from service.cli.display import Display, choose_display, example_line, harnesses_in, scored_line
from service.cli.failures import INTERRUPTED, RUNTIME
from service.cli.result_files import Format, Results, delete_expired, write_badge, write_results
from service.cli.run_here import run_log
from service.cli.run_ways import Begun, Way
from service.cli.saying import say
from service.files.config import ConfigFiles
from service.reports.document import decode
from service.reports.text import text_report

POLL_SECONDS = 0.1
POLL_SERVER_SECONDS = 0.5
EXIT_CODES = {"passed": 0, "failed": 1}


class Showing(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is shown and what it leaves, as typed."""

    output: Format | None
    output_dir: str | None
    no_write: bool
    show_all_failures: bool
    verbose: bool
    quiet: bool
    badge: str | None
    server: str | None
    config: str | None


class Project(msgspec.Struct, frozen=True):
    """What is to be run, and the folder it stands in."""

    files: ConfigFiles
    folder: Path


async def carry(showing: Showing, project: Project, opened: AbstractAsyncContextManager[Way], *, tidy: bool) -> int:
    """Carry a run to its end; gives the exit code. With `tidy`, files that are too old are deleted."""
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    async with opened as way:
        with choose_display(quiet=showing.quiet, verbose=showing.verbose) as display:
            results = await _follow(way, display, interrupted, POLL_SERVER_SECONDS if showing.server else POLL_SECONDS)
        if results is None:
            click.echo(f"interrupted. {await way.stop()}", err=True)
            return INTERRUPTED
    if showing.server and showing.verbose:
        for example in results.document.examples:
            _say(showing, example_line(example))
    _report(showing, project, results)
    if tidy:
        output = project.files.config.output
        runs, now = run_log(project.folder, "any").parent, datetime.now(UTC)
        delete_expired(_output_folder(showing, project, output), runs, now, output.retain_days)
    if showing.quiet and results.document.error:
        click.echo(f"matchspec: the run ended as error: {results.document.error}", err=True)
    return EXIT_CODES.get(results.document.status, RUNTIME)


def tell_example(recorded: Recorded) -> None:
    """Print a line for each example as it is scored."""
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


def _report(showing: Showing, project: Project, results: Results) -> None:
    if not showing.quiet:
        say(
            text_report(
                results.document,
                width=get_terminal_size((100, 24)).columns,
                color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
                statistics=results.statistics,
                show_all_failures=showing.show_all_failures,
            ),
            newline=False,
        )
    output = project.files.config.output
    _say(showing, "")
    if not showing.no_write:
        kind: Literal["json", "junit", "markdown"] = showing.output or output.format
        for path in write_results(_output_folder(showing, project, output), results, kind):
            _say(showing, f"results written to: {_shown(path)}")
    if showing.badge:
        write_badge(Path(showing.badge), results.document)
        _say(showing, f"badge written to: {showing.badge}")


def _output_folder(showing: Showing, project: Project, output: Output) -> Path:
    return Path.cwd() / showing.output_dir if showing.output_dir else project.folder / output.dir


def _say(showing: Showing, line: str) -> None:
    if not showing.quiet:
        say(line)


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
