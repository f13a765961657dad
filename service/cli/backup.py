"""`matchspec backup`: a copy of the server's log, which may be in use."""

import os
from pathlib import Path

import click
import msgspec

from domain.errors import MatchspecError, Refused
from service.cli.failures import tell
from service.cli.log_level import set_up_logging
from service.cli.past_runs import find_logs
from service.cli.places import Places
from service.cli.saying import say
from service.log.sqlite.backup import back_up


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec backup`."""

    file: str
    config: str | None
    db: str | None
    force: bool


def backup(options: Options) -> int:
    """Make the backup; gives the exit code."""
    try:
        set_up_logging(os.environ)
        log = find_logs(options.config, options.db, Places(os.environ, Path.cwd(), Path.home())).server_log
        if not isinstance(log, Path):
            raise Refused(
                f"the log {log} is backed up as its database is, with pg_dump; `matchspec copy` makes a file of it"
            )
        if not log.is_file():
            raise MatchspecError(f"there is no log {log}")
        copied = back_up(log, Path.cwd() / options.file, force=options.force)
    except MatchspecError as error:
        return tell(error)
    runs = "1 run" if copied.runs == 1 else f"{copied.runs:,} runs"
    say(f"{click.style('✓', fg='green')} {options.file}")
    say(f"  events      {copied.head.position:,} of {runs}, all checked")
    say(f"  head        event {copied.head.position} of {copied.at}")
    say(f"              {copied.head.hash.hex()}")
    return 0
