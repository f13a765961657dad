"""A log from elsewhere put into a database on PostgreSQL."""

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import AsyncConnection

from domain.errors import Refused
from service.log.address import PostgresUrl
from service.log.postgres.connection import APPENDING, open_writing, unavailable
from service.log.storage import Row

_EVENT = ["int8", "text", "int8", "text", "text", "bytea", "bytea", "bytea"]
_CONTENT = ["bytea", "bytea"]


async def fill(address: PostgresUrl, events: Iterable[Row], contents: Iterable[Row]) -> None:
    """Write a log as it is stored elsewhere, in one transaction. Refused where the database holds events."""
    async with await open_writing(address) as connection:
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
                if await (await connection.execute("SELECT FROM events LIMIT 1")).fetchone() is not None:
                    raise Refused(f"{address} holds events already: a log is copied to where none is yet")
                await _write(connection, b"events", _EVENT, events)
                await _write(connection, b"contents", _CONTENT, contents)
        except psycopg.Error as error:
            raise unavailable(f"can't write the log {address}", error) from error


async def _write(connection: AsyncConnection, table: bytes, types: Sequence[str], rows: Iterable[Row]) -> None:
    async with connection.cursor() as cursor, cursor.copy(b"COPY " + table + b" FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for row in rows:
            await copy.write_row(row)
