"""`matchspec worker`: works on the runs of a log on PostgreSQL, and serves nothing."""

import asyncio
import gc
import os
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from domain.errors import InvalidFiles, MatchspecError, Refused
from domain.mistakes import Mistake
from domain.spec import Config
from service.bootstrap import Service, Settings, open_service
from service.cli.failures import INTERRUPTED, RUNTIME, tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.open_files import raise_limit
from service.cli.places import Places, find_config_if_any, find_server_log
from service.cli.stopping import stop_on_signals
from service.execution.queue import Limits
from service.files.config import ConfigFiles, read_config
from service.log.address import PostgresUrl
from service.version import VERSION


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec worker`."""

    db: str | None
    concurrency: int
    config: str | None
    config_root: str | None


def work(options: Options) -> int:
    """Work until a signal; gives the exit code."""
    try:
        set_up_logging(os.environ)
        return run_loop(_work(make_settings(options, os.environ, Path.cwd(), Path.home())))
    except MatchspecError as error:
        return tell(error)


def make_settings(options: Options, environment: Mapping[str, str], cwd: Path, home: Path) -> Settings:
    """Resolve options and environment. A configuration is needed only for where its files are."""
    here = Places(environment, cwd, home)
    path = find_config_if_any(options.config, here)
    folder = path.parent if path else cwd
    db = find_server_log(options.db, folder, here)
    if not isinstance(db, PostgresUrl):
        raise Refused(
            f"a worker needs a log on PostgreSQL, --db postgresql://…; {db} is a file, which one server writes"
        )
    root = cwd / options.config_root if options.config_root else folder
    if not root.is_dir():
        raise InvalidFiles([Mistake("--config-root must be a folder", file=options.config_root)])
    files = read_config(path, needs_datasets=False) if path else ConfigFiles(cwd / "matchspec.yml", _NO_SUITES, [])
    return Settings(
        config=files,
        root=root,
        db=db,
        key=None,
        local_names=None,
        limits=Limits(options.concurrency),
        environment=environment,
    )


_NO_SUITES = Config(version=1, suites=[])


async def _work(settings: Settings) -> int:
    stopping = stop_on_signals()
    raise_limit()
    async with open_service(settings) as service:
        service.resume()
        gc.freeze()  # what was imported stays: each look of the collector at it would stop all for 30 ms
        _greet(settings)
        await _until(stopping.asked, service)
        await service.stop()
    if service.writer.failed:
        return RUNTIME
    return INTERRUPTED if stopping.interrupted else 0


async def _until(asked: asyncio.Event, service: Service) -> None:
    waits = [asyncio.create_task(asked.wait()), asyncio.create_task(service.writer.stopped())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def _greet(settings: Settings) -> None:
    calls = settings.limits.model_calls
    click.echo(f"matchspec v{VERSION} worker")
    click.echo(f"  log     {settings.db}")
    click.echo(f"  files   {settings.root}")
    click.echo(f"  working, up to {calls} model call{'s' if calls > 1 else ''} at once")
