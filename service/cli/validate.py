"""`matchspec validate`: every file of a configuration with ✓ or ✗, and what is wrong with it."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from domain.errors import MatchspecError
from domain.mistakes import Mistake
from service.cli.checking import Checked, CheckedFile, check
from service.cli.failures import USAGE, tell
from service.files.finding import find_config


def validate(config: str | None) -> int:
    """Check all files and tell about each; gives the exit code: 2 where there is a mistake."""
    try:
        path = find_config(config, os.environ, Path.cwd(), Path.home())
        checked = check(path, os.environ)
    except MatchspecError as error:
        return tell(error)
    if path.parent != Path.cwd():
        click.echo(f"in {path.parent}:")
    for file in checked.all:
        for line in _file_lines(file):
            click.echo(line)
    click.echo(f"\n{_summary(checked)}")
    return USAGE if any(file.mistakes for file in checked.all) else 0


def _file_lines(file: CheckedFile) -> Iterator[str]:
    mark = click.style("✗", fg="red") if file.mistakes else click.style("✓", fg="green")
    yield f"{mark} {file.name}" + (f" ({_counted(file.examples, 'example')})" if file.examples else "")
    yield from (f"    {_told(mistake)}" for mistake in file.mistakes)
    yield from (f"    {click.style('warning:', fg='yellow')} {_told(warning)}" for warning in file.warnings)


def _told(mistake: Mistake) -> str:
    """A mistake below the name of its file."""
    return str(Mistake(mistake.message, None, mistake.line, mistake.field))


def _summary(checked: Checked) -> str:
    examples = sum(file.examples for file in checked.files)
    wrong = [file.name for file in checked.all if file.mistakes]
    warnings = sum(len(file.warnings) for file in checked.all)
    files = (
        f"{_counted(len(checked.files), 'file')}, {_counted(checked.suites, 'suite')}, {_counted(examples, 'example')}"
    )
    remarks = ["mistakes in " + wrong[0] + (f" and {len(wrong) - 1} more" if wrong[1:] else "")] if wrong else []
    remarks += [_counted(warnings, "warning")] if warnings else []
    return f"{files}: {', '.join(remarks)}" if remarks else files


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
