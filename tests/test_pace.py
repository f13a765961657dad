"""How fast a model's service is asked: calls in flight that fall and recover, requests per minute, shared by runs."""

import asyncio
import math
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from aiolimiter import AsyncLimiter
from paced import Service, turn
from project import examples, suite, write_config, write_harness, write_project
from running import HTTP, FakeModel, serving

from domain.errors import ModelError
from domain.model_spec import CommandModel, EchoModel, HttpModel, Model, OpenAIModel
from service.execution import queue
from service.execution.pace import Pace, Paces
from service.execution.queue import Limits

OVERLOADED = ModelError("429", retry=True, overloaded=True)
BROKEN = ModelError("500", retry=True)
HERE, THERE = "http://model.test/v1", "http://model.test/v2"


async def test_there_is_no_limit_until_the_service_complains() -> None:
    """Calls go as they come; answers and other errors change nothing."""
    service = Service(Pace(None, adaptive=True))
    await service.begin(500)
    await service.end(100)
    await service.end(100, BROKEN)

    assert len(service.inside) == 300
    assert service.pace.limit == math.inf
    await service.leave()


async def test_calls_that_were_under_way_together_make_it_fall_once() -> None:
    """Of 16 calls 15 are refused: 8 may be in flight then, not 16 / 2^15."""
    service = Service(Pace(None, adaptive=True))
    await service.begin(16)
    await service.end(15, OVERLOADED)
    assert service.pace.limit == 8

    await service.begin(20)
    assert len(service.inside) == 8
    await service.leave()


async def test_a_call_begun_after_the_fall_makes_it_fall_again() -> None:
    """16 in flight, then 8, then 4."""
    service = Service(Pace(None, adaptive=True))
    await service.begin(16)
    await service.end(16, OVERLOADED)
    await service.begin(8)
    await service.end(1, OVERLOADED)

    assert service.pace.limit == 4
    await service.leave()


async def test_one_call_is_always_let_through() -> None:
    """However often the service complains, the limit stays 1."""
    service = Service(Pace(None, adaptive=True))
    for _ in range(5):
        await service.begin(2)
        await service.end(2, OVERLOADED)

    assert service.pace.limit == 1
    assert len(service.inside) == 1  # the next of those that waited
    await service.leave()


async def test_each_round_of_answers_lets_one_more_through() -> None:
    """From 4 on: 1/4 for each answer, so that after a round of them about one more call is in flight."""
    service = Service(Pace(None, adaptive=True))
    await service.begin(8)
    await service.end(8, OVERLOADED)
    await service.begin(100)
    assert len(service.inside) == 4

    await service.end(1)  # 4.25: no fifth yet
    assert len(service.inside) == 4
    await service.end(4)  # 4.25 + 0.235 + 0.223 + 0.212 + 0.203 = 5.12
    assert len(service.inside) == 5
    await service.end(6)  # two rounds of about five later there are at least six
    await service.end(5)
    assert 6 <= len(service.inside) <= 7
    await service.leave()


async def test_other_errors_neither_lower_nor_raise_the_limit() -> None:
    """A 500, a timeout or a broken connection says nothing about how much the service can do."""
    service = Service(Pace(None, adaptive=True))
    await service.begin(8)
    await service.end(8, OVERLOADED)
    await service.begin(100)
    await service.end(40, BROKEN)

    assert service.pace.limit == 4
    await service.leave()


async def test_a_cancelled_call_leaves_the_limit_alone() -> None:
    """Neither an answer nor a complaint: only its place is free."""
    service = Service(Pace(None, adaptive=True))
    await service.begin(4)
    await service.end(1, OVERLOADED)
    await service.leave()

    assert service.pace.limit == 2
    again = Service(service.pace)
    await again.begin(3)
    assert len(again.inside) == 2
    await again.leave()


async def test_with_adaptive_off_a_complaint_changes_nothing() -> None:
    """`adaptive: false` leaves calls in flight as the harness file has them."""
    service = Service(Pace(None, adaptive=False))
    await service.begin(16)
    await service.end(8, OVERLOADED)
    await service.begin(20)

    assert len(service.inside) == 28
    await service.leave()


async def test_a_lowered_limit_is_shared_fairly_between_runs() -> None:
    """Two runs ask: of two places each has one, though the first run was there before with many calls."""
    pace = Pace(None, adaptive=True)
    service = Service(pace)
    await service.begin(4, "a")
    await service.end(4, OVERLOADED)
    await service.begin(10, "a")

    second = Service(pace)
    await second.begin(10, "b")
    await service.end(1)
    assert (len(service.inside), len(second.inside)) == (1, 1)
    await second.leave()
    await service.leave()


async def test_requests_per_minute_come_one_by_one() -> None:
    """1,200 a minute is one every 50 ms, from the first on: no burst, also after a pause."""
    pace = Pace(AsyncLimiter(1, 0.05), adaptive=True)
    began: list[float] = []

    async def call() -> None:
        async with turn(pace):
            began.append(time.monotonic())

    await asyncio.gather(*(call() for _ in range(4)))
    await asyncio.sleep(0.3)
    await asyncio.gather(*(call() for _ in range(4)))

    for some in (began[:4], began[4:]):
        for number, moment in enumerate(some):
            assert moment - some[0] >= 0.05 * number - 0.01
    assert began[3] - began[0] < 0.6


HTTP_MODEL = HttpModel(endpoint=HERE)
ENVIRONMENT = {"KEY": "sk-11111111", "SAME": "sk-11111111", "OTHER": "sk-22222222", "HOST": "model.test"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (HTTP_MODEL, HttpModel(endpoint=HERE, request_template='{"q": "{{input}}"}')),
        (HTTP_MODEL, HttpModel(endpoint="http://${HOST}/v1")),
        (HttpModel(endpoint=HERE, api_key_env="KEY"), HttpModel(endpoint=HERE, api_key_env="SAME")),
        (OpenAIModel(model="large", api_key_env="KEY"), OpenAIModel(model="small", api_key_env="KEY")),
        (HttpModel(endpoint=HERE, headers={"X-Key": "a"}), HttpModel(endpoint=HERE, headers={"x-key": "a"})),
    ],
    ids=["template", "endpoint by variable", "same key by another name", "another model", "header in capitals"],
)
def test_one_endpoint_and_key_have_one_pace(one: Model, other: Model) -> None:
    """What is asked there does not matter."""
    paces = Paces(ENVIRONMENT)

    assert paces.of(one) is not None
    assert paces.of(one) is paces.of(other)


@pytest.mark.parametrize(
    "other",
    [
        HttpModel(endpoint=THERE, api_key_env="KEY"),
        HttpModel(endpoint=HERE, api_key_env="OTHER"),
        HttpModel(endpoint=HERE),
        HttpModel(endpoint=HERE, api_key_env="KEY", headers={"X-Tenant": "b"}),
    ],
    ids=["endpoint", "key", "no key", "header"],
)
def test_another_endpoint_or_account_has_a_pace_of_its_own(other: Model) -> None:
    """Its service has a limit of its own."""
    paces = Paces(ENVIRONMENT)

    assert paces.of(other) is not paces.of(HttpModel(endpoint=HERE, api_key_env="KEY"))


@pytest.mark.parametrize("model", [EchoModel(), CommandModel(command=["cat"])])
def test_a_model_of_this_machine_has_no_pace(model: Model) -> None:
    """Only services are asked at a pace."""
    assert Paces({}).of(model) is None


def at(endpoint: str, **fields: object) -> Mapping[str, object]:
    """A model of a harness file at an endpoint of the fake model."""
    return HTTP | {"endpoint": endpoint} | fields


async def test_a_run_that_waits_for_its_pace_holds_no_slot_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one model call for the whole server, a run at one request a minute does not keep another waiting."""
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)
    write_harness(tmp_path, "slow", examples=examples(3), model=at(HERE, requests_per_minute=1))
    write_harness(tmp_path, "quick", examples=examples(20), model=at(THERE))
    config = write_config(tmp_path, [suite("slow", "slow"), suite("quick", "quick")])

    async with serving(config, limits=Limits(model_calls=1)) as client:
        slow = await client.start(suite="slow")
        async with asyncio.timeout(10):
            quick = await client.run(suite="quick")
        assert quick["verdict"] == "PASS"
        assert (await client.get(slow))["progress"]["completed"] <= 1


async def test_two_runs_at_one_endpoint_share_its_requests_per_minute(tmp_path: Path) -> None:
    """Two runs of 4 examples at 600 a minute: eight calls, one every 100 ms, 0.7 s at least from first to last."""
    moments: list[float] = []

    async def answer(text: str) -> str:
        moments.append(time.monotonic())
        return text

    config = write_project(tmp_path, examples=examples(4), model=at(HERE, requests_per_minute=600))
    async with serving(config, FakeModel(answer)) as client:
        runs = [await client.start() for _ in range(2)]
        verdicts = [(await client.over(run_id))["verdict"] for run_id in runs]

    assert verdicts == ["PASS", "PASS"]
    assert len(moments) == 8
    assert moments[-1] - moments[0] >= 0.68


class Crowded(FakeModel):
    """A service that takes three calls at once and refuses more with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(self._take)
        self.status = status
        self.refused = 0

    async def _take(self, text: str) -> str | httpx.Response:
        if self.in_flight > 3:
            self.refused += 1
            return httpx.Response(self.status)
        await asyncio.sleep(0.005)
        return text


async def refusals(folder: Path, status: int, *, adaptive: bool) -> int:
    """How often a crowded service refuses a run of 60 examples at 20 calls at once, with retries."""
    crowded = Crowded(status)
    harness = {"concurrency": 20, "retries": 100, "retry_delay_ms": 0}
    config = write_project(folder, examples=examples(60), model=at(HERE, adaptive=adaptive), harness=harness)
    async with serving(config, crowded) as client:
        document = await client.run()
    assert document["verdict"] == "PASS" or not adaptive
    return crowded.refused


@pytest.mark.parametrize("status", [429, 503])
async def test_a_run_adapts_to_a_crowded_service(tmp_path: Path, status: int) -> None:
    """Calls in flight fall when it refuses: a run of 20 at once ends with every answer, and with few refusals.

    20 calls meet at most 17 refusals, 10 then 7, 5 then 2, 2 none; each recovery from 3 on costs one or two more.
    """
    assert 0 < await refusals(tmp_path, status, adaptive=True) <= 120


async def test_a_run_that_must_not_adapt_is_refused_again_and_again(tmp_path: Path) -> None:
    """With `adaptive: false`, and for a 500 in any case, the same service refuses far more calls."""
    off = await refusals(tmp_path / "off", 429, adaptive=False)
    other = await refusals(tmp_path / "other", 500, adaptive=False)

    assert off > 240
    assert other > 240
