"""`GET /results`: the runs of a log, newest first, filtered and in pages."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from live import Document, in_process, run_through
from project import examples, suite, write_config, write_harness, write_project


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Suites that pass, fail and end in error, and one that never ends while a test looks."""
    write_harness(tmp_path, "right", examples=examples(1))
    write_harness(tmp_path, "wrong", examples=[{"id": "a", "input": "x", "expected": "y"}])
    write_harness(tmp_path, "broken", examples=examples(1), model={"type": "command", "command": ["false"]})
    write_harness(tmp_path, "endless", examples=examples(1), model={"type": "command", "command": ["sleep", "60"]})
    suites = [suite(name, name) for name in ("right", "wrong", "broken", "endless")]
    async with in_process(write_config(tmp_path, suites)) as opened:
        yield opened


async def runs(client: httpx.AsyncClient, **query: object) -> list[Document]:
    """The runs of a page."""
    answer = await client.get("/results", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    listed: list[Document] = answer.json()["runs"]
    return listed


async def test_an_empty_log_lists_nothing(client: httpx.AsyncClient) -> None:
    """With no run: an empty list, total 0, and the default limit 20 and offset 0."""
    answer = await client.get("/results")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"runs": [], "total": 0, "limit": 20, "offset": 0}


async def test_a_listed_run_has_the_fields_of_the_contract(client: httpx.AsyncClient) -> None:
    """A finished run shows six fields, the same as in its document; an error has no verdict; a running one no end."""
    passed = await run_through(client, suite="right")
    failed = await run_through(client, suite="wrong")
    error = await run_through(client, suite="broken")
    running = (await client.post("/run", json={"suite": "endless"})).json()
    listed = await runs(client)
    names = ["run_id", "status", "suite", "started_at", "finished_at", "verdict"]
    assert listed == [
        {name: running[name] for name in ("run_id", "status", "suite", "started_at")},
        {name: error[name] for name in names[:-1]},
        {name: failed[name] for name in names},
        {name: passed[name] for name in names},
    ]
    assert [one["status"] for one in listed] == ["running", "error", "failed", "passed"]
    assert [one.get("verdict") for one in listed] == [None, None, "FAIL", "PASS"]


async def test_runs_are_found_by_status(client: httpx.AsyncClient) -> None:
    """`status` shows only such runs, and `total` counts only them."""
    for name in ("right", "wrong", "right", "broken"):
        await run_through(client, suite=name)
    await client.post("/run", json={"suite": "endless"})
    totals = {}
    for status in ("passed", "failed", "error", "running"):
        answer = (await client.get("/results", params={"status": status})).json()
        assert {one["status"] for one in answer["runs"]} == {status}
        assert len(answer["runs"]) == answer["total"]
        totals[status] = answer["total"]
    assert totals == {"passed": 2, "failed": 1, "error": 1, "running": 1}


async def test_runs_are_found_by_any_of_their_suites(tmp_path: Path) -> None:
    """`suite` finds the runs of that suite and those of all suites that include it."""
    config = write_project(tmp_path, suites=[suite("one", "qa-v1"), suite("two", "qa-v1")])
    async with in_process(config) as client:
        one = (await run_through(client, suite="one"))["run_id"]
        both = (await run_through(client))["run_id"]
        two = (await run_through(client, suite="two"))["run_id"]
        assert [run["run_id"] for run in await runs(client, suite="one")] == [both, one]
        assert [run["run_id"] for run in await runs(client, suite="two")] == [two, both]
        assert await runs(client, suite="three") == []
        assert await runs(client, suite="one", status="failed") == []
        assert [run["run_id"] for run in await runs(client, suite="one", status="passed", limit=1)] == [both]
        assert (await client.get("/results", params={"suite": "one", "limit": 1})).json()["total"] == 2


async def test_pages_go_from_the_newest_to_the_oldest(client: httpx.AsyncClient) -> None:
    """`limit` and `offset` cut the listing, newest first in the log's order; both stand in the answer."""
    started = [(await run_through(client, suite="right"))["run_id"] for _ in range(25)]
    newest = started[::-1]
    assert [run["run_id"] for run in await runs(client)] == newest[:20]
    assert [run["run_id"] for run in await runs(client, offset=20)] == newest[20:]
    assert [run["run_id"] for run in await runs(client, limit=3, offset=4)] == newest[4:7]
    assert [run["run_id"] for run in await runs(client, limit=1000)] == newest
    assert [run["run_id"] for run in await runs(client, limit=1)] == newest[:1]
    assert await runs(client, offset=25) == []
    assert await runs(client, offset=10**15) == []
    answer = (await client.get("/results", params={"limit": 7, "offset": 23})).json()
    assert (answer["total"], answer["limit"], answer["offset"], len(answer["runs"])) == (25, 7, 23, 2)


async def test_runs_started_at_once_are_listed_in_the_logs_order(client: httpx.AsyncClient) -> None:
    """Two looks at a listing of runs of one second show the same order, and every run once."""
    answers = await asyncio.gather(*(client.post("/run", json={"suite": "right"}) for _ in range(30)))
    ids = {answer.json()["run_id"] for answer in answers}
    first = [run["run_id"] for run in await runs(client, limit=100)]
    pages = [run["run_id"] for offset in range(0, 30, 7) for run in await runs(client, limit=7, offset=offset)]
    assert set(first) == ids
    assert len(first) == 30
    assert pages == first


REFUSED = {
    "limit=0": "limit",
    "limit=1001": "limit",
    "limit=-1": "limit",
    "limit=ten": "limit",
    "limit=1.5": "limit",
    "limit=1.0": "limit",
    "limit=1e2": "limit",
    "limit=1E2": "limit",
    "limit=%2B5": "limit",
    "limit=+5": "limit",
    "limit=%205": "limit",
    "limit=5%20": "limit",
    "limit=5%0A": "limit",
    "limit=0x5": "limit",
    "limit=1_0": "limit",
    "limit=%D9%A5": "limit",
    "offset=0.0": "offset",
    "offset=-0.0": "offset",
    "limit=": "limit",
    "limit=99999999999999999999999999": "limit",
    "limit=" + "9" * 5_000: "limit",
    "limit=%00": "limit",
    "limit=%FF": "limit",
    "offset=-1": "offset",
    "offset=x": "offset",
    "offset=0.5": "offset",
    "status=done": "status",
    "status=PASSED": "status",
    "status=": "status",
    "status=cancelled%00": "status",
    "status=passed,failed": "status",
    "limit=5&limit=0": "limit",
    "status=passed&status=done": "status",
    "status=null": "status",
    "limit=null": "limit",
    "limit=5&limit=6": "limit",
    "offset=0&offset=0": "offset",
    "status=passed&status=passed": "status",
    "suite=one&suite=two": "suite",
}


@pytest.mark.parametrize(("query", "field"), REFUSED.items(), ids=[query[:40] for query in REFUSED])
async def test_what_the_listing_does_not_know_is_refused(client: httpx.AsyncClient, query: str, field: str) -> None:
    """A limit outside 1-1000, a negative offset, an unknown status, one given twice: 400 that names the parameter."""
    answer = await client.get(f"/results?{query}")
    problem = answer.json()
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= problem.keys()
    assert field in problem["detail"]
    assert [mistake["field"] for mistake in problem["errors"]] == [field]


@pytest.mark.parametrize(
    "query",
    [
        "limit=1000",
        "limit=1",
        "offset=0",
        "unknown=1",
        "suite=%FF%00",
        "suite=",
        "&&=&",
        "a" * 9_000,
        "offset=00",
        "limit=5;offset=x",
        "%",
    ],
)
async def test_no_query_is_a_fault(client: httpx.AsyncClient, query: str) -> None:
    """Unknown and odd parameters are answered, or refused as 400; never more."""
    for path in ("/results", "/suites", "/health", "/results/none"):
        answer = await client.get(f"{path}?{query}")
        assert answer.status_code in (200, 400, 404)


async def test_the_listing_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """What the listing shows of finished runs is the same bytes when another process reads the log."""
    config = write_project(tmp_path, suites=[suite("one", "qa-v1"), suite("two", "qa-v1")])
    async with in_process(config) as client:
        for body in ({}, {"suite": "one"}, {"suite": "two"}):
            await run_through(client, **body)
        before = [(await client.get(f"/results{query}")).content for query in ("", "?suite=one", "?limit=1&offset=1")]
    async with in_process(config) as client:
        after = [(await client.get(f"/results{query}")).content for query in ("", "?suite=one", "?limit=1&offset=1")]
    assert after == before
