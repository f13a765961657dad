"""Printing that never ends a command: whoever reads may go away, and a disk may be full."""

import errno
import os
import sys

import click


def say(text: str, *, newline: bool = True) -> None:
    """Print to stdout. When nobody reads any more, the rest is dropped; another failure is told once, on stderr."""
    try:
        click.echo(text, nl=newline)
    except OSError as error:
        drop_stdout(error)


def drop_stdout(error: OSError) -> None:
    """Let what follows go nowhere, also what the interpreter writes out at its end."""
    if error.errno != errno.EPIPE:
        click.echo(f"matchspec: can't write to standard output: {error.strerror}", err=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
