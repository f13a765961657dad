"""A log moved to another place: from a file into a database, or back."""

from contextlib import closing
from pathlib import Path

from domain.errors import LogUnreadable
from service.log.address import LogAddress
from service.log.opening import check_installed, open_storage
from service.log.sqlite.filling import fill as fill_file
from service.log.verifying import Verified, verify_log


async def copy_log(source: LogAddress, target: LogAddress) -> Verified:
    """Copy what a log holds by now, as it is stored; gives what the copy holds, which is checked like the source.

    Refused where the target is not empty, LogUnreadable where the source is not what was recorded.
    """
    found = verify_log(source)
    if found.breaks:
        raise LogUnreadable(f"the log {source} was altered, and no copy was made: {found.breaks[0]}")
    with closing(open_storage(source)) as log:
        if isinstance(target, Path):
            fill_file(target, log.events(), log.contents())
        else:
            check_installed()
            from service.log.postgres.filling import fill  # noqa: PLC0415 - an extra

            await fill(target, log.events(), log.contents())
    copied = verify_log(target)
    if copied.breaks:
        raise LogUnreadable(f"the copy {target} is not what was recorded: {copied.breaks[0]}")
    return copied
