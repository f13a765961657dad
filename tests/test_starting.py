"""From `POST /run` to its 202: what can be wrong is told before anything is recorded."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from project import examples, suite, write_config, write_harness, write_project
from running import HTTP, FakeModel, Logged, log_of, logged, serving

from domain.errors import LogUnavailable
from domain.events import Recorded
from service.execution.queue import Limits
from service.log.event_log import Append

NOON = datetime(2026, 3, 15, 14, 30, 22, tzinfo=UTC)


def tagged(**tags: list[str]) -> list[dict[str, object]]:
    """Examples with these ids and tags."""
    return [{"id": name, "input": name, "expected": name, "tags": carried} for name, carried in tags.items()]


def problem(response: httpx.Response, status: int, name: str) -> str:
    """Check a refusal's status and type; gives its detail."""
    assert response.status_code == status
    assert response.json()["type"] == f"urn:matchspec:problem:{name}"
    return str(response.json()["detail"])


def started(config: Path) -> Logged:
    """The only `started` in the log."""
    (event,) = logged(config, "started")
    return event


async def test_started_says_what_was_asked_for_and_by_whom(tmp_path: Path) -> None:
    """The event holds the request's settings, the caller, the version, and per harness what is pinned of it."""
    config = write_project(tmp_path, examples=examples(5, tags=["x"]))
    async with serving(config) as client:
        run_id = await client.start(suite="qa", tags=["x", "y"], concurrency=3)
        await client.over(run_id)

    event = started(config)
    harness = event.body.pop("harnesses")[0]
    assert len(event.body.pop("plan")) == 64
    assert len(harness.pop("manifest")) == 64
    assert harness == {"suite": "qa", "harness": "qa-v1", "rows": 5, "examples": 5}
    assert event.run_id == run_id
    assert event.body == {
        "mode": "run",
        "suite": "qa",
        "suites": ["qa"],
        "tags": ["x", "y"],
        "concurrency": 3,
        "matchspec": "0.1.0",
        "client": "127.0.0.1",
        "user_agent": f"python-httpx/{httpx.__version__}",
    }


async def test_the_plan_is_what_was_parsed_and_no_bytes_of_a_file(tmp_path: Path) -> None:
    """The pinned plan holds resolved settings, variables unexpanded and paths relative; no comment, no value."""
    key = "sk-verysecret-1234"
    write_harness(tmp_path, "qa-v1", examples=examples(1), timeout_seconds=7)
    harness = tmp_path / "evals" / "qa-v1" / "harness.yml"
    harness.write_text(
        "# old key: sk-comment-5678\n"
        + harness.read_text().replace(
            '"echo"', '"http", "endpoint": "http://${HOST}/ask", "headers": {"X-Key": "${KEY}"}'
        )
    )
    config = write_config(tmp_path, [suite("qa", "qa-v1")], defaults={"retries": 2})
    async with serving(config, environment={"HOST": "model.test", "KEY": key}) as client:
        assert (await client.run())["status"] == "passed"

    with closing(sqlite3.connect(log_of(config))) as database:
        query = "SELECT bytes FROM contents WHERE digest = ?"
        ((content,),) = database.execute(query, (bytes.fromhex(started(config).body["plan"]),))
    plan = json.loads(content)
    planned = plan["suites"][0]["harnesses"][0]
    assert plan["config"] == "matchspec.yml"
    assert planned["file"] == "evals/qa-v1/harness.yml"
    assert planned["model"] == {"type": "http", "endpoint": "http://${HOST}/ask", "headers": {"X-Key": "${KEY}"}}
    assert (planned["timeout_seconds"], planned["retries"], planned["concurrency"]) == (7, 2, 4)
    assert b"sk-" not in content


async def test_a_missing_variable_is_told_with_file_line_and_field(tmp_path: Path) -> None:
    """Variables that are not set, or empty, are listed with the place that names them, and nothing is recorded."""
    config = write_project(tmp_path)
    (tmp_path / "evals" / "qa-v1" / "harness.yml").write_text(
        """\
version: 1
name: qa-v1
dataset: ./dataset.jsonl
model:
  type: http
  endpoint: http://${HOST}/ask
  headers:
    X-Token: ${TOKEN}
  api_key_env: KEY
graders:
  - type: exact_match
"""
    )
    async with serving(config, environment={"TOKEN": "t-12345678", "KEY": ""}) as client:
        response = await client.post()

    problem(response, 400, "invalid-config")
    file = "evals/qa-v1/harness.yml"
    found = [(error["file"], error["line"], error["field"]) for error in response.json()["errors"]]
    assert sorted(found) == [(file, 6, "model.endpoint"), (file, 9, "model.api_key_env")]
    assert [name in str(response.json()["errors"]) for name in ("HOST", "KEY", "TOKEN")] == [True, True, False]
    assert logged(config) == []


async def test_only_the_harnesses_that_run_need_their_variables(tmp_path: Path) -> None:
    """A suite can run while another one's variable is missing."""
    write_harness(tmp_path, "free", examples=examples(1))
    write_harness(tmp_path, "paid", examples=examples(1), model=HTTP | {"api_key_env": "KEY"})
    config = write_config(tmp_path, [suite("one", "free"), suite("two", "paid")])
    async with serving(config) as client:
        assert (await client.run(suite="one"))["status"] == "passed"
        problem(await client.post(suite="two"), 400, "invalid-config")
        problem(await client.post(), 400, "invalid-config")


async def test_an_example_needs_a_tag_of_the_suite_and_one_of_the_request(tmp_path: Path) -> None:
    """Both lists filter, each by at least one tag; a list that is left out or empty does not filter."""
    rows = tagged(none=[], s=["s1"], r=["r1"], both=["s2", "r2"], more=["s1", "s2", "r1", "x"])
    write_harness(tmp_path, "qa-v1", examples=rows)
    config = write_config(tmp_path, [suite("open", "qa-v1"), suite("tagged", "qa-v1", tags=["s1", "s2"])])

    async def asked(**body: object) -> list[str]:
        return [example["id"] for example in (await client.run(**body))["examples"]]

    async with serving(config) as client:
        assert await asked(suite="open") == ["none", "s", "r", "both", "more"]
        assert await asked(suite="open", tags=[]) == ["none", "s", "r", "both", "more"]
        assert await asked(suite="open", tags=["r1", "r2"]) == ["r", "both", "more"]
        assert await asked(suite="tagged") == ["s", "both", "more"]
        assert await asked(suite="tagged", tags=["r1", "r2"]) == ["both", "more"]
        assert await asked(suite="tagged", tags=["x", "y"]) == ["more"]


async def test_a_named_suite_without_examples_is_refused(tmp_path: Path) -> None:
    """400 when no example of the suite carries the tags, and nothing is recorded."""
    config = write_project(tmp_path, examples=tagged(a=["x"]))
    async with serving(config) as client:
        detail = problem(await client.post(suite="qa", tags=["y"]), 400, "no-examples")

    assert "'qa'" in detail
    assert logged(config) == []


async def test_suites_and_harnesses_without_examples_are_left_out_and_named(tmp_path: Path) -> None:
    """With all suites, what has no match is left out with a warning; 400 only when nothing is left."""
    write_harness(tmp_path, "with-x", examples=tagged(a=["x"], b=["z"]))
    write_harness(tmp_path, "with-y", examples=tagged(c=["y"]))
    config = write_config(tmp_path, [suite("mixed", "with-x", "with-y"), suite("only-y", "with-y")])
    async with serving(config) as client:
        response = await client.post(tags=["x"])
        document = await client.over(response.json()["run_id"])
        problem(await client.post(tags=["nowhere"]), 400, "no-examples")

    assert response.status_code == 202
    assert document["warnings"] == response.json()["warnings"]
    assert len(document["warnings"]) == 2
    assert sum("'only-y'" in warning for warning in document["warnings"]) == 1
    assert sum("'with-y'" in warning and "'mixed'" in warning for warning in document["warnings"]) == 1
    assert document["suites"] == ["mixed"]
    assert (document["status"], [example["id"] for example in document["examples"]]) == ("passed", ["a"])
    assert [(row["suite"], row["n"]) for row in document["grader_results"]] == [("mixed", 1)]
    assert len(logged(config, "started")) == 1


async def test_a_suite_without_harnesses_is_left_out_and_named(tmp_path: Path) -> None:
    """With all suites, one that has no harness is told like one without examples."""
    write_harness(tmp_path, "qa-v1", examples=examples(1))
    config = write_config(tmp_path, [suite("full", "qa-v1"), suite("empty")])
    async with serving(config) as client:
        document = await client.run()

    assert document["warnings"] == ["suite 'empty' is left out: it has no harness"]
    assert document["suites"] == ["full"]


async def test_two_suites_that_share_a_harness_each_ask_the_model(tmp_path: Path) -> None:
    """Every suite asks for itself: twice the calls, and examples and rows of both."""
    write_harness(tmp_path, "qa-v1", examples=examples(3), model=HTTP)
    config = write_config(tmp_path, [suite("one", "qa-v1"), suite("two", "qa-v1")])
    model = FakeModel()
    async with serving(config, model) as client:
        document = await client.run()

    assert sorted(model.asked) == ["q0", "q0", "q1", "q1", "q2", "q2"]
    assert [(one["suite"], one["id"]) for one in document["examples"]] == [
        ("one", "ex-0"), ("one", "ex-1"), ("one", "ex-2"), ("two", "ex-0"), ("two", "ex-1"), ("two", "ex-2"),
    ]  # fmt: skip
    assert [(row["suite"], row["n"], row["score"]) for row in document["grader_results"]] == [
        ("one", 3, 1.0), ("two", 3, 1.0),
    ]  # fmt: skip
    assert (document["suite"], document["suites"]) == (None, ["one", "two"])


async def test_a_suite_that_is_not_there_is_told(tmp_path: Path) -> None:
    """404 with the nearest name; a suite without harnesses is 400; nothing is recorded."""
    write_harness(tmp_path, "qa-v1", examples=examples(1))
    config = write_config(tmp_path, [suite("science", "qa-v1"), suite("empty")])
    async with serving(config) as client:
        assert "did you mean 'science'?" in problem(await client.post(suite="sciense"), 404, "suite-not-found")
        assert "'empty'" in problem(await client.post(suite="empty"), 400, "refused")
        assert logged(config) == []
        assert (await client.run())["status"] == "passed"


def drawn(*numbers: int) -> Iterator[int]:
    """Random numbers that are not."""
    yield from numbers


async def test_an_id_that_is_taken_is_drawn_again(tmp_path: Path) -> None:
    """Runs of one second whose random part clashes get ids of their own, also against runs of an earlier process."""
    config = write_project(tmp_path)
    numbers = drawn(0xA3F7, 0xA3F7, 0xA3F7, 0x0001)
    async with serving(config, clock=lambda: NOON, draw=lambda _limit: next(numbers)) as client:
        ids = [await client.start(), await client.start()]
        for run_id in ids:
            await client.over(run_id)
    numbers = drawn(0xA3F7, 0x0001, 0xFFFF)
    async with serving(config, clock=lambda: NOON, draw=lambda _limit: next(numbers)) as client:
        ids.append(await client.start())
        await client.over(ids[-1])

    assert ids == ["run-20260315-143022-a3f7", "run-20260315-143022-0001", "run-20260315-143022-ffff"]
    assert [event.run_id for event in logged(config, "finished")] == ids


async def test_the_random_part_is_four_hex_digits(tmp_path: Path) -> None:
    """The number is drawn below 65,536."""
    config = write_project(tmp_path)
    limits: list[int] = []

    def draw(limit: int) -> int:
        limits.append(limit)
        return 5

    async with serving(config, clock=lambda: NOON, draw=draw) as client:
        assert await client.start() == "run-20260315-143022-0005"

    assert limits == [65_536]


async def test_a_full_queue_refuses_before_anything_is_recorded(tmp_path: Path) -> None:
    """With one active and one waiting run the third is 429 with Retry-After, and leaves no event and no content."""
    gate = asyncio.Event()

    async def answer(text: str) -> str:
        await gate.wait()
        return text

    config = write_project(tmp_path, model=HTTP)
    write_harness(tmp_path, "other", examples=examples(9))
    write_config(tmp_path, [suite("qa", "qa-v1"), suite("other", "other")])
    async with serving(config, FakeModel(answer), limits=Limits(active_runs=1, waiting_runs=1)) as client:
        runs = [await client.start(suite="qa"), await client.start(suite="qa")]
        with closing(sqlite3.connect(log_of(config))) as database:
            before = list(database.execute("SELECT count(*), (SELECT count(*) FROM contents) FROM events"))
            response = await client.post(suite="other")
            assert list(database.execute("SELECT count(*), (SELECT count(*) FROM contents) FROM events")) == before
        waiting = [(await client.get(run))["status"] for run in runs]
        gate.set()
        assert [(await client.over(run))["status"] for run in runs] == ["passed", "passed"]
        assert (await client.run(suite="other"))["status"] == "passed"

    problem(response, 429, "too-many-runs")
    assert int(response.headers["Retry-After"]) > 0
    assert waiting == ["running", "running"]


async def test_runs_that_start_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    """Fifty requests at once give fifty runs, each found at once and each with its verdict."""
    config = write_project(tmp_path, examples=examples(2))
    async with serving(config) as client:
        runs = await asyncio.gather(*(client.start() for _ in range(50)))
        documents = [await client.over(run_id) for run_id in runs]

    assert len(set(runs)) == 50
    assert {document["status"] for document in documents} == {"passed"}


async def test_a_run_that_was_recorded_though_its_commit_failed_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault right behind the commit of `started`: 503, and the run that readers then see is carried to its end."""
    config = write_project(tmp_path, examples=examples(3))
    async with serving(config) as client:
        log = client.service.writer._log
        append = log._commit

        async def fail(decided: Append) -> list[Recorded]:
            recorded = await append(decided)
            if decided.events:
                monkeypatch.undo()
                raise LogUnavailable("the sync failed")
            return recorded

        monkeypatch.setattr(log, "_commit", fail)
        problem(await client.post(), 503, "log-unavailable")
        await client.service.writer.writable()
        (found,) = (await client.http.get("/results")).json()["runs"]
        assert (await client.over(found["run_id"]))["status"] == "passed"
        assert (await client.run())["status"] == "passed"
    assert len(logged(config, "started")) == 2
