"""Retry-After: how long a service asks to wait, and that the next attempt waits so long."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from over_httpx import sending_to
from permitted import free_permits
from project import write_project
from running import HTTP, FakeModel, serving

from domain.errors import ModelError
from domain.model_spec import HttpModel
from service.execution.attempts import Patience, Service
from service.models.ask import Reply
from service.models.model import open_model
from service.models.retry_after import retry_after_seconds

NOW = datetime(2026, 3, 15, 14, 30, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("0", 0),
        ("005", 5),
        ("0000000005", 5),
        ("60", 60),
        ("61", 60),
        ("3600", 60),
        ("9" * 400, 60),
        ("Sun, 15 Mar 2026 14:30:07 GMT", 7),
        ("Sunday, 15-Mar-26 14:30:07 GMT", 7),
        ("Sun Mar 15 14:30:07 2026", 7),
        ("Sun, 15 Mar 2026 15:30:07 +0100", 7),
        ("Sun, 15 Mar 2026 15:30:00 GMT", 60),
        ("Sun, 15 Mar 2026 14:29:00 GMT", 0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
    ],
)
def test_seconds_and_dates_are_understood_up_to_a_minute(value: str, seconds: float) -> None:
    """Seconds, or one of the three forms of an HTTP date; what is past is no wait, and 60 s is the most."""
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "5.5", "1e3", "٣", "+5", "5 s", "Sun, 99 Mar 2026", "inf"])
def test_nonsense_is_no_wait(value: str | None) -> None:
    """What the standard does not have is as if it were not there."""
    assert retry_after_seconds(value, NOW) == 0


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Sun", "X"]),
    st.integers(-1, 40),
    st.sampled_from(["Jan", "Mar", "Dec", "Foo"]),
    st.sampled_from([0, 1, 99, 1969, 2026, 9999, 10000, 10**20]),
    *[st.integers(-1, 61)] * 3,
    st.sampled_from(["GMT", "-0000", "+2359", "-2359", "+9999", "+99999999", "EST", ""]),
)


@given(st.text() | DATES)
def test_whatever_is_sent_the_wait_is_from_0_to_60(value: str) -> None:
    """A service can't make us fail, nor wait for longer than a minute."""
    assert 0 <= retry_after_seconds(value, NOW) <= 60


@pytest.mark.parametrize(
    ("asked_for", "delay_ms", "waits"),
    [
        ([2.0, 2.0, 2.0], 500, [2.0, 2.0, 2.0]),  # the backoff is 0.5, 1, 2
        ([1.5, 1.5, 1.5], 500, [1.5, 1.5, 2.0]),
        ([0.0, 60.0, 0.0], 250, [0.25, 60.0, 1.0]),
        ([0.1, 0.1, 0.1], 0, [0.1, 0.1, 0.1]),
    ],
)
async def test_the_longer_of_backoff_and_retry_after_is_waited(
    monkeypatch: pytest.MonkeyPatch, asked_for: list[float], delay_ms: int, waits: list[float]
) -> None:
    """Before retry N: `retry_delay_ms * 2^(N-1)`, or what the service asked for with the failed attempt."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", wait)
    errors = [ModelError("429", retry=True, overloaded=True, retry_after=seconds) for seconds in asked_for]

    async def ask(_text: str) -> Reply:
        if errors:
            raise errors.pop(0)
        return Reply("fine")

    answer = await Service(ask, Patience(30, 3, delay_ms), free_permits()).answer("hi", "run")

    assert answer.reply == Reply("fine")
    assert waited == waits


@pytest.mark.parametrize(
    ("status", "overloaded"), [(429, True), (503, True), (500, False), (502, False), (404, False), (302, False)]
)
async def test_a_refusal_tells_its_wait_and_whether_it_means_overload(status: int, overloaded: bool) -> None:
    """Any refusal may carry Retry-After; only 429 and 503 say that there is too much to do."""
    refuse = sending_to(httpx.MockTransport(lambda _request: httpx.Response(status, headers={"retry-after": "7"})))
    ask = open_model(HttpModel(endpoint="http://model.test/"), folder=Path(), environment={}, send=refuse)

    with pytest.raises(ModelError) as caught:
        await ask("hi")

    assert (caught.value.retry_after, caught.value.overloaded, caught.value.retry) == (7, overloaded, True)


async def test_a_date_is_counted_from_now() -> None:
    """An HTTP date half a minute ahead is a wait of about half a minute."""
    ahead = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    refuse = sending_to(httpx.MockTransport(lambda _request: httpx.Response(429, headers={"Retry-After": ahead})))
    ask = open_model(HttpModel(endpoint="http://model.test/"), folder=Path(), environment={}, send=refuse)

    with pytest.raises(ModelError) as caught:
        await ask("hi")

    assert 25 < caught.value.retry_after <= 30


async def test_a_run_waits_as_long_as_the_service_asks(tmp_path: Path) -> None:
    """One refusal with `Retry-After: 1` and a backoff of a millisecond: the second attempt comes a second later."""
    moments: list[float] = []

    async def answer(text: str) -> str | httpx.Response:
        moments.append(time.monotonic())
        return text if len(moments) > 1 else httpx.Response(429, headers={"Retry-After": "1"})

    config = write_project(tmp_path, model=HTTP, harness={"retries": 1, "retry_delay_ms": 1})
    async with serving(config, FakeModel(answer)) as client:
        document = await client.run()

    assert document["verdict"] == "PASS"
    assert document["examples"][0]["attempts"] == 2
    assert 1.0 <= moments[1] - moments[0] < 1.8
    assert document["examples"][0]["latency_ms"] < 500
