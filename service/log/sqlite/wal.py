"""The write-ahead log copied into the database beside the appends: by a connection, and on a thread, of its own.

SQLite does so within a commit once 1,000 pages wait, which makes that commit take three times as long as others. It
still would; but it then finds nearly all copied. What is copied was synced before, so a fault here stops nothing.
"""

import asyncio
import logging
import sqlite3
from pathlib import Path

import aiosqlite

from domain.errors import LogError
from service.log.sqlite.connection import open_writing

logger = logging.getLogger("matchspec.log")

BYTES = 250_000
"""So much is committed between two checkpoints of the write-ahead log."""


class WalCheckpoints:
    """Keeps the write-ahead log of one file short. The connection is opened when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None
        self._grown = 0
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def grow(self, size: int) -> None:
        """Take in that so many bytes were committed."""
        self._grown += size
        if self._grown >= BYTES and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._keep_up(), name="WAL checkpoints")

    async def close(self) -> None:
        """Wait for a checkpoint under way, and close the connection."""
        if self._task:
            await self._task
        await self._disconnect()

    async def _keep_up(self) -> None:
        while self._grown >= BYTES:
            self._grown = 0
            await self._checkpoint()

    async def _checkpoint(self) -> None:
        try:
            self._connection = self._connection or await open_writing(self._path)
            # Passive: it waits for nobody, and nobody for it.
            await self._connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
        except (sqlite3.Error, OSError, LogError) as error:
            if not self._failing:
                logger.warning("the write-ahead log can't be copied into the log, and is tried again: %s", error)
            self._failing = True
            await self._disconnect()
        else:
            self._failing = False

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()
