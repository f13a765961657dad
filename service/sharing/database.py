"""The database through which processes share limits: one connection, opened again when it broke."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Self

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection

from domain.errors import LogUnavailable
from service.log.address import PostgresUrl
from service.log.postgres.connection import connect, unavailable
from service.sharing.connecting import prepare

logger = logging.getLogger("matchspec.sharing")

CLOSE_SECONDS = 2.0
"""How long a last statement may take."""

_SETTINGS = "SET search_path = matchspec_work; SET statement_timeout = '5s'"


class SharedDatabase:
    """Runs statements one after the other. A fault is told once, and when it is over."""

    def __init__(self, address: PostgresUrl) -> None:
        self._address = address
        self._turn = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self._failing = False

    @classmethod
    async def open(cls, address: PostgresUrl) -> Self:
        """Connect, with the tables in place. LogUnavailable, LogUnreadable."""
        await prepare(address)
        database = cls(address)
        database._connection = await connect(address, _SETTINGS)
        return database

    async def close(self, last: bytes, parameters: Mapping[str, object]) -> None:
        """Run a last statement, if it can be done quickly, and disconnect."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.ask(last, parameters)
        except (LogUnavailable, TimeoutError) as error:
            logger.debug("%s", error)
        await self._disconnect()

    async def ask(self, query: bytes, parameters: Mapping[str, object]) -> Sequence[object]:
        """Run statements as one transaction; gives the last one's first row. LogUnavailable.

        They are sent in one message, so that a process that is frozen holds no lock.
        """
        async with self._turn:
            try:
                row = await self._ask(query, parameters)
            except psycopg.Error as error:
                await self._disconnect()
                raise self._told(unavailable("limits can't be shared, and calls wait", error)) from error
            except LogUnavailable as error:
                raise self._told(error) from None
        if self._failing:
            logger.warning("limits can be shared again")
            self._failing = False
        return row

    async def _ask(self, query: bytes, parameters: Mapping[str, object]) -> Sequence[object]:
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._address, _SETTINGS)
        async with AsyncClientCursor(self._connection) as cursor:
            await cursor.execute(query, parameters)
            while cursor.nextset():
                pass
            return await cursor.fetchone() or () if cursor.description else ()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()

    def _told(self, error: LogUnavailable) -> LogUnavailable:
        logger.log(logging.DEBUG if self._failing else logging.WARNING, "%s", error)
        self._failing = True
        return error
