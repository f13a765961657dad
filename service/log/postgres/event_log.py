"""The event log in a database on PostgreSQL, written by any number of processes.

Who appends holds one lock to the end of its transaction, so positions have no gap, and whoever reads in order misses
none. Under the lock it first reads what others appended, then decides.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import psycopg
from psycopg import AsyncConnection

from domain.events import Recorded
from domain.share import Share
from service.log.address import PostgresUrl
from service.log.event_log import Append, Decide, EventLog, chained
from service.log.postgres.connection import APPENDING, CHANNEL, open_writing, to_postgres, unavailable
from service.log.postgres.listening import listen
from service.log.postgres.rows import PostgresRows, page_query
from service.log.row import COLUMNS, Row, decoded
from service.log.rows import PAGE, PAGE_BYTES, Rows
from service.log.signing import Signer

logger = logging.getLogger("matchspec.log")

_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({APPENDING})".encode()
_NEWS = to_postgres(
    page_query(f"SELECT {COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT {PAGE}")
).encode()
_INSERT = b"""
INSERT INTO events SELECT * FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::bytea[]
)
"""
_STORE = b"INSERT INTO contents VALUES (%b, %b) ON CONFLICT DO NOTHING"


HandOut = Callable[[AsyncConnection, Sequence[Share]], Awaitable[None]]


class PostgresLog(EventLog):
    """An open log in a database. `hand_out` lets processes take shares once the transaction is committed."""

    shared = True

    def __init__(
        self,
        address: PostgresUrl,
        writing: AsyncConnection,
        rows: Rows,
        checkpoint: Path | None,
        signer: Signer | None,
    ) -> None:
        super().__init__(address, rows, checkpoint, signer)
        self._url = address
        self._writing = writing
        self._turn = asyncio.Lock()
        self._take: Callable[[Recorded], None] = lambda _recorded: None
        self.hand_out: HandOut = _nobody_takes
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        address: PostgresUrl,
        now: str,
        signer: Signer | None = None,
        *,
        checkpoint: Path | None = None,
        accepting: bool = False,
    ) -> Self:
        """Open the log, or create it, which needs the right to create its schema.

        LogUnreadable where the schema is none of ours, LogContradicted where the checkpoint says otherwise,
        LogUnavailable on a fault.
        """
        writing = await open_writing(address)
        try:
            rows = await PostgresRows.open(address)
        except BaseException:
            await writing.close()
            raise
        log = cls(address, writing, rows, checkpoint, signer)
        try:
            await log.begin(now, accepting=accepting)
        except BaseException:
            await log.close()
            raise
        return log

    async def close(self) -> None:
        """Close all connections, which lets go of the runs."""
        if self._listening:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        await super().close()
        await self._writing.close()

    async def reopen(self) -> None:
        """Begin to write again, on a fresh connection."""
        async with self._turn:
            await self._writing.close()
            self._writing = await open_writing(self._url)
        self.head = await self._read_head()

    async def append(self, decide: Decide) -> list[Recorded]:
        """Commit what is decided, once nobody else can append before it is."""
        async with self._turn:
            try:
                await self._begin_alone()
                return await self._commit(decide())
            except psycopg.Error as error:
                await self._abandon()
                raise unavailable("the log can't be written", error) from error
            except BaseException:
                await self._abandon()
                raise

    def follow(self, take: Callable[[Recorded], None], wake: Callable[[], None]) -> None:
        """Hand over what others append, from now on."""
        self._take = take
        self._listening = asyncio.create_task(listen(self._url, self._is_own, wake), name="listening")

    async def _begin_alone(self) -> None:
        # Not in a pipeline: PostgreSQL may then forget to limit for how long it waits for us inside the transaction.
        await self._writing.execute(_BEGIN)
        while news := await self._read_news():
            for recorded in decoded(news):
                self._grow(recorded)
                self._take(recorded)

    async def _read_news(self) -> Sequence[Row]:
        cursor = await self._writing.execute(_NEWS, (self.head.position, PAGE_BYTES), binary=True)
        news: Sequence[Row] = await cursor.fetchall()
        return news

    async def _commit(self, decided: Append) -> list[Recorded]:
        events, contents, shares = decided
        rows, recorded = chained(self.head, events)
        if shares:
            await self.hand_out(self._writing, shares)
        async with self._writing.pipeline(), self._writing.cursor() as cursor:
            if contents:
                await cursor.executemany(_STORE, [(bytes.fromhex(digest), content) for digest, content in contents])
            if rows:
                await cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)], binary=True)
                await cursor.execute(f"NOTIFY {CHANNEL}".encode())
            await cursor.execute("COMMIT")
        return self._committed(recorded)

    async def _abandon(self) -> None:
        with suppress(psycopg.Error):
            await self._writing.rollback()

    def _is_own(self, process: int) -> bool:
        return not self._writing.closed and process == self._writing.info.backend_pid


async def _nobody_takes(_connection: AsyncConnection, shares: Sequence[Share]) -> None:
    raise RuntimeError(f"nothing hands out the {len(shares)} shares of a run")
