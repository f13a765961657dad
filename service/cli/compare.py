"""`matchspec report --compare A B`: two past runs, by id or as result files."""

import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from shutil import get_terminal_size
from typing import Literal

import click
import msgspec

from domain.errors import MatchspecError, RunNotOver
from domain.run_id import IS_RUN_ID
from service.cli.past_runs import RunLogs, open_past_run
from service.comparing import FLIPS, Side, compare, side_of_run, whole
from service.comparison_document import ComparisonDocument
from service.reports.compared_files import side_of_file
from service.reports.comparison_markdown import markdown_comparison
from service.reports.comparison_text import text_comparison
from service.reports.document import decode, read_document

WORSE = 1


async def compare_past(
    pair: tuple[str, str], logs: RunLogs, cwd: Path, kind: Literal["text", "markdown", "json"], *, show_all: bool
) -> int:
    """Print the comparison; gives the exit code: 1 where something is worse."""
    async with AsyncExitStack() as stack:
        base, head = [await _open(stack, logs, cwd, name) for name in pair]
        document = await whole(await compare(base, head, sys.maxsize if show_all else FLIPS))
    click.echo(_write(document, kind, show_all=show_all), nl=False)
    return WORSE if document.word == "worse" else 0


async def _open(stack: AsyncExitStack, logs: RunLogs, cwd: Path, name: str) -> Side:
    if IS_RUN_ID.fullmatch(name):
        results, views = await stack.enter_async_context(open_past_run(logs, name))
        try:
            return await side_of_run(results, views, name)
        except RunNotOver as error:  # typed rightly: no mistake of usage
            raise MatchspecError(str(error)) from error
    return side_of_file(decode(read_document(cwd / name, name), name))


def _write(document: ComparisonDocument, kind: Literal["text", "markdown", "json"], *, show_all: bool) -> str:
    if kind == "json":
        return msgspec.json.encode(document).decode() + "\n"
    if kind == "markdown":
        return markdown_comparison(document)
    return text_comparison(
        document,
        width=get_terminal_size((100, 24)).columns,
        color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
        show_all=show_all,
    )
