"""The schema `matchspec_work` of a log's database. What it holds is work to be done, never a fact: it may be lost."""

from importlib.resources import files

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection

from domain.errors import LogUnavailable, LogUnreadable
from service.log.address import PostgresUrl
from service.log.postgres.connection import connect, lock_key, unavailable

SETTINGS = """
SET search_path = matchspec_work;
SET synchronous_commit = off; -- what would be lost in a crash is handed out anew
SET idle_in_transaction_session_timeout = '10s' -- whoever is frozen while others wait for it loses its turn
"""

MARKER = "matchspec work 2, procrastinate 3.10"
"""The comment of the schema, which tells what made its tables."""

_FOUND = "SELECT obj_description(to_regnamespace('matchspec_work'), 'pg_namespace')"


async def prepare(address: PostgresUrl) -> None:
    """Make the schema where there is none, which needs the right to do so.

    LogUnavailable; LogUnreadable where it is not what this version makes.
    """
    connection = await connect(address, SETTINGS)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("work"),))
            await _make(connection, address)
    except psycopg.Error as error:
        raise unavailable(f"can't share out work in {address}", error) from error
    finally:
        await connection.close()


async def _make(connection: AsyncConnection, address: PostgresUrl) -> None:
    there, comment = await _one(connection, f"SELECT to_regnamespace('matchspec_work') IS NOT NULL, ({_FOUND})")
    if there and comment != MARKER:
        raise LogUnreadable(
            f"{address}: the schema matchspec_work was made by another version ({comment}). It holds no fact: stop all "
            "servers and workers, drop it, and start them again"
        )
    if not there:
        await connection.execute("CREATE SCHEMA matchspec_work")
        await connection.execute(SchemaManager.get_schema().encode())
        for name in ("schema.sql", "paces.sql"):
            await connection.execute(files("service.sharing").joinpath(name).read_bytes())
        await connection.execute(f"COMMENT ON SCHEMA matchspec_work IS '{MARKER}'".encode())


async def _one(connection: AsyncConnection, query: str) -> tuple[object, object]:
    row = await (await connection.execute(query.encode())).fetchone()
    if row is None:
        raise LogUnavailable
    return row[0], row[1]
