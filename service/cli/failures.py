"""What goes wrong, said on the terminal, and the exit code it gives."""

from collections.abc import Sequence

import click

from domain.errors import InvalidFiles, MatchspecError, NotFound, Refused
from domain.mistakes import Mistake

USAGE = 2
RUNTIME = 3
INTERRUPTED = 130


def tell(error: MatchspecError) -> int:
    """Print an error to stderr; gives the exit code: 2 for what the user wrote, 3 for the rest."""
    if isinstance(error, InvalidFiles):
        tell_mistakes(error.mistakes)
    else:
        click.echo(f"matchspec: {error}", err=True)
    return USAGE if isinstance(error, Refused | NotFound) else RUNTIME


def tell_mistakes(mistakes: Sequence[Mistake]) -> None:
    """Print every mistake on a line of its own."""
    if len(mistakes) == 1:
        click.echo(f"matchspec: {mistakes[0]}", err=True)
        return
    click.echo(f"matchspec: {len(mistakes)} mistakes in the configuration", err=True)
    for mistake in mistakes:
        click.echo(f"  {click.style('✗', fg='red')} {mistake}", err=True)
