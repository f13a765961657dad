"""Opening a log, wherever it is. What a database needs is imported only where a log is in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from service.log.address import LogAddress
from service.log.event_log import EventLog
from service.log.reading import LogReader
from service.log.signing import Signer
from service.log.sqlite.event_log import SqliteLog
from service.log.sqlite.rows import SqliteRows
from service.log.sqlite.storage import SqliteStorage
from service.log.storage import Storage


async def open_log(address: LogAddress, now: str, signer: Signer | None = None, *, accepting: bool = False) -> EventLog:
    """Open a log to write, or create it; `now` is the time as the log writes it, `signer` signs its checkpoints.

    LogInUse where another process must be the only one to write it, LogUnreadable where it is none of ours,
    LogContradicted where its checkpoint says otherwise, LogUnavailable on a fault.
    """
    assert isinstance(address, Path)
    return await SqliteLog.open(address, now, signer, accepting=accepting)


async def connect_reader(address: LogAddress) -> LogReader:
    """Open a log to read; a file's path is absolute.

    LogUnavailable where it can't be opened, LogUnreadable where it is none of ours.
    """
    assert isinstance(address, Path)
    reader = LogReader(address, await SqliteRows.open(address))
    try:
        await reader.check_format()
    except BaseException:
        await reader.close()
        raise
    return reader


@asynccontextmanager
async def open_reader(address: LogAddress) -> AsyncIterator[LogReader]:
    """Open a log to read, for the time of a block."""
    reader = await connect_reader(address)
    try:
        yield reader
    finally:
        await reader.close()


def open_storage(address: LogAddress) -> Storage:
    """Open a log to check; LogUnavailable."""
    assert isinstance(address, Path)
    return SqliteStorage(address)


def is_there(address: LogAddress) -> bool:
    """Whether a log is where it should be, as far as one sees without asking a server."""
    return not isinstance(address, Path) or address.is_file()
