"""Calls in flight that several processes share: the limit, its falls and its recovery, and what each process gets."""

import math
import random
from collections.abc import AsyncIterator

import pytest
from postgres import new_database, run_sql

from service.log.address import PostgresUrl
from service.sharing import allowances
from service.sharing.allowances import Allowance, Allowances, Fall, Use
from service.sharing.database import SharedDatabase

pytestmark = pytest.mark.xdist_group("postgres")

SEED = 20261122
SERVICE = b"service"
HELD = "SELECT coalesce(sum(greatest(used, allowed)), 0)::int FROM matchspec_work.allowances"


@pytest.fixture
async def db() -> PostgresUrl:
    """A database without a table."""
    return new_database()


@pytest.fixture
async def database(db: PostgresUrl) -> AsyncIterator[SharedDatabase]:
    """The way there."""
    opened = await SharedDatabase.open(db)
    yield opened
    await opened.close(b"SELECT", {})


class Process:
    """A process that tells what it wants, and never uses more than it was allowed."""

    def __init__(self, database: SharedDatabase, name: str) -> None:
        self._allowances = Allowances(database, name, 0.5)
        self.has = Allowance(None, None, 0)
        self.used = 0

    async def wants(self, wanted: int, *, used: int = 0, answers: int = 0, fall: Fall | None = None) -> int | None:
        """Renew; gives what it is allowed."""
        self.used = used
        self.has = await self._allowances.renew(SERVICE, Use(wanted, used, answers, fall))
        return self.has.calls


async def settled(*wanting: tuple[Process, int]) -> list[int | None]:
    """What processes are allowed once each has heard of all the others."""
    for _ in range(2):
        for process, wanted in wanting:
            await process.wants(wanted)
    return [process.has.calls for process, _ in wanting]


async def limit_to(process: Process, calls: int) -> None:
    """Have a limit of so many calls, by the first fall."""
    await process.wants(0)
    await process.wants(0, fall=Fall(process.has.falls, 2 * calls))


async def test_there_is_no_limit_until_the_first_fall(database: SharedDatabase) -> None:
    """Then it is half of what all have in flight, and is not lowered again for calls that were under way with those."""
    one, two = Process(database, "one"), Process(database, "two")
    assert await one.wants(10, used=10) is None
    assert await two.wants(6, used=6, answers=50) is None

    await one.wants(10, used=0, fall=Fall(0, 10))
    assert (one.has.limit, one.has.falls) == (8, 1)
    await two.wants(6, used=0, fall=Fall(0, 6))
    assert (two.has.limit, two.has.falls) == (8, 1)
    await two.wants(6, used=0, fall=Fall(1, 6))
    assert (two.has.limit, two.has.falls) == (4, 2)
    await two.wants(0, fall=Fall(2, 0))
    await two.wants(0, fall=Fall(3, 0))
    await two.wants(0, fall=Fall(4, 0))
    assert two.has.limit == 1


async def test_answers_of_all_processes_let_it_grow(database: SharedDatabase) -> None:
    """By 1/limit for each: 5 answers make 4 to the root of 4 * 4 + 2 * 5, 5.099; 20 more to that of 66, 8.124."""
    one, two = Process(database, "one"), Process(database, "two")
    await limit_to(one, 4)

    assert await one.wants(100, answers=5) == 5
    await two.wants(0, answers=20)
    assert two.has.limit == pytest.approx(math.sqrt(66))


@pytest.mark.parametrize(
    ("limit", "wanted", "given"),
    [
        (12, [20, 20, 20], [4, 4, 4]),
        (12, [1, 20, 20], [1, 5, 5]),  # and one more goes around
        (13, [1, 20, 20], [1, 6, 6]),
        (12, [2, 3, 4], [2, 3, 4]),
        (12, [0, 0, 30], [0, 0, 12]),
        (12, [5, 4, 30], [4, 4, 4]),
        (1, [3, 3, 3], [0, 0, 0]),  # and the one goes around
    ],
)
async def test_the_limit_is_shared_fairly(
    database: SharedDatabase, limit: int, wanted: list[int], given: list[int]
) -> None:
    """Nobody gets more than it wants; who gets less than it wants gets as much as anybody, to one call."""
    wanting = [(Process(database, f"{number}"), want) for number, want in enumerate(wanted)]
    await limit_to(wanting[0][0], limit)

    got = await settled(*wanting)
    rest = min(limit, sum(wanted)) - sum(given)
    more = [calls - least for calls, least in zip(got, given, strict=True) if calls is not None]
    assert set(more) <= {0, 1}
    assert sum(more) in {rest, rest - 1}  # none, where its turn has just moved on


async def test_a_call_that_is_left_goes_around(database: SharedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a limit of one call, each of three processes has its turn."""
    monkeypatch.setattr(allowances, "ROUND_SECONDS", 0.2)
    processes = [Process(database, name) for name in ("a", "b", "c")]
    await limit_to(processes[0], 1)
    had: set[int] = set()
    for _ in range(2_000):
        for number, process in enumerate(processes):
            if await process.wants(5):
                had.add(number)
        if len(had) == 3:
            break
    assert had == {0, 1, 2}


async def test_what_others_have_in_flight_comes_free_first(database: SharedDatabase) -> None:
    """Six of eight are in flight at one when another comes: that gets two, and its half as the first lets go."""
    one, two = Process(database, "one"), Process(database, "two")
    await limit_to(one, 8)
    assert await one.wants(20, used=6) == 8
    assert await two.wants(20) == 0
    assert await one.wants(20, used=6) == 4
    assert await two.wants(20) == 2
    assert await one.wants(20, used=4) == 4
    assert await two.wants(20) == 4


async def test_a_lease_that_is_not_renewed_ends(database: SharedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process had is the others' then; what one had that says good-bye, at once."""
    one, two = Process(database, "one"), Process(database, "two")
    await limit_to(one, 8)
    assert await one.wants(8, used=8) == 8
    assert await two.wants(8) == 0
    monkeypatch.setattr(allowances, "LEASE_SECONDS", 0.0)
    assert await two.wants(8) == 8


async def test_a_service_that_nobody_asked_for_long_begins_anew(
    database: SharedDatabase, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it could do then says little about what it can do now."""
    one = Process(database, "one")
    await limit_to(one, 3)
    assert await one.wants(8) == 3
    monkeypatch.setattr(allowances, "FORGOTTEN_SECONDS", 0.0)
    assert await one.wants(8) is None


async def test_whatever_is_wanted_the_sum_never_grows_beyond_the_limit(
    database: SharedDatabase, db: PostgresUrl
) -> None:
    """Five processes want at random, use what they may or less, and the limit falls and grows."""
    draw = random.Random(SEED)
    processes = [Process(database, f"{number}") for number in range(5)]
    await limit_to(processes[0], 10)
    before = 0
    for step in range(400):
        process = draw.choice(processes)
        used = draw.randint(0, max(process.used, process.has.calls or 0))
        fall = Fall(process.has.falls, used) if draw.random() < 0.03 else None
        await process.wants(used + draw.randint(0, 8), used=used, answers=draw.randint(0, 4), fall=fall)
        ((held,),) = run_sql(db, HELD)
        assert held <= max(before, math.floor(process.has.limit or 0)), f"step {step} of seed {SEED}"
        before = held
