"""`GET /metrics` and `GET /ready`: what happened is counted, and a server that can't record says so."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from doc_pages import API, marked_tables
from live import serving as serving_live
from project import examples, suite, write_config, write_harness, write_project
from prometheus_client.parser import text_string_to_metric_families
from running import HTTP, Client, FakeModel, serving
from services import SHORT, Services, judge, similar

from domain.errors import LogUnavailable
from service.graders import service_call
from service.log.event_log import Append
from service.log.sqlite.event_log import SqliteLog
from service.measures import MOST_ENDPOINTS, OTHERS, Histogram, Measures

Samples = dict[tuple[str, str], float]


def read(text: str) -> Samples:
    """The samples by name and label value; of buckets, those of the bound."""
    return {
        (one.name, ",".join(one.labels.values())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


async def metrics(client: Client) -> Samples:
    """What a server tells."""
    answer = await client.http.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(answer.raise_for_status().text)


def test_a_histogram_counts_up_to_each_bound() -> None:
    """A value at a bound belongs to it; what is above all bounds comes last."""
    noted = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 3.0):
        noted.observe(value)
    assert (noted.counts, noted.sum) == ([2, 2, 1], 8.0)


def test_endpoints_beyond_the_first_hundred_are_one() -> None:
    """A configuration can't make the metrics grow without end."""
    measures = Measures()
    for number in range(MOST_ENDPOINTS + 50):
        measures.calls_of("model", f"http://{number}").note(0.1, failed=False)
    measures.calls_of("judge", "http://0").note(0.1, failed=False)
    assert len(measures.calls) == MOST_ENDPOINTS + 2
    assert sum(measures.calls["model", OTHERS].seconds.counts) == 50
    assert sum(measures.calls_of("model", "http://0").seconds.counts) == 1
    assert sum(measures.calls["judge", OTHERS].seconds.counts) == 1


async def test_what_happened_is_counted(tmp_path: Path) -> None:
    """One run passed: of its four examples one failed twice. Another one has a call in flight."""
    held = asyncio.Event()

    async def answer(text: str) -> str | httpx.Response:
        if text == "q3":
            return httpx.Response(500)
        if text == "hold":
            held.set()
            await asyncio.Event().wait()
        return text

    write_harness(
        tmp_path,
        "a",
        examples=examples(4),
        model=HTTP | {"endpoint": "http://${HOST}/ask"},
        retries=1,
        retry_delay_ms=0,
    )
    write_harness(tmp_path, "b", examples=[{"id": "x", "input": "hold", "expected": "x"}], model=HTTP)
    config = write_config(tmp_path, [suite("one", "a"), suite("two", "b")])
    async with serving(config, FakeModel(answer), environment={"HOST": "model.example.test"}) as client:
        before = await metrics(client)
        await client.run(suite="one")
        await client.start(suite="two")
        await held.wait()
        now = await metrics(client)
    assert before["matchspec_examples_total", ""] == before["matchspec_runs", "running"] == 0
    endpoint = "http://${HOST}/ask,model"
    expected = {
        ("matchspec_runs", "running"): 1,
        ("matchspec_runs", "failed"): 0,
        ("matchspec_runs", "passed"): 1,
        ("matchspec_runs", "cancelled"): 0,
        ("matchspec_runs_active", ""): 1,
        ("matchspec_runs_waiting", ""): 0,
        ("matchspec_examples_total", ""): 4,
        ("matchspec_model_calls_total", endpoint): 5,
        ("matchspec_model_errors_total", endpoint): 2,
        ("matchspec_model_call_seconds_count", endpoint): 5,
        ("matchspec_model_call_seconds_bucket", f"{endpoint},+Inf"): 5,
        ("matchspec_model_calls_in_flight", ""): 1,
        ("matchspec_model_calls_limit", ""): 256,
        ("matchspec_log_position", ""): 8,
        ("matchspec_log_waiting", ""): 0,
        ("matchspec_log_lag_seconds", ""): 0,
        ("matchspec_log_writable", ""): 1,
        ("matchspec_build_info", "0.1.0"): 1,
    }
    labelled = {key: value for key, value in now.items() if key in expected}
    assert labelled == expected
    assert now["matchspec_log_append_seconds_count", ""] == now["matchspec_log_append_commands_count", ""] >= 4
    assert now["process_resident_memory_bytes", ""] > 1_000_000
    assert not any("model.example.test" in label for _, label in now)


async def test_calls_of_graders_services_are_counted_beside_those_of_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that refuses once and once says nothing that can be read; two texts embedded by one request."""
    monkeypatch.setattr(service_call, "PAUSES", (0.0, 0.0))
    said: list[str | httpx.Response] = [httpx.Response(503), httpx.Response(200, text="no chat"), "10", "none at all"]
    replies = iter(said)

    async def judged(_prompt: str) -> str | httpx.Response:
        return next(replies)

    graders = [judge(**SHORT, endpoint="http://judge.test/${NAME}"), similar()]
    lenient = [suite("qa", "qa-v1", statistics={"max_error_rate": 1})]
    config = write_project(tmp_path, examples=examples(3), model=HTTP, graders=graders, suites=lenient)
    async with serving(config, Services(judge=judged), environment={"NAME": "secret-path"}) as client:
        document = await client.run()
        now = await metrics(client)
    assert document["grader_errors"] == 2
    counted = {
        key: value
        for key, value in now.items()
        if key[0] in {"matchspec_model_calls_total", "matchspec_model_errors_total"}
    }
    asked = counted.pop(("matchspec_model_calls_total", "http://embed.test/v1/embeddings,embedding"))
    assert 1 <= asked <= 3
    assert counted == {
        ("matchspec_model_calls_total", "http://model.test/ask,model"): 3,
        ("matchspec_model_errors_total", "http://model.test/ask,model"): 0,
        ("matchspec_model_calls_total", "http://judge.test/${NAME},judge"): 4,
        ("matchspec_model_errors_total", "http://judge.test/${NAME},judge"): 2,
        ("matchspec_model_errors_total", "http://embed.test/v1/embeddings,embedding"): 0,
    }
    assert now["matchspec_model_call_seconds_count", "http://judge.test/${NAME},judge"] == 4


async def test_the_metrics_are_those_of_the_page(tmp_path: Path) -> None:
    """docs/api.md names each with its type and labels, and no other."""
    async with serving(write_project(tmp_path)) as client:
        await client.run()
        text = (await client.http.get("/metrics")).text
    told = [row[:3] for row in marked_tables(API)["metrics"]]
    families = [one for one in text_string_to_metric_families(text) if one.name.startswith("matchspec")]
    found = []
    for family in families:
        labels = sorted({name for one in family.samples for name in one.labels if name != "le"})
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append([name, family.type, ", ".join(labels)])
    assert found == told


async def test_a_reader_may_ask_for_openmetrics(tmp_path: Path) -> None:
    """The media type is that of the format."""
    async with serving(write_project(tmp_path)) as client:
        answer = await client.http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


def test_the_metrics_need_the_key_and_readiness_does_not(tmp_path: Path) -> None:
    """As `/health`, `/ready` is open to whoever balances load."""
    with (
        serving_live(write_project(tmp_path), MATCHSPEC_API_KEY="a-key-of-some-length") as live,
        live.client() as client,
    ):
        assert [client.get(path).status_code for path in ("/metrics", "/ready", "/health")] == [401, 200, 200]
        held = client.get("/metrics", headers={"Authorization": "Bearer a-key-of-some-length"})
    assert held.status_code == 200
    assert not re.search("a-key", held.text)


async def test_a_server_that_can_not_record_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with the reason while the log can't be written, also to starts; 200 when it can again, 503 when it stops."""
    real, broken = SqliteLog._commit, asyncio.Event()

    async def append(log: SqliteLog, decided: Append) -> object:
        if broken.is_set():
            raise LogUnavailable("the log can't be written: disk full")
        return await real(log, decided)

    async def fails(_log: SqliteLog) -> None:
        if broken.is_set():
            raise LogUnavailable

    monkeypatch.setattr(SqliteLog, "_commit", append)
    async with serving(write_project(tmp_path)) as client:
        first = await client.http.get("/ready")
        reopen = SqliteLog.reopen
        monkeypatch.setattr(SqliteLog, "reopen", fails)
        broken.set()
        refused = [await client.post(), await client.post()]
        second = await client.http.get("/ready")
        writable = (await metrics(client))["matchspec_log_writable", ""]
        monkeypatch.setattr(SqliteLog, "reopen", reopen)
        broken.clear()
        async with asyncio.timeout(10):
            while (third := await client.http.get("/ready")).status_code != 200:
                await asyncio.sleep(0.02)
        client.service.news.close()
        last = await client.http.get("/ready")
    assert (first.status_code, first.json()) == (200, {"status": "ready"})
    for told in (*refused, second):
        assert (told.status_code, told.json()["detail"]) == (503, "the log can't be written: disk full")
    assert (second.headers["Retry-After"], writable, third.status_code) == ("5", 0, 200)
    assert (last.status_code, last.json()["detail"]) == (503, "the server stops")
