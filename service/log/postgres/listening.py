"""Hearing that others appended to a log on PostgreSQL. It only wakes: what is new is read in order, by position."""

import asyncio
import logging
from collections.abc import Callable

import psycopg

from domain.errors import LogUnavailable
from service.log.address import PostgresUrl
from service.log.postgres.connection import CHANNEL, open_reading

logger = logging.getLogger("matchspec.log")

LOOK_SECONDS = 1.0
"""So often it wakes at the least, since what was notified while nobody listened is not told again."""


async def listen(address: PostgresUrl, is_own: Callable[[int], bool], wake: Callable[[], None]) -> None:
    """Wake, for ever, when another process than our own appended."""
    while True:
        try:
            await _listen(address, is_own, wake)
        except (psycopg.Error, LogUnavailable) as error:
            logger.debug("not listening: %s", error)
        await asyncio.sleep(LOOK_SECONDS)
        wake()


async def _listen(address: PostgresUrl, is_own: Callable[[int], bool], wake: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    async with await open_reading(address) as connection:
        await connection.execute(f"LISTEN {CHANNEL}".encode())
        looked = 0.0
        while True:
            others = False
            async for notice in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                others = not is_own(notice.pid)
            if others or loop.time() - looked >= LOOK_SECONDS:
                looked = loop.time()
                wake()
