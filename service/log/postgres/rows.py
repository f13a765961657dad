"""Rows of a log on PostgreSQL."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection

from domain.errors import LogUnreadable
from domain.stretch import Stretch, stretches
from service.log.address import PostgresUrl
from service.log.postgres.connection import open_reading, to_postgres, unavailable
from service.log.row import COLUMNS, Row, decoded
from service.log.rows import PAGE_BYTES, RUN, Rows, Span, check_whole


class PostgresRows(Rows):
    """A connection to read with; one that broke is made anew by the next who reads."""

    def __init__(self, address: PostgresUrl, connection: AsyncConnection) -> None:
        self._address = address
        self._connection = connection
        self._connecting = asyncio.Lock()

    @classmethod
    async def open(cls, address: PostgresUrl) -> Self:
        """Connect; LogUnavailable."""
        return cls(address, await open_reading(address))

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def read(self, query: str, *parameters: object) -> list[Any]:
        """Read rows; again where the connection turns out to be one that was cut off. LogUnreadable without a log."""
        try:
            connection = await self._connected()
            try:
                return await _read(connection, query, parameters)
            except psycopg.OperationalError:
                if not connection.closed:
                    raise
            return await _read(await self._connected(), query, parameters)
        except psycopg.errors.UndefinedTable as error:
            raise LogUnreadable(f"{self._address} holds no event log") from error
        except psycopg.Error as error:
            raise unavailable("the log can't be read", error) from error

    async def read_page(self, query: str, *parameters: object, page_bytes: int = PAGE_BYTES) -> Sequence[Row]:
        """Read events in the order of their positions: none beyond that which fills a page."""
        return await self.read(page_query(query), *parameters, page_bytes)

    async def read_bodies(self, run_id: str, versions: Sequence[int], up_to: int) -> dict[int, bytes]:
        """Read the bodies of some events of a run by their versions, of those that have at most `up_to` bytes."""
        marks = ",".join("?" * len(versions))
        query = f"SELECT version, body FROM events WHERE run_id = ? AND version IN ({marks}) AND length(body) <= ?"
        return dict(await self.read(query, run_id, *versions, up_to))

    async def fold_page(self, spans: deque[Span], take: Callable[[Stretch], None]) -> None:
        """Fold the next events of the first span."""
        span = spans.popleft()
        recorded = decoded(await self.read_page(RUN, *span))
        if not recorded:
            return
        last = recorded[-1].version
        check_whole(span.run_id, span.after, last, len(recorded))
        for stretch in stretches(recorded):
            take(stretch)
        spans.appendleft(span._replace(after=last))

    async def _connected(self) -> AsyncConnection:
        async with self._connecting:
            if self._connection.closed:
                self._connection = await open_reading(self._address)
            return self._connection


async def _read(connection: AsyncConnection, query: str, parameters: Sequence[object]) -> list[Any]:
    cursor = await connection.execute(to_postgres(query).encode(), parameters, binary=True)
    return await cursor.fetchall()


def page_query(query: str) -> str:
    """Cut a query of events where a page is full; its last value is the page's size in bytes of bodies."""
    return (
        f"SELECT {COLUMNS} FROM ("
        f" SELECT page.*, sum(length(body)) OVER (ORDER BY position) - length(body) AS before FROM ({query}) AS page"
        f") AS counted WHERE before < ? ORDER BY position"
    )
