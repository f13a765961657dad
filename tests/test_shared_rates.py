"""Requests per minute that several processes share through a database."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain

import pytest
from postgres import new_database

from service.log.address import PostgresUrl
from service.sharing.database import SharedDatabase
from service.sharing.rates import SharedRate

pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture
def db() -> PostgresUrl:
    """A database without a table."""
    return new_database()


@asynccontextmanager
async def rates(db: PostgresUrl, count: int, per_minute: float) -> AsyncIterator[list[SharedRate]]:
    """One rate as so many processes have it; all of them find no table yet."""
    async with AsyncExitStack() as stack:
        databases = await asyncio.gather(*(SharedDatabase.open(db) for _ in range(count)))
        made = [SharedRate(database, b"rate", per_minute) for database in databases]
        for database, rate in zip(databases, made, strict=True):
            stack.push_async_callback(database.close, b"SELECT", {})
            stack.push_async_callback(rate.close)
        yield made


async def moments_of(rate: SharedRate, calls: int) -> list[float]:
    """When calls that wait together may begin."""

    async def call() -> float:
        await rate.acquire()
        return time.monotonic()

    return await asyncio.gather(*(call() for _ in range(calls)))


@pytest.mark.parametrize(("per_minute", "calls"), [(1_200, 6), (12_000, 40)])
async def test_turns_of_all_processes_are_evenly_spaced(db: PostgresUrl, per_minute: float, calls: int) -> None:
    """1,200 a minute are one every 50 ms, whoever asks, from the first on: no burst, also after a pause.

    A turn comes up to its interval late, 0.1 s at the least.
    """
    interval = 60 / per_minute
    async with rates(db, 3, per_minute) as made:
        for _ in range(2):
            moments = sorted(chain(*await asyncio.gather(*(moments_of(rate, calls) for rate in made))))
            assert len(moments) == 3 * calls
            assert moments[-1] - moments[0] >= (3 * calls - 1) * interval - 0.1
            await asyncio.sleep(0.3)


async def test_what_is_reserved_is_bounded(db: PostgresUrl) -> None:
    """With 100 calls waiting in one process at 300 a minute, another's first call has its turn within two seconds."""
    async with rates(db, 2, 300) as (busy, other):
        calls = asyncio.create_task(moments_of(busy, 100))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(10):  # 20 seconds if it came behind all of them
            await other.acquire()
        calls.cancel()


async def test_the_turn_of_a_call_that_goes_away_is_the_next_ones(db: PostgresUrl) -> None:
    """At 60 a minute the second call has its turn after a second; it is cancelled, and the third takes that turn."""
    async with rates(db, 1, 60) as (rate,):
        await rate.acquire()
        began = time.monotonic()
        second = asyncio.create_task(rate.acquire())
        await asyncio.sleep(0.3)
        second.cancel()
        await rate.acquire()
        assert 0.9 < time.monotonic() - began < 1.9  # 2.0 if a turn of its own were reserved


async def test_a_process_that_was_frozen_makes_no_burst(db: PostgresUrl) -> None:
    """Turns that passed while it was frozen are void: at 600 a minute, calls come one every 0.1 s again."""
    async with rates(db, 1, 600) as (rate,):
        calls = asyncio.create_task(moments_of(rate, 12))
        await asyncio.sleep(0.15)
        time.sleep(1.0)  # noqa: ASYNC251 - nothing of this process runs
        thawed = time.monotonic()
        after = sorted(moment for moment in await calls if moment >= thawed)
        assert len(after) >= 9  # three at the most came in 0.15 s
        for number, moment in enumerate(after):
            assert moment - after[0] >= 0.1 * (number - 1) - 0.02  # one may come late, and the next in time
