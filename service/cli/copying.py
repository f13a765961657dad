"""`matchspec copy`: a log moved to another place."""

import os
from pathlib import Path

import click
import msgspec

from domain.errors import MatchspecError
from service.cli.failures import tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.saying import say
from service.log.address import LogAddress, parse_address
from service.log.copying import copy_log
from service.log.opening import is_there


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec copy`."""

    source: str
    target: str


def copy(options: Options) -> int:
    """Copy; gives the exit code."""
    try:
        set_up_logging(os.environ)
        return run_loop(_copy(parse_address(options.source, Path.cwd()), parse_address(options.target, Path.cwd())))
    except MatchspecError as error:
        return tell(error)


async def _copy(source: LogAddress, target: LogAddress) -> int:
    if not is_there(source):
        raise MatchspecError(f"there is no log {source}")
    copied = await copy_log(source, target)
    runs = "1 run" if copied.runs == 1 else f"{copied.runs:,} runs"
    say(f"{click.style('✓', fg='green')} {target}")
    say(f"  events      {copied.head.position:,} of {runs}, all checked")
    say(f"  contents    {copied.contents:,}")
    say(f"  head        event {copied.head.position} of {copied.at}")
    say(f"              {copied.head.hash.hex()}")
    return 0
