"""PostgreSQL as the log needs it: connections that notice when the other side is gone, and the schema in place."""

import hashlib
import logging
from collections.abc import Sequence
from importlib.resources import files

import psycopg
from psycopg import AsyncConnection, Connection, IsolationLevel
from psycopg.conninfo import make_conninfo

from domain.errors import LogUnavailable, LogUnreadable
from service.log.address import PostgresUrl

MARKER = "matchspec event log"
"""The comment of the schema `matchspec` that holds a log."""

CHANNEL = "matchspec"
"""Where whoever appended notifies the others."""

logging.getLogger("psycopg").setLevel(logging.ERROR)  # what fails here is told by us

_PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "6000",  # milliseconds
}
_READING = "SET search_path = matchspec; SET default_transaction_read_only = on"
_WRITING = """
SET search_path = matchspec, matchspec_work; -- where shares are handed out, in the transaction of an append
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '5s'; -- whoever is frozen while it holds the lock of appends loses it
SET tcp_keepalives_idle = 3; -- whoever is cut off loses all its locks after some six seconds
SET tcp_keepalives_interval = 1;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = '6s';
DO $$BEGIN
    SET client_connection_check_interval = '2s'; -- also while it waits for a lock
EXCEPTION WHEN invalid_parameter_value THEN NULL; -- PostgreSQL can't on every system
END$$
"""
_FOUND = """
SELECT to_regnamespace('matchspec') IS NOT NULL, obj_description(to_regnamespace('matchspec'), 'pg_namespace'),
       EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('matchspec'))
"""


def lock_key(name: str) -> int:
    """Give the number of an advisory lock: those of a database are told apart by 64 bits."""
    return int.from_bytes(hashlib.sha256(f"matchspec {name}".encode()).digest()[:8], signed=True)


APPENDING = lock_key("append")
"""Held by whoever appends, to the end of its transaction."""


async def open_reading(address: PostgresUrl) -> AsyncConnection:
    """Open a connection that can't write; LogUnavailable."""
    return await connect(address, _READING)


async def open_writing(address: PostgresUrl) -> AsyncConnection:
    """Open the connection that appends, with the schema in place.

    What is committed must be synced: with `synchronous_commit` or `fsync` off, a crash takes back what readers were
    shown. LogUnavailable; LogUnreadable where the schema is that of another program, or what is committed is not
    synced.
    """
    connection = await connect(address, _WRITING)
    try:
        await _prepare(connection, address)
    except psycopg.Error as error:
        await connection.close()
        raise unavailable(f"can't open the log {address}", error) from error
    except BaseException:
        await connection.close()
        raise
    return connection


def open_stored(address: PostgresUrl) -> Connection:
    """Open a connection that can't write, for use without asyncio; LogUnavailable."""
    try:
        connection = psycopg.connect(conninfo(address), autocommit=True)
        connection.execute(_READING)
    except psycopg.Error as error:
        raise unavailable(f"can't open the log {address}", error) from error
    return connection


def to_postgres(query: str) -> str:
    """Write a query as psycopg takes it: with `%s` for a value."""
    return query.replace("%", "%%").replace("?", "%s")


def unavailable(what: str, error: psycopg.Error) -> LogUnavailable:
    """Tell a fault in one line. What is wrong with a URL is not told: it could be a part of its password."""
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return LogUnavailable(f"{what}: the URL is not one that PostgreSQL's client can read")
    lines = str(error).strip().splitlines()
    return LogUnavailable(f"{what}: {lines[0] if lines else type(error).__name__}")


async def connect(address: PostgresUrl, settings: str) -> AsyncConnection:
    """Connect, and say how the connection is to be; LogUnavailable."""
    try:
        connection = await AsyncConnection.connect(conninfo(address), autocommit=True)
        await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
        await connection.execute(settings)
    except psycopg.Error as error:
        raise unavailable(f"can't open the log {address}", error) from error
    return connection


def conninfo(address: PostgresUrl) -> str:
    """Give the URL with what every connection has."""
    return make_conninfo(address.url, application_name="matchspec", client_encoding="utf8", **_PATIENCE)


async def _prepare(connection: AsyncConnection, address: PostgresUrl) -> None:
    if await _one(connection, "SHOW synchronous_commit") == ("off",):
        await connection.execute("SET synchronous_commit = on")
    for name in ("synchronous_commit", "fsync"):
        if await _one(connection, f"SHOW {name}") == ("off",):
            raise LogUnreadable(f"{address}: what the log records must be synced, and {name} is off")
    if not await _holds_log(connection, address):
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
            if not await _holds_log(connection, address):
                await _create(connection)


async def _holds_log(connection: AsyncConnection, address: PostgresUrl) -> bool:
    """Whether the schema is there with all that is in it: LogUnreadable where that is not ours."""
    _, comment, filled = await _one(connection, _FOUND)
    if filled and comment != MARKER:
        raise LogUnreadable(f"{address}: the schema matchspec is that of another program, not an event log")
    return bool(filled)


async def _create(connection: AsyncConnection) -> None:
    there, *_ = await _one(connection, _FOUND)
    if not there:
        await connection.execute("CREATE SCHEMA matchspec")
    await connection.execute(files("service.log.postgres").joinpath("schema.sql").read_bytes())


async def _one(connection: AsyncConnection, query: str) -> Sequence[object]:
    return await (await connection.execute(query.encode())).fetchone() or ()
