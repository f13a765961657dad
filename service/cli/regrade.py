"""`matchspec regrade`: hold the recorded outputs of a past run to today's graders and thresholds."""

import os
import secrets
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from domain.errors import LogUnavailable, MatchspecError, NotFound, Refused, RunNotFound
from domain.run_id import make_run_id
from domain.spec import Config
from service.bootstrap import open_service
from service.cli.carrying import Project, Showing, carry, tell_example
from service.cli.failures import tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.past_runs import RunLogs
from service.cli.places import Places, find_config_if_any, find_server_log
from service.cli.run import make_settings
from service.cli.run_here import USER_AGENT, RunHere, delete_if_empty, delete_run_log, run_log
from service.cli.run_there import RunThere
from service.cli.run_ways import Way
from service.execution.old_runs import FindLog
from service.execution.regrading import RegradeOptions
from service.execution.starting import Caller
from service.files.config import ConfigFiles, look_over
from service.files.overrides import override
from service.log.address import parse_address


class Options(Showing, frozen=True, kw_only=True):
    """What was typed after `matchspec regrade`."""

    run: str
    db: str | None


def regrade(options: Options) -> int:
    """Regrade; gives the exit code."""
    try:
        set_up_logging(os.environ)
        return run_loop(_regrade(options, Places(os.environ, Path.cwd(), Path.home())))
    except MatchspecError as error:
        return tell(error)


async def _regrade(options: Options, here: Places) -> int:
    clashing = [name for name, value in {"--config": options.config, "--db": options.db}.items() if value]
    if options.server and clashing:
        raise Refused(f"--server does not go with {', '.join(clashing)}")
    path = find_config_if_any(options.config, here) or here.cwd / "matchspec.yml"
    config = override(look_over(path).config or Config(version=1, suites=[]), here.environment)
    files = ConfigFiles(path, config, [])
    if options.server:
        return await carry(options, Project(files, path.parent), _open_there(options, here), tidy=True)
    logs = RunLogs([path.parent, here.cwd], find_server_log(options.db, path.parent, here))
    log = await logs.find(options.run)
    if log is None:
        raise RunNotFound(f"there is no run '{options.run}': {logs.looked()}")
    own = log.parents[2] if isinstance(log, Path) and log != logs.server_log else path.parent
    project = Project(files, own)
    return await carry(options, project, _open_here(options, project, logs.find, here), tidy=True)


@asynccontextmanager
async def _open_there(options: Options, here: Places) -> AsyncIterator[Way]:
    key = here.environment.get("MATCHSPEC_API_KEY")
    there = RunThere(options.server or "", key, f"/results/{quote(options.run, safe='')}/regrade", {})
    try:
        yield there
    finally:
        await there.close()


@asynccontextmanager
async def _open_here(options: Options, project: Project, find_log: FindLog, here: Places) -> AsyncIterator[Way]:
    run_id = make_run_id(datetime.now(UTC), secrets.randbelow(0x10000))
    db = run_log(project.folder, run_id)
    added = RegradeOptions(run_id, own_config=options.config is not None)
    try:
        async with open_service(make_settings(project, db, here.environment, find_log)) as service:
            start = partial(service.regrader.start, options.run, Caller(None, USER_AGENT), added)
            way = RunHere(service, run_id, start, _resume_command(options, run_id))
            if options.verbose and not options.quiet:
                way.watch(tell_example)
            yield way
    except (Refused, NotFound):
        delete_run_log(db)
        raise
    except LogUnavailable:
        delete_if_empty(db)
        raise


def _resume_command(options: Options, run_id: str) -> str:
    config = f" --config {shlex.quote(options.config)}" if options.config else ""
    db = f"MATCHSPEC_DB={shlex.quote(str(parse_address(options.db, Path())))} " if options.db else ""
    return f"{db}matchspec run --resume {run_id}{config}"
