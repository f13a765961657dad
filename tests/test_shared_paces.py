"""Processes that ask one service: what each may have in flight and a minute, and what becomes of that under faults."""

import asyncio
import json
import math
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from paced import Service, turn
from postgres import Server as Postgres
from postgres import find_programs, new_database, run_sql
from project import examples, write_project
from running import HTTP, Client, FakeModel, serving

from domain.errors import ModelError
from domain.model_spec import HttpModel
from service.execution import shared_paces
from service.execution.pace import Pace
from service.execution.shared_paces import SharedPaces
from service.log.address import PostgresUrl
from service.sharing import allowances
from service.sharing.database import SharedDatabase

pytestmark = pytest.mark.xdist_group("postgres")

OVERLOADED = ModelError("429", retry=True, overloaded=True)
MODEL = HttpModel(endpoint="http://model.test/v1", api_key_env="KEY")
ENVIRONMENT = {"KEY": "sk-11111111"}


@pytest.fixture
def db() -> PostgresUrl:
    """A database without a log."""
    return new_database()


@asynccontextmanager
async def processes(db: PostgresUrl, count: int) -> AsyncIterator[list[SharedPaces]]:
    """The paces of so many processes."""
    async with AsyncExitStack() as stack:
        opened = [await SharedPaces.open(db, ENVIRONMENT, uuid.uuid4().hex) for _ in range(count)]
        for paces in opened:
            stack.push_async_callback(paces.close)
        yield opened


@asynccontextmanager
async def asking(paces: SharedPaces) -> AsyncIterator[Service]:
    """The service as one process asks it."""
    service = Service(pace_of(paces))
    try:
        yield service
    finally:
        await service.leave()


def pace_of(paces: SharedPaces, model: HttpModel = MODEL) -> Pace:
    """Its pace at the model."""
    pace = paces.of(model)
    assert pace
    return pace


async def until(done: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    try:
        async with asyncio.timeout(20):
            while not done():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"waited for {what}")


async def test_a_complaint_in_one_process_limits_all(db: PostgresUrl) -> None:
    """16 calls in flight in two processes, one is told 429: both know within a moment, and may have 4 each."""
    async with processes(db, 2) as (a, b), asking(a) as one, asking(b) as two:
        assert (one.pace.limit, two.pace.limit) == (0, 0)  # nothing is known yet
        await one.begin(8)
        await two.begin(8)
        await until(lambda: len(one.inside) == len(two.inside) == 8, "calls without a limit")
        assert (one.pace.limit, two.pace.limit) == (math.inf, math.inf)
        await asyncio.sleep(0.1)  # in which each tells what it has

        await one.end(8, OVERLOADED)
        await one.begin(20)
        began = time.monotonic()
        await until(lambda: two.pace.limit == 4, "the limit to arrive")
        assert time.monotonic() - began < 5  # a second, on a machine that has time
        await two.begin(20)
        await two.end(8, OVERLOADED)  # these were under way together with the others
        await until(lambda: len(one.inside) == len(two.inside) == 4, "four each")
        await asyncio.sleep(1.2)  # a renewal of both
        assert (len(one.inside), len(two.inside)) == (4, 4)


async def test_answers_let_calls_in_flight_recover(db: PostgresUrl) -> None:
    """From 2 on, 31 answers, in whichever process, make the root of 2 * 2 + 2 * 31: 8 together."""
    async with processes(db, 2) as (a, b), asking(a) as one, asking(b) as two:
        await limit_both(one, two)  # in which one answer was given
        await two.begin(100)
        await one.begin(100)
        for _ in range(30):
            await until(lambda: bool(one.inside or two.inside), "a call")
            await max(one, two, key=lambda service: len(service.inside)).end(1)
        await until(lambda: len(one.inside) == len(two.inside) == 4, "four each")


async def test_a_process_that_goes_leaves_its_share_at_once(db: PostgresUrl) -> None:
    """Of a limit of two calls both are the other's, without waiting for a lease to end."""
    async with processes(db, 1) as (a,), asking(a) as one:
        async with processes(db, 1) as (b,), asking(b) as two:
            await limit_both(one, two)
        async with asyncio.timeout(5):  # a lease is ten seconds
            while len(one.inside) < 2:
                await asyncio.sleep(0.01)


async def limit_both(one: Service, two: Service) -> None:
    """Have a limit of two calls, and one call of each in flight."""
    await one.begin(4)
    await until(lambda: len(one.inside) == 4, "calls without a limit")
    await one.end(4, OVERLOADED)
    await one.begin(4)
    await until(lambda: len(one.inside) == 2, "both calls of the limit")
    await two.begin(4)
    await until(lambda: one.pace.limit == 1, "a smaller share")
    await one.end(1)
    await until(lambda: len(two.inside) == 1, "one each")


async def test_what_wakes_after_its_lease_has_ended_does_not_call(
    db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that can't renew has no allowance after its lease, and the other has all of it.

    When it renews again it gets its share.
    """
    monkeypatch.setattr(allowances, "LEASE_SECONDS", 2.5)
    monkeypatch.setattr(shared_paces, "KEPT_SECONDS", 2.3)
    async with processes(db, 2) as (a, b), asking(a) as one, asking(b) as two:
        await limit_both(one, two)
        async with kept_away(b):
            await until(lambda: len(one.inside) == 2, "what the other had")
            await two.end(1)
            assert two.inside == []
            assert two.pace.limit == 0
        await until(lambda: one.pace.limit == 1, "a smaller share again")
        assert two.inside == []  # both calls are still in flight at the other
        await one.end(1)
        await until(lambda: bool(two.inside), "a call again")


@asynccontextmanager
async def kept_away(paces: SharedPaces) -> AsyncIterator[None]:
    """Keep a process from its database, as if it were frozen."""
    async with paces._database._turn:
        yield


async def test_a_rate_and_a_lease_that_ended_meanwhile(db: PostgresUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that waits for its turn of the rate while the lease ends waits for an allowance anew."""
    monkeypatch.setattr(shared_paces, "KEPT_SECONDS", 0.5)
    monkeypatch.setattr(shared_paces, "RENEW_SECONDS", 0.2)
    async with processes(db, 1) as (paces,):
        service = Service(pace_of(paces, MODEL.__replace__(requests_per_minute=60)))
        await service.begin(2)
        await until(lambda: len(service.inside) == 1, "the first turn")
        async with kept_away(paces):
            await asyncio.sleep(1.5)
            assert len(service.inside) == 1
        await until(lambda: len(service.inside) == 2, "the second turn")
        await service.leave()


async def test_a_service_without_limits_costs_no_statement_a_call(
    db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand calls one after the other ask the database as often as a second has renewals, and a few times more."""
    asked = 0
    ask = SharedDatabase.ask

    async def counted(*arguments: object) -> object:
        nonlocal asked
        asked += 1
        return await ask(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SharedDatabase, "ask", counted)
    async with processes(db, 1) as (paces,):
        pace = pace_of(paces)
        began = time.monotonic()
        for _ in range(1_000):
            async with turn(pace):
                pass
        assert asked <= 3 + (time.monotonic() - began) / shared_paces.RENEW_SECONDS


async def test_no_secret_is_in_the_database(db: PostgresUrl) -> None:
    """Neither key nor endpoint stands there, only digests."""
    async with processes(db, 1) as (paces,):
        async with turn(pace_of(paces, MODEL.__replace__(requests_per_minute=1_000))):
            pass
        kept = [run_sql(db, f"SELECT x::text FROM matchspec_work.{table} AS x") for table in TABLES]
    assert all(kept)
    shown = json.dumps(kept)
    for secret in ("sk-11111111", "model.test", b"sk-11111111".hex(), b"model.test".hex()):
        assert secret not in shown


TABLES = ("rates", "loads", "allowances")


class Crowded(FakeModel):
    """A service that takes six calls at once and refuses more."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self.refused = 0

    async def _take(self, text: str) -> str | httpx.Response:
        if self.in_flight > 6:
            self.refused += 1
            return httpx.Response(429)
        await asyncio.sleep(0.02)
        return text


@asynccontextmanager
async def servers(config: Path, model: FakeModel, db: PostgresUrl) -> AsyncIterator[list[Client]]:
    """Two servers that ask one model."""
    async with serving(config, model, db=db) as one, serving(config, model, db=db) as two:
        yield [one, two]


async def run_both(clients: list[Client]) -> list[str]:
    """Carry a run in each server; gives their verdicts."""
    runs = [await client.start() for client in clients]
    return [(await client.over(run))["verdict"] for client, run in zip(clients, runs, strict=True)]


async def test_two_servers_adapt_to_a_crowded_service_together(tmp_path: Path, db: PostgresUrl) -> None:
    """Runs of both end with every answer and few refusals, where 40 calls meet a service that takes six at once.

    At first at most 34 are refused; then it is half of what was in flight, and each further fall refuses a few.
    """
    crowded = Crowded()
    harness = {"concurrency": 20, "retries": 100, "retry_delay_ms": 0}
    config = write_project(tmp_path, examples=examples(150), model=HTTP, harness=harness)
    async with servers(config, crowded, db) as clients:
        assert await run_both(clients) == ["PASS", "PASS"]
    assert 0 < crowded.refused <= 300  # without a limit nearly every call in flight is refused again and again


async def test_two_servers_share_requests_per_minute(tmp_path: Path, db: PostgresUrl) -> None:
    """Two servers with 4 examples each at 600 a minute: eight calls, one every 100 ms, from first to last 0.7 s."""
    moments: list[float] = []

    async def answer(text: str) -> str:
        moments.append(time.monotonic())
        return text

    config = write_project(tmp_path, examples=examples(4), model={**HTTP, "requests_per_minute": 600})
    async with servers(config, FakeModel(answer), db) as clients:
        assert await run_both(clients) == ["PASS", "PASS"]
    assert len(moments) == 8
    assert moments[-1] - moments[0] >= 0.6  # each may be up to 0.1 s late


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_calls_wait_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without PostgreSQL no call begins once the lease has ended, nor one at a rate; afterwards they go on.

    It is told once that they wait, and once that they go on.
    """
    monkeypatch.setattr(shared_paces, "KEPT_SECONDS", 1.5)
    postgres = Postgres(find_programs())
    postgres.create()
    try:
        await asyncio.to_thread(postgres.start)
        async with processes(new_database(postgres.url), 1) as (paces,), asking(paces) as service:
            rated = pace_of(paces, MODEL.__replace__(requests_per_minute=60_000))
            await service.begin(2)
            rated.release("b", await rated.acquire("b"), None)
            await asyncio.to_thread(postgres.stop)
            await asyncio.sleep(1.6)
            await service.begin(1)
            waiting = asyncio.create_task(rated.acquire("b"))
            await asyncio.sleep(2)
            assert not waiting.done()
            assert len(service.inside) == 2
            await asyncio.to_thread(postgres.start)
            await until(lambda: waiting.done() and len(service.inside) == 3, "calls")
        told = [record.getMessage() for record in caplog.records if record.name == "matchspec.sharing"]
        assert "calls wait" in told[0]
        assert told[1:] == ["limits can be shared again"]
    finally:
        await asyncio.to_thread(postgres.remove)
