"""A run at work: what is recorded of each example, what bounds its calls, and that order never matters."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from project import Fields, examples, suite, write_config, write_harness, write_project
from running import HTTP, Document, FakeModel, logged, serving

from domain.errors import LogUnavailable
from domain.events import Recorded
from service.execution.queue import Limits
from service.log.event_log import Append
from service.log.sqlite.event_log import SqliteLog

TIMES = {"run_id", "started_at", "finished_at", "duration_seconds", "latency_ms", "log"}


def by_id(document: Document) -> dict[str, Document]:
    """The examples of a result by their ids."""
    return {example["id"]: example for example in document["examples"]}


def answering(**answers: str | httpx.Response | Exception) -> FakeModel:
    """Make a model with an answer for each input; an exception is raised."""

    async def answer(text: str) -> str | httpx.Response:
        found = answers[text]
        if isinstance(found, Exception):
            raise found
        return found

    return FakeModel(answer)


async def test_a_model_error_counts_as_one_and_in_no_score(tmp_path: Path) -> None:
    """A failed call: output null, no scores, not passed, the error's text; the mean is over the others."""
    model = answering(q0="q0", q1=httpx.Response(500, text="out of memory"), q2="wrong", q3="q3")
    config = write_project(
        tmp_path, examples=examples(4), model=HTTP, suites=[suite("qa", "qa-v1", thresholds={"overall": 0.6})]
    )
    async with serving(config, model) as client:
        document = await client.run()

    failed = by_id(document)["ex-1"]
    assert (failed["output"], failed["scores"], failed["passed"]) == (None, {}, False)
    assert failed["error"] == "http://model.test/ask answered 500 Internal Server Error: out of memory"
    assert (document["model_errors"], document["grader_errors"]) == (1, 0)
    (row,) = document["grader_results"]
    assert (row["n"], row["score"], row["passed"]) == (3, 2 / 3, True)
    assert document["status"] == "passed"
    assert any("1 of 4 examples" in warning for warning in document["warnings"])
    assert [by_id(document)[name]["passed"] for name in ("ex-0", "ex-2", "ex-3")] == [True, False, True]


async def test_a_run_whose_every_call_fails_ends_as_error(tmp_path: Path) -> None:
    """Without one answer there is no verdict: `error` says so."""
    config = write_project(tmp_path, examples=examples(2), model=HTTP)
    model = answering(q0=httpx.ConnectError("connection refused"), q1=httpx.ConnectError("connection refused"))
    async with serving(config, model) as client:
        document = await client.run()

    assert (document["status"], "verdict" in document, document["model_errors"]) == ("error", False, 2)
    assert document["error"]
    assert by_id(document)["ex-0"]["error"] == "http://model.test/ask: connection refused"


async def test_a_grader_error_leaves_the_other_graders_alone(tmp_path: Path) -> None:
    """An expected text that is no pattern fails that grader for that example: told in `errors`, in no mean."""
    rows: list[Fields] = [
        {"id": "good", "input": "q0", "expected": "q[0-9]"},
        {"id": "bad", "input": "(", "expected": "("},
    ]
    graders: list[Fields] = [
        {"type": "regex", "config": {"pattern": "{{{expected}}}"}, "threshold": 0.5},
        {"type": "contains", "threshold": 0.5},
    ]
    config = write_project(tmp_path, examples=rows, graders=graders)
    async with serving(config) as client:
        document = await client.run()

    bad = by_id(document)["bad"]
    assert (bad["scores"], list(bad["errors"]), bad["passed"]) == ({"contains": 1.0}, ["regex"], False)
    assert (document["grader_errors"], document["model_errors"]) == (1, 0)
    assert [(row["name"], row["n"], row["score"]) for row in document["grader_results"]] == [
        ("regex", 1, 1.0), ("contains", 2, 0.5),
    ]  # fmt: skip


async def test_retries_are_recorded_with_their_attempts(tmp_path: Path) -> None:
    """A call that succeeds at the second attempt says so; one that never does is asked 1 + retries times."""
    model = FakeModel()

    async def answer(text: str) -> httpx.Response:
        fine = text == "q1" or (text == "q0" and model.asked.count("q0") == 2)
        return httpx.Response(200 if fine else 503, text=text)

    model.answer = answer
    config = write_project(tmp_path, examples=examples(3), model=HTTP, harness={"retries": 2, "retry_delay_ms": 1})
    async with serving(config, model) as client:
        document = await client.run()

    assert {name: example["attempts"] for name, example in by_id(document).items()} == {"ex-0": 2, "ex-1": 1, "ex-2": 3}
    assert [model.asked.count(text) for text in ("q0", "q1", "q2")] == [2, 1, 3]
    assert [by_id(document)[name].get("error") is None for name in ("ex-0", "ex-1", "ex-2")] == [True, True, False]


async def test_a_call_has_the_harnesses_timeout(tmp_path: Path) -> None:
    """A model that never answers is a model error after `timeout_seconds`."""

    async def answer(text: str) -> str:
        if text == "q1":
            await asyncio.Event().wait()
        return text

    config = write_project(tmp_path, examples=examples(2), model=HTTP, harness={"timeout_seconds": 0.1})
    async with serving(config, FakeModel(answer)) as client:
        document = await client.run()

    late = by_id(document)["ex-1"]
    assert late["error"] == "no answer within 0.1 s"
    assert 100 <= late["latency_ms"] < 2_000
    assert document["model_errors"] == 1


async def peak(tmp_path: Path, *, limits: Limits | None = None, **request: object) -> int:
    """The most calls at once of a run with two harnesses of 20 examples, with concurrency 2 and 3."""
    write_harness(tmp_path, "two", examples=examples(20), model=HTTP, concurrency=2)
    write_harness(tmp_path, "three", examples=examples(20), model=HTTP, concurrency=3)
    config = write_config(tmp_path, [suite("a", "two"), suite("b", "three")])

    async def answer(text: str) -> str:
        await asyncio.sleep(0.05)  # long enough for all calls to meet, however slow the machine is
        return text

    model = FakeModel(answer)
    async with serving(config, model, limits=limits) as client:
        assert (await client.run(**request))["status"] == "passed"
    return model.peak


async def test_a_harness_has_no_more_calls_at_once_than_its_concurrency(tmp_path: Path) -> None:
    """`concurrency: 2` and `3` give two and three calls at once: reached, and not passed."""
    assert await peak(tmp_path / "a", suite="a") == 2
    assert await peak(tmp_path / "b", suite="b") == 3


async def test_the_harnesses_of_a_run_go_side_by_side(tmp_path: Path) -> None:
    """Two harnesses together have the calls of both."""
    assert await peak(tmp_path) == 5


@pytest.mark.parametrize("concurrency", [1, 4, 9])
async def test_the_requests_concurrency_bounds_the_whole_run(tmp_path: Path, concurrency: int) -> None:
    """It replaces what the harnesses say, whether it is less or more, over all of them together."""
    assert await peak(tmp_path, concurrency=concurrency) == concurrency


async def test_the_server_bounds_the_calls_of_all_runs(tmp_path: Path) -> None:
    """With two model calls for the whole server, five workers wait for them."""
    assert await peak(tmp_path, limits=Limits(model_calls=2)) == 2


async def test_a_place_is_held_until_the_score_is_committed(tmp_path: Path) -> None:
    """With one call at a time every call finds all examples before it in the log."""
    model = FakeModel()
    seen: list[int] = []

    async def answer(text: str) -> str:
        seen.append(len(logged(config, "example_scored")))
        return text

    model.answer = answer
    config = write_project(tmp_path, examples=examples(12), model=HTTP, harness={"concurrency": 1})
    async with serving(config, model) as client:
        await client.run()

    assert seen == list(range(12))
    assert model.asked == [f"q{n}" for n in range(12)]


async def test_a_small_run_ends_soon_beside_a_large_one(tmp_path: Path) -> None:
    """Ten examples beside 10,000 with eight calls for all: over within three times the calls it has room for alone."""

    async def answer(text: str) -> str:
        await asyncio.sleep(0.01)
        return text

    small = [{"id": f"small-{n}", "input": f"small-{n}", "expected": ""} for n in range(10)]
    write_harness(tmp_path, "large", examples=examples(10_000), model=HTTP, concurrency=100)
    write_harness(tmp_path, "small", examples=small, model=HTTP, concurrency=8)
    config = write_config(tmp_path, [suite("large", "large"), suite("small", "small")])
    model = FakeModel(answer)
    async with serving(config, model, limits=Limits(model_calls=8)) as client:
        large = await client.start(suite="large")
        await _until(lambda: len(model.asked) > 50)
        await client.run(suite="small")
        assert (await client.get(large))["status"] == "running"

    places = [place for place, text in enumerate(model.asked) if text.startswith("small")]
    assert len(places) == 10
    # Alone ten examples go in two rounds of eight calls; three times as long are six rounds.
    assert places[-1] - places[0] <= 6 * 8


def timeless(value: object) -> object:
    """A document without what may differ from run to run: ids of runs and times."""
    if isinstance(value, dict):
        return {name: timeless(inner) for name, inner in value.items() if name not in TIMES}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("concurrency", [None, 7])
async def test_the_order_of_completion_changes_nothing(tmp_path: Path, concurrency: int | None) -> None:
    """Whatever takes how long, rows, examples, warnings and counts are the same, in the same order."""
    chance = random.Random(7)

    async def answer(text: str) -> str | httpx.Response:
        await asyncio.sleep(chance.choice([0, 0, 0.001, 0.005, 0.01]))
        if text.endswith("3"):
            return httpx.Response(500)
        return "q" if text.endswith("5") else text

    graders: list[Fields] = [{"type": "exact_match"}, {"type": "contains", "threshold": 0.5}]
    write_harness(tmp_path, "one", examples=examples(40), model=HTTP, graders=graders, concurrency=16)
    write_harness(tmp_path, "two", examples=examples(25), model=HTTP, graders=graders, concurrency=3)
    config = write_config(tmp_path, [suite("x", "two", "one"), suite("y", "one")], statistics={"max_error_rate": 0.9})
    async with serving(config, FakeModel(answer)) as client:
        documents = [timeless(await client.run(concurrency=concurrency)) for _ in range(4)]

    assert documents[1:] == documents[:1] * 3
    orders: dict[str, list[str]] = {}
    for event in logged(config, "example_scored"):
        orders.setdefault(event.run_id, []).append(event.body["example"])
    assert len({tuple(order) for order in orders.values()}) == 4


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
async def test_a_failing_log_costs_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, committed: bool) -> None:
    """Commits that fail now and then: the run waits, asks nobody twice, and ends with its verdict."""
    append = SqliteLog._commit
    count = 0

    async def unsure(log: SqliteLog, decided: Append) -> list[Recorded]:
        nonlocal count
        count += 1
        fails = count > 5 and count % 4 == 0
        if fails and not committed:
            raise LogUnavailable("disk full")
        recorded = await append(log, decided)
        if fails:
            raise LogUnavailable("no answer from the disk")
        return recorded

    monkeypatch.setattr(SqliteLog, "_commit", unsure)
    config = write_project(tmp_path, examples=examples(40), model=HTTP)
    model = FakeModel()
    async with serving(config, model) as client:
        document = await client.run()

    assert (document["status"], len(document["examples"])) == ("passed", 40)
    assert sorted(model.asked) == sorted(f"q{n}" for n in range(40))
    kinds = [event.type for event in logged(config)]
    assert [kinds.count(kind) for kind in ("started", "example_scored", "finished")] == [1, 40, 1]


async def test_progress_is_what_is_committed(tmp_path: Path) -> None:
    """`completed` counts recorded examples, errors included; `percent` has one decimal."""
    gate = asyncio.Event()

    async def answer(text: str) -> str | httpx.Response:
        if text not in {"q0", "q1"}:
            await gate.wait()
        return httpx.Response(500) if text == "q1" else text

    config = write_project(tmp_path, examples=examples(3), model=HTTP)
    async with serving(config, FakeModel(answer)) as client:
        run_id = await client.start()
        await _until(lambda: len(logged(config, "example_scored")) == 2)
        await asyncio.sleep(0.02)
        document = await client.get(run_id)
        gate.set()
        await client.over(run_id)

    assert document["progress"] == {"total": 3, "completed": 2, "percent": 66.7}


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.002)
