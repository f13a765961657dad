"""`matchspec report`: show a past run again."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import get_terminal_size
from typing import Literal

import click
import msgspec

from domain.errors import MatchspecError, Refused
from domain.run_id import IS_RUN_ID
from service.cli.failures import tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.past_runs import PastRun, find_logs, read_past_run
from service.cli.places import Places
from service.reports.document import decode, read_document
from service.reports.html import html_report
from service.reports.markdown import markdown_report
from service.reports.text import text_report


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec report`."""

    run: str | None
    format: Literal["text", "markdown", "html", "json"]
    show_passing: bool
    show_all_failures: bool
    config: str | None
    db: str | None
    compare: tuple[str, str] | None


def report(options: Options) -> int:
    """Print the report; gives the exit code: 0 whatever the verdict, 1 where a comparison found worse."""
    try:
        set_up_logging(os.environ)
        return run_loop(_report(options, os.environ, Path.cwd(), Path.home()))
    except MatchspecError as error:
        return tell(error)


async def _report(options: Options, environment: Mapping[str, str], cwd: Path, home: Path) -> int:
    if options.compare:
        return await _compare(options, options.compare, Places(environment, cwd, home))
    past = await _find(options, environment, cwd, home)
    click.echo(_write(options, past, options.run), nl=False)
    return 0


async def _compare(options: Options, pair: tuple[str, str], here: Places) -> int:
    from service.cli.compare import compare_past

    others = {
        "FILE or RUN_ID": options.run is not None,
        "--show-passing": options.show_passing,
        "--format html": options.format == "html",
    }
    clashing = [name for name, given in others.items() if given]
    if clashing or options.format == "html":
        raise Refused(f"--compare does not go with {', '.join(clashing)}")
    logs = find_logs(options.config, options.db, here)
    return await compare_past(pair, logs, here.cwd, options.format, show_all=options.show_all_failures)


async def _find(options: Options, environment: Mapping[str, str], cwd: Path, home: Path) -> PastRun:
    if options.run is not None and not IS_RUN_ID.fullmatch(options.run):
        return PastRun(read_document(cwd / options.run, options.run), {})
    logs = find_logs(options.config, options.db, Places(environment, cwd, home))
    return await read_past_run(logs, options.run)


def _write(options: Options, past: PastRun, name: str | None) -> str:
    document = decode(past.document, name)
    if options.format == "json":
        return past.document.decode() + "\n"
    if options.format == "html":
        return html_report(document, statistics=past.statistics)
    if options.format == "markdown":
        return markdown_report(document, statistics=past.statistics)
    return text_report(
        document,
        width=get_terminal_size((100, 24)).columns,
        color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
        statistics=past.statistics,
        show_all_failures=options.show_all_failures,
        show_passing=options.show_passing,
    )
