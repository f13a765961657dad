"""`matchspec serve`: settings from options and environment, a socket, signals, and the server around the service."""

import asyncio
import gc
import ipaddress
import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from domain.errors import InvalidFiles, MatchspecError, Refused
from domain.mistakes import Mistake
from service.api.connection import most_connections
from service.api.guard import LOOPBACK_NAMES
from service.api.server import Server
from service.bootstrap import Service, Settings, open_service
from service.cli.failures import INTERRUPTED, RUNTIME, tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.open_files import raise_limit
from service.cli.places import Places, find_server_log
from service.cli.stopping import stop_on_signals
from service.execution.queue import Limits
from service.files.config import ConfigFiles, missing_variables, read_config, variables_of
from service.files.finding import find_config
from service.files.overrides import find_unknown_variables, find_wrong_variables
from service.log.address import PostgresUrl
from service.version import VERSION


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec serve`."""

    port: int
    host: str
    config: str | None
    db: str | None
    config_root: str | None
    allowed_host: list[str]
    max_model_calls: int
    max_active_runs: int
    max_waiting_runs: int


def serve(options: Options) -> int:
    """Serve until a signal; gives the exit code."""
    try:
        set_up_logging(os.environ)
        settings = make_settings(options, os.environ, Path.cwd(), Path.home())
        return run_loop(_serve(settings, options.host, options.port))
    except MatchspecError as error:
        return tell(error)


def make_settings(options: Options, environment: Mapping[str, str], cwd: Path, home: Path) -> Settings:
    """Find and read the configuration, and resolve what the environment and the options say."""
    here = Places(environment, cwd, home)
    path = find_config(options.config, *here)
    key = environment.get("MATCHSPEC_API_KEY", "").strip() or None
    root = cwd / options.config_root if options.config_root else path.parent
    if not root.is_dir():
        raise InvalidFiles([Mistake("--config-root must be a folder", file=options.config_root)])
    db = find_server_log(options.db, path.parent, here)
    if not options.max_model_calls and not isinstance(db, PostgresUrl):
        raise Refused(
            "--max-model-calls 0 leaves all calls to workers, which need a log on PostgreSQL; allowed is 1 or more"
        )
    return Settings(
        config=_read_config(path, environment),
        root=root,
        db=db,
        key=key,
        local_names=_local_names(options) if key is None and is_loopback(options.host) else None,
        limits=Limits(options.max_model_calls, options.max_active_runs, options.max_waiting_runs),
        environment=environment,
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _local_names(options: Options) -> list[str]:
    own = f"[{options.host}]" if ":" in options.host else options.host
    return [name.lower() for name in (*LOOPBACK_NAMES, own, *options.allowed_host)]


def _read_config(path: Path, environment: Mapping[str, str]) -> ConfigFiles:
    """Read the configuration; tells mistakes in variables beside those in files."""
    wrong = find_wrong_variables(environment)
    try:
        files = read_config(path)
    except InvalidFiles as error:
        raise InvalidFiles(wrong + error.mistakes) from error
    if wrong:
        raise InvalidFiles(wrong)
    return files


async def _serve(settings: Settings, host: str, port: int) -> int:
    stopping = stop_on_signals()
    most = most_connections(raise_limit(), settings.limits.model_calls)
    async with open_service(settings) as service:
        with _listen(host, port) as listening:
            service.resume()
            _greet(settings, service, listening, host)
            server = Server(service.app, most)
            gc.freeze()  # what was imported stays: each look of the collector at it would stop all for 30 ms
            await _serve_until(stopping.asked, service, server, listening)
    if service.writer.failed:
        return RUNTIME
    return INTERRUPTED if stopping.interrupted else 0


async def _serve_until(stopped: asyncio.Event, service: Service, server: Server, listening: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    waits = [asyncio.create_task(stopped.wait()), asyncio.create_task(service.writer.stopped())]
    await asyncio.wait([serving, *waits], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # a request that a stop cuts off is no error
    for wait in waits:
        wait.cancel()
    await asyncio.gather(service.stop(), serving)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a host name"
        raise MatchspecError(
            f"can't listen on {host} port {port}: {reason}. Choose another with --host or --port"
        ) from error


def _suites(files: ConfigFiles) -> str:
    count = len(files.config.suites)
    return "1 suite" if count == 1 else f"{count} suites"


def _greet(settings: Settings, service: Service, listening: socket.socket, host: str) -> None:
    address = f"[{host}]" if ":" in host else host
    click.echo(f"matchspec v{VERSION}")
    click.echo(f"  config  {settings.config.path} ({_suites(settings.config)})")
    click.echo(f"  log     {settings.db}")
    if service.unfinished:
        click.echo(f"  resumed {', '.join(service.unfinished)}")
    for warning in _variable_warnings(settings):
        click.echo(f"  warning {warning}", err=True)
    if settings.key is None and not is_loopback(host):
        click.echo("  warning MATCHSPEC_API_KEY is not set: anyone who reaches this server can start runs", err=True)
    click.echo(f"  listening on http://{address}:{listening.getsockname()[1]}")


def _variable_warnings(settings: Settings) -> list[str]:
    harnesses = [harness for suite in settings.config.harnesses for harness in suite]
    named = {name for harness in harnesses for name in variables_of(harness)}
    missing = [str(mistake) for mistake in missing_variables(harnesses, settings.environment)]
    return missing + find_unknown_variables(settings.environment, named)
