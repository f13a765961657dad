"""Rows of a log in a SQLite file."""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite

from domain.errors import LogUnavailable
from domain.stretch import Stretch
from service.log.row import Row
from service.log.rows import PAGE_BYTES, Rows, Span
from service.log.sqlite.connection import on_its_thread, open_reading
from service.log.sqlite.joined_bodies import read_bodies
from service.log.sqlite.run_parts import fold_page

T = TypeVar("T")


class SqliteRows(Rows):
    """A connection to read with, and its thread."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open a file by its absolute path; LogUnavailable where it can't be opened."""
        try:
            return cls(await open_reading(path))
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"can't open the log {path}: {error}") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def read_page(self, query: str, *parameters: object, page_bytes: int = PAGE_BYTES) -> Sequence[Row]:
        """Read events in the order of their positions: none beyond that which fills a page."""
        return await self._read(_fetch_page, query, parameters, page_bytes)

    async def read_bodies(self, run_id: str, versions: Sequence[int], up_to: int) -> dict[int, bytes]:
        """Read the bodies of some events of a run by their versions, of those that have at most `up_to` bytes."""
        return await self._read(read_bodies, run_id, versions, up_to)

    async def fold_page(self, spans: deque[Span], take: Callable[[Stretch], None]) -> None:
        """Fold the next events on the connection's thread, of as many spans as a page has room for."""
        await self._read(fold_page, spans, take)

    async def read(self, query: str, *parameters: object) -> list[Any]:
        """Read rows."""
        return await self._read(_fetch_all, query, parameters)

    async def _read(self, call: Callable[..., T], *arguments: object) -> T:
        try:
            return await on_its_thread(self._connection, call, *arguments)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LogUnavailable(f"the log can't be read: {error}") from error


def _fetch_all(connection: sqlite3.Connection, query: str, parameters: Sequence[object]) -> list[Any]:
    return connection.execute(query, parameters).fetchall()


def _fetch_page(connection: sqlite3.Connection, query: str, parameters: Sequence[object], page_bytes: int) -> list[Row]:
    page: list[Row] = []
    size = 0
    with closing(connection.execute(query, parameters)) as rows:
        for row in rows:
            page.append(row)
            size += len(row[5])
            if size >= page_bytes:
                break
    return page
