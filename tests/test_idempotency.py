"""`Idempotency-Key` on `POST /run`: one run for each key, whatever happens between a request and its answer."""

import asyncio
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import check_problem
from project import examples, suite, write_config, write_harness, write_project
from running import HTTP, Client, Document, FakeModel, logged, serving

from domain.errors import LogUnavailable
from domain.events import Recorded
from service import writer as writer_module
from service.execution.queue import Limits
from service.files.config import ConfigFiles
from service.log.event_log import Append, EventLog

KEY = "Idempotency-Key"


async def post(client: Client, key: str, **body: object) -> httpx.Response:
    """`POST /run` with a key."""
    return await client.http.post("/run", json=body, headers={KEY: key})


def two_suites(folder: Path, **fields: Any) -> Path:
    """A project of the suites `qa` and `other` over one harness."""
    write_project(folder, **fields)
    return write_config(folder, [suite("qa", "qa-v1"), suite("other", "qa-v1")])


async def test_the_same_request_again_is_the_same_run_as_it_stands_now(tmp_path: Path) -> None:
    """Asked again while it runs and after its end: the same id, `Location` and times, with the status of the moment."""
    gate = asyncio.Event()

    async def answer(text: str) -> str:
        await gate.wait()
        return text

    config = write_project(tmp_path, model=HTTP)
    async with serving(config, FakeModel(answer)) as client:
        first = await post(client, "a-1", suite="qa")
        during = await post(client, "a-1", suite="qa")
        gate.set()
        await client.over(first.json()["run_id"])
        after = await post(client, '"a-1"', suite="qa", tags=None)
    async with serving(config) as client:
        restarted = await post(client, "a-1", suite="qa", concurrency=None)

    run_id = first.json()["run_id"]
    assert [one.status_code for one in (first, during, after, restarted)] == [202] * 4
    assert {one.headers["Location"] for one in (first, during, after, restarted)} == {f"/results/{run_id}"}
    assert first.json()["status"] == "running"
    assert during.json() == first.json()
    assert after.json() == restarted.json() == first.json() | {"status": "passed"}
    (event,) = logged(config, "started")
    assert event.body["idempotency_key"] == "a-1"


async def test_a_run_without_a_key_records_none(tmp_path: Path) -> None:
    """Neither field is in the event, and two such requests are two runs."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        assert await client.start() != await client.start()
    for event in logged(config, "started"):
        assert event.body.keys().isdisjoint({"idempotency_key", "request_digest"})


async def test_left_out_suites_are_told_again(tmp_path: Path) -> None:
    """The warnings of the first answer are in the repeated one, before and after a restart."""
    config = write_project(tmp_path)
    write_harness(tmp_path, "tagged", examples=examples(1, tags=["x"]))
    write_config(tmp_path, [suite("qa", "qa-v1"), suite("tagged", "tagged")])
    async with serving(config) as client:
        first = (await post(client, "a", tags=["x"])).json()
        await client.over(first["run_id"])
        again = (await post(client, "a", tags=["x"])).json()
    async with serving(config) as client:
        restarted = (await post(client, "a", tags=["x"])).json()
    assert len(first["warnings"]) == 1
    assert first["warnings"] == again["warnings"] == restarted["warnings"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"suite": "qa"}),
        ({"suite": "qa"}, {"suite": "other"}),
        ({"suite": "qa"}, {"suite": "nothing of this name"}),
        ({"suite": "qa"}, {"suite": "qa", "tags": []}),
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}),
        ({"concurrency": 1}, {"concurrency": 2}),
        ({"config": "matchspec.yml"}, {"config": "./matchspec.yml"}),
        ({"config": "matchspec.yml"}, {}),
    ],
)
async def test_another_body_is_422(tmp_path: Path, first: Document, second: Document) -> None:
    """A key that came with another body before is refused, also after a restart, and the first request still works."""
    config = two_suites(tmp_path, examples=examples(2, tags=["a", "b"]))
    async with serving(config) as client:
        run_id = (await post(client, "a", **first)).json()["run_id"]
        await client.over(run_id)
        answers = [await post(client, "a", **second)]
        assert (await post(client, "a", **first)).json()["run_id"] == run_id
    async with serving(config) as client:
        answers.append(await post(client, "a", **second))
    for answer in answers:
        assert answer.status_code == 422
        assert run_id in check_problem(answer)
        assert answer.json()["type"] == "urn:matchspec:problem:idempotency-key-reused"
    assert len(logged(config, "started")) == 1


async def test_how_a_body_is_written_makes_no_difference(tmp_path: Path) -> None:
    """White space, the order of fields and fields that are null; no body is `{}`."""
    bodies = [b'{"suite":"qa","tags":["x"]}', b' {"tags" : ["x"],\n "suite": "q\\u0061", "config": null}']
    empty: list[bytes] = [b"", b"{}", b' {"suite": null, "tags": null, "concurrency": null, "config": null}']
    config = write_project(tmp_path, examples=examples(1, tags=["x"]))
    async with serving(config) as client:
        for key, same in (("a", bodies), ("b", empty)):
            headers = {KEY: key, "Content-Type": "application/json"}
            answers = [await client.http.post("/run", content=body, headers=headers) for body in same]
            assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert len(logged(config, "started")) == 2


async def test_the_files_may_have_changed_meanwhile(tmp_path: Path) -> None:
    """A repeated request is not checked anew: the suite may be gone, the config broken, the queue full."""
    config = write_project(tmp_path)
    async with serving(config, limits=Limits(active_runs=1, waiting_runs=0)) as client:
        first = await post(client, "a", suite="qa")
        await client.over(first.json()["run_id"])
        config.write_text("nonsense: [")
        assert (await post(client, "b", suite="qa")).status_code == 400
        again = await post(client, "a", suite="qa")
    assert (again.status_code, again.json()["run_id"]) == (202, first.json()["run_id"])


async def test_a_refusal_is_not_remembered(tmp_path: Path) -> None:
    """A key whose request was refused is free: for the same request once it can be accepted, and for another."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        assert (await post(client, "a", suite="later")).status_code == 404
        assert (await post(client, "b", suite="later")).status_code == 404
        write_config(tmp_path, [suite("qa", "qa-v1"), suite("later", "qa-v1")])
        assert (await post(client, "a", suite="later")).status_code == 202
        assert (await post(client, "b", suite="qa")).status_code == 202
    assert len(logged(config, "started")) == 2


@pytest.mark.parametrize("headers", [[(KEY, "a"), (KEY, "a")], [(KEY, "")], [(KEY, "a b")], [(KEY, "x" * 256)]])
async def test_what_is_no_key_is_400(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    """Two keys, an empty one, one with a space or one too long start nothing."""
    async with serving(write_project(tmp_path)) as client:
        answer = await client.http.post("/run", json={}, headers=headers)
        assert answer.status_code == 400
        assert KEY in check_problem(answer)
        assert (await client.http.get("/results")).json()["total"] == 0


async def test_requests_with_one_key_at_once_are_one_run(tmp_path: Path) -> None:
    """Fifty requests at the same time: one run, and every answer names it."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        answers = await asyncio.gather(*(post(client, "a", suite="qa") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert len(logged(config, "started")) == 1


async def test_the_second_waits_for_the_first_and_is_decided_on_its_own_when_that_is_refused(tmp_path: Path) -> None:
    """Of an unknown suite and a known one sent at once with one key, the first is 404 and the second a run."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        wrong = asyncio.create_task(post(client, "a", suite="unknown"))
        right = asyncio.create_task(post(client, "a", suite="qa"))
        assert [(await wrong).status_code, (await right).status_code] == [404, 202]
        other = [asyncio.create_task(post(client, "b", suite=name)) for name in ("qa", "unknown")]
        assert [(await one).status_code for one in other] == [202, 422]


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
async def test_after_503_the_same_request_finds_the_run_or_starts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """A fault before or after the commit of `started`: the client asks again until it is answered; there is one run."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        fail_starts(client.service.writer._log, monkeypatch, ["after" if committed else "before"])
        assert (await post(client, "a", suite="qa")).status_code == 503
        run_id = (await until_answered(client, "a", "qa")).json()["run_id"]
        assert (await client.over(run_id))["status"] == "passed"
    (event,) = logged(config, "started")
    assert event.run_id == run_id


async def test_a_start_that_waits_while_the_run_is_found_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeated request that saw no run, as its commit seemed to have failed, sees it when its own turn has come."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        service = client.service
        fail_starts(service.writer._log, monkeypatch, ["after"])
        assert (await post(client, "a", suite="qa")).status_code == 503
        read = service.starter._read

        async def read_late(name: str | None) -> ConfigFiles:
            assert service.views.keyed.get("a") is None
            await service.writer.writable()
            return await read(name)

        monkeypatch.setattr(service.starter, "_read", read_late)
        again = await post(client, "a", suite="qa")
        assert again.status_code == 202
        assert (await client.over(again.json()["run_id"]))["status"] == "passed"
    assert len(logged(config, "started")) == 1


async def test_a_client_that_goes_away_leaves_a_run_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is cancelled while its run is being recorded, and sent again: the same run, and it is carried."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        log = client.service.writer._log
        append, begun, gate = log._commit, asyncio.Event(), asyncio.Event()

        async def append_late(decided: Append) -> list[Recorded]:
            if decided.events:
                begun.set()
                await gate.wait()
            return await append(decided)

        monkeypatch.setattr(log, "_commit", append_late)
        first = asyncio.create_task(post(client, "a", suite="qa"))
        await begun.wait()
        first.cancel()
        second = asyncio.create_task(post(client, "a", suite="qa"))
        await asyncio.sleep(0.05)
        gate.set()
        assert (await client.over((await second).json()["run_id"]))["status"] == "passed"
    assert first.cancelled()
    assert len(logged(config, "started")) == 1


async def test_nobody_is_told_of_a_refusal_whose_client_went_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that is cancelled and then refused leaves no trace in the server's own log."""
    async with serving(write_project(tmp_path)) as client:
        asked = asyncio.create_task(post(client, "a", suite="unknown"))
        while not any(map(is_start, asyncio.all_tasks())):
            await asyncio.sleep(0)
        asked.cancel()
        assert (await post(client, "a", suite="unknown")).status_code == 404
        del asked  # what it raised holds on to the start
        gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def is_start(task: asyncio.Task[Any]) -> bool:
    """Whether a task is the start of a run that came with a key."""
    return "_start_once" in repr(task.get_coro())


def fail_starts(log: EventLog, monkeypatch: pytest.MonkeyPatch, faults: Sequence[str]) -> None:
    """Let the commits of new runs fail in turn: before they happen, or after; any other word is no fault."""
    append, left = log._commit, iter(faults)

    async def fail(decided: Append) -> list[Recorded]:
        fault = next(left, "") if any(event.version == 1 for event in decided.events) else ""
        if fault == "before":
            raise LogUnavailable("disk full")
        recorded = await append(decided)
        if fault == "after":
            raise LogUnavailable("the sync failed")
        return recorded

    monkeypatch.setattr(log, "_commit", fail)


async def until_answered(client: Client, key: str, name: str) -> httpx.Response:
    """Ask until the log can be written; gives the first answer that is not 503."""
    async with asyncio.timeout(20):
        while (answer := await post(client, key, suite=name)).status_code == 503:
            await asyncio.sleep(0.001)
    return answer


class Asked(NamedTuple):
    """A request: it begins after so many turns of the loop, and its client goes away after so many more, or never."""

    key: str
    suite: str
    wait: int
    patience: int | None


asked = st.builds(
    Asked,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["qa", "other", "unknown"]),
    st.integers(0, 30),
    st.none() | st.integers(0, 60),
)


@pytest.mark.timeout(600)
@settings(max_examples=1_000 if os.environ.get("MATCHSPEC_TEST_LONG") else 40, deadline=None)
@given(requests=st.lists(asked, min_size=2, max_size=8), faults=st.lists(st.sampled_from(["", "before", "after"])))
def test_no_interleaving_makes_two_runs_of_a_key(
    tmp_path_factory: pytest.TempPathFactory, requests: list[Asked], faults: list[str]
) -> None:
    """Requests with two keys, in any order, with commits that fail and clients that go away: each key has at
    most one run, all its 202s name that run, every other suite is 422, and every run ends.
    """
    config = two_suites(tmp_path_factory.mktemp("project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "RETRY_SECONDS", 0.001)
        answers = asyncio.run(ask_all(config, requests, faults, patch))
    runs: dict[str, list[tuple[str, str]]] = {"a": [], "b": []}
    for event in logged(config, "started"):
        runs[event.body["idempotency_key"]].append((event.run_id, event.body["suite"]))
    assert {len(of_key) for of_key in runs.values()} <= {0, 1}
    for one, answer in zip(requests, answers, strict=True):
        if answer is None:
            continue
        match answer.status_code:
            case 202:
                assert runs[one.key] == [(answer.json()["run_id"], one.suite)]
            case 422:
                assert runs[one.key][0][1] != one.suite
            case status:
                assert (status, one.suite) == (404, "unknown")
    assert len(logged(config, "finished")) == len(runs["a"] + runs["b"])


async def ask_all(
    config: Path, requests: Sequence[Asked], faults: Sequence[str], patch: pytest.MonkeyPatch
) -> list[httpx.Response | None]:
    """What each request was answered at last, None where its client went away; all runs are over then."""
    async with serving(config) as client:
        fail_starts(client.service.writer._log, patch, faults)
        answers = await asyncio.gather(*(ask(client, one) for one in requests))
        for key in ("a", "b"):  # its turn comes when the starts whose clients went away are over
            await until_answered(client, key, "unknown")
        await client.service.writer.writable()
        for run in client.service.views.listing.page(None, None, 10, 0).runs:
            await client.over(run.run_id)
    return answers


async def ask(client: Client, one: Asked) -> httpx.Response | None:
    """Send a request when its time has come, and again after each 503."""
    for _ in range(one.wait):
        await asyncio.sleep(0)
    asking = asyncio.create_task(until_answered(client, one.key, one.suite))
    if one.patience is None:
        return await asking
    for _ in range(one.patience):
        await asyncio.sleep(0)
    asking.cancel()
    try:
        return await asking
    except asyncio.CancelledError:
        return None
