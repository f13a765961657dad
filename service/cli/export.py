"""`matchspec export`: one run in one file, with what proves it."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import click
import msgspec

from domain.errors import MatchspecError, Refused
from service.cli.failures import tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.past_runs import find_log_of, find_logs
from service.cli.places import Places
from service.log.exporting import Export
from service.log.opening import open_reader

STANDARD_OUTPUT = "-"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec export`."""

    run: str
    output: str | None
    force: bool
    config: str | None
    db: str | None


def export(options: Options) -> int:
    """Write the file; gives the exit code."""
    try:
        set_up_logging(os.environ)
        return run_loop(_export(options, os.environ, Path.cwd(), Path.home()))
    except MatchspecError as error:
        return tell(error)


async def _export(options: Options, environment: Mapping[str, str], cwd: Path, home: Path) -> int:
    name = options.output or f"{options.run}.jsonl"
    if name != STANDARD_OUTPUT and not options.force and (cwd / name).exists():
        raise Refused(f"{name} is there already; --force overwrites it")
    logs = find_logs(options.config, options.db, Places(environment, cwd, home))
    async with open_reader(await find_log_of(logs, options.run)) as reader:
        exported = Export(reader, options.run)
        if name == STANDARD_OUTPUT:
            await _print(exported.lines())
        else:
            await _write(cwd / name, exported.lines())
    click.echo(_summary(options.run, exported, name), err=name == STANDARD_OUTPUT)
    return 0


async def _print(lines: AsyncIterator[bytes]) -> None:
    async for line in lines:
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


async def _write(path: Path, lines: AsyncIterator[bytes]) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            async for line in lines:
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise MatchspecError(f"can't write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _summary(run_id: str, exported: Export, name: str) -> str:
    events = f"{exported.events:,} event{'s' if exported.events != 1 else ''}"
    to = "" if name == STANDARD_OUTPUT else f" to {name}"
    end = exported.finished
    if end is None:
        return f"exported {run_id}{to}: {events}; the run is not over, this is how it stands"
    return f"exported {run_id}{to}: {events}, {end.status}"
