"""Opening a log, wherever it is. What a database needs is imported only where a log is in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from domain.errors import Refused
from service.log.address import LogAddress
from service.log.event_log import EventLog
from service.log.reading import LogReader
from service.log.rows import Rows
from service.log.signing import Signer
from service.log.sqlite.event_log import SqliteLog
from service.log.sqlite.rows import SqliteRows
from service.log.sqlite.storage import SqliteStorage
from service.log.storage import Storage


async def open_log(
    address: LogAddress,
    now: str,
    signer: Signer | None = None,
    *,
    checkpoint: Path | None = None,
    accepting: bool = False,
) -> EventLog:
    """Open a log to write, or create it; `now` is the time as the log writes it, `signer` signs its checkpoints.

    A log on PostgreSQL has its `checkpoint` in this file, if in any; one in a file has it beside itself. LogInUse where
    another process must be the only one to write it, LogUnreadable where it is none of ours, LogContradicted where its
    checkpoint says otherwise, LogUnavailable on a fault.
    """
    if isinstance(address, Path):
        return await SqliteLog.open(address, now, signer, accepting=accepting)
    check_installed()
    from service.log.postgres.event_log import PostgresLog  # noqa: PLC0415 - an extra

    return await PostgresLog.open(address, now, signer, checkpoint=checkpoint, accepting=accepting)


async def connect_reader(address: LogAddress) -> LogReader:
    """Open a log to read; a file's path is absolute.

    LogUnavailable where it can't be opened, LogUnreadable where it is none of ours.
    """
    reader = LogReader(address, await _open_rows(address))
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
    if isinstance(address, Path):
        return SqliteStorage(address)
    check_installed()
    from service.log.postgres.storage import PostgresStorage  # noqa: PLC0415 - an extra

    return PostgresStorage(address)


def is_there(address: LogAddress) -> bool:
    """Whether a log is where it should be, as far as one sees without asking a server."""
    return not isinstance(address, Path) or address.is_file()


async def _open_rows(address: LogAddress) -> Rows:
    if isinstance(address, Path):
        return await SqliteRows.open(address)
    check_installed()
    from service.log.postgres.rows import PostgresRows  # noqa: PLC0415 - an extra

    return await PostgresRows.open(address)


def check_installed() -> None:
    """Raise Refused where PostgreSQL's client is not installed."""
    if not find_spec("psycopg"):
        raise Refused("a log on PostgreSQL needs a package that is not installed: pip install 'matchspec[postgres]'")
