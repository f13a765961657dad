"""`GET /results/{run_id}/examples` and `?examples=`: those that are wanted, a page at a time."""

import asyncio
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live import check_problem
from project import suite, write_config, write_harness
from running import HTTP, Client, Document, FakeModel, serving

from domain.marks import Marks
from projections.example_filter import ExampleFilter
from projections.results import GRADER_ERROR, MODEL_ERROR, PASSED, RECORDED
from service.api import example_pages

REGEX = {"type": "regex", "name": "pattern", "config": {"pattern": "{{{expected}}}"}}
EXACT = {"type": "exact_match"}

# id, what is asked, what is expected, tags; the model says the input again, but for "fail"
ROWS = [
    ("right", "a", "a", ["x"]),
    ("wrong", "b", "bb", ["x", "y"]),
    ("failed", "fail", "c", ["y"]),
    ("not scored", "(", "(", []),
    ("Right too", "Große STRASSE", "Große STRASSE", ["x"]),
]


async def answer(text: str) -> str | httpx.Response:
    """Say it again, or fail."""
    return httpx.Response(500) if text == "fail" else text


def write(folder: Path, *, repeats: int = 1, times: int = 1) -> Path:
    """Two suites: `one` over harness `a` with both graders, `two` over harness `b` with one, on the same examples."""
    rows = [
        {"id": name if time == 0 else f"{name} {time}", "input": asked, "expected": expected, "tags": tags}
        for time in range(times)
        for name, asked, expected, tags in ROWS
    ]
    write_harness(folder, "a", examples=rows, model=HTTP, graders=[EXACT, REGEX], repeats=repeats)
    write_harness(folder, "b", examples=rows, model=HTTP, graders=[EXACT])
    lenient = {"max_error_rate": 1}
    return write_config(folder, [suite("one", "a", statistics=lenient), suite("two", "b", statistics=lenient)])


async def page(client: Client, run_id: str, **query: object) -> Document:
    """One page."""
    answered = await client.http.get(f"/results/{run_id}/examples", params={k: str(v) for k, v in query.items()})
    document: Document = answered.raise_for_status().json()
    return document


async def names(client: Client, run_id: str, **query: object) -> list[str]:
    """Suite and id of all examples that are wanted, over all pages."""
    found: list[str] = []
    cursor: dict[str, object] = {}
    while True:
        one = await page(client, run_id, **query, **cursor)
        found += [f"{example['suite']}/{example['id']}" for example in one["examples"]]
        if "next" not in one:
            return found
        cursor = {"cursor": one["next"]}


WANTED: list[tuple[dict[str, str], list[str]]] = [
    ({}, [f"{one}/{row[0]}" for one in ("one", "two") for row in ROWS]),
    ({"passed": "true"}, ["one/right", "one/Right too", "two/right", "two/not scored", "two/Right too"]),
    ({"passed": "false"}, ["one/wrong", "one/failed", "one/not scored", "two/wrong", "two/failed"]),
    ({"error": "true"}, ["one/failed", "one/not scored", "two/failed"]),
    ({"error": "model"}, ["one/failed", "two/failed"]),
    ({"error": "grader"}, ["one/not scored"]),
    ({"error": "false", "suite": "one"}, ["one/right", "one/wrong", "one/Right too"]),
    ({"harness": "b", "passed": "false"}, ["two/wrong", "two/failed"]),
    ({"harness": "a", "suite": "two"}, []),
    ({"tag": "y"}, ["one/wrong", "one/failed", "two/wrong", "two/failed"]),
    ({"tag": "z"}, []),
    ({"grader": "pattern"}, ["one/wrong", "one/not scored"]),
    ({"grader": "exact_match"}, ["one/wrong", "two/wrong"]),
    ({"grader": "none such"}, []),
    ({"text": "strasse", "suite": "one"}, ["one/Right too"]),
    ({"text": "GROSSE", "suite": "two"}, ["two/Right too"]),
    ({"text": "right", "suite": "one"}, ["one/right", "one/Right too"]),
    ({"text": "bb", "tag": "x", "passed": "false", "suite": "two"}, ["two/wrong"]),
]


@pytest.mark.parametrize("repeats", [1, 2])
async def test_the_examples_that_are_wanted_come_in_the_datasets_order(tmp_path: Path, repeats: int) -> None:
    """By each filter, with pages of any size; with repeats too, where an example has an error if one asking has."""
    async with serving(write(tmp_path, repeats=repeats), FakeModel(answer)) as client:
        run_id = (await client.run())["run_id"]
        for query, expected in WANTED:
            for limit in (1, 2, 100):
                assert await names(client, run_id, limit=limit, **query) == expected, (query, limit)


async def test_all_pages_together_are_the_documents_examples(tmp_path: Path) -> None:
    """Byte for byte, whatever the size of a page; `failed` has the others, `none` no field."""
    async with serving(write(tmp_path, times=30), FakeModel(answer)) as client:
        whole = await client.run()
        run_id = whole["run_id"]
        for limit in (7, 100, 1000):
            entries: list[Document] = []
            cursor: dict[str, object] = {}
            while True:
                one = await page(client, run_id, limit=limit, **cursor)
                entries += one["examples"]
                if "next" not in one:
                    break
                assert len(one["examples"]) == limit
                cursor = {"cursor": one["next"]}
            assert entries == whole["examples"]
        failed = (await client.http.get(f"/results/{run_id}?examples=failed")).json()
        none = (await client.http.get(f"/results/{run_id}?examples=none")).json()
        every = (await client.http.get(f"/results/{run_id}?examples=all")).json()
        before = (await client.http.get(f"/results/{run_id}?examples=none&at=3")).json()
    assert every == whole
    assert failed == whole | {"examples": [one for one in whole["examples"] if not one["passed"]]}
    assert none == {name: value for name, value in whole.items() if name != "examples"}
    assert (before["status"], "examples" in before) == ("running", False)


async def test_pages_are_bounded_by_what_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five that are looked at for a page, few may be wanted, or none; the next page goes on behind them."""
    monkeypatch.setattr(example_pages, "LOOKED_AT", 5)
    async with serving(write(tmp_path, times=4), FakeModel(answer)) as client:
        run_id = (await client.run())["run_id"]
        first = await page(client, run_id, text="bb", suite="one")
        none = await page(client, run_id, text="nowhere")
        found = await names(client, run_id, text="bb", suite="one")
        monkeypatch.setattr(example_pages, "PAGE_BYTES", 1)
        small = await page(client, run_id)
    assert ([one["id"] for one in first["examples"]], "next" in first) == (["wrong"], True)
    assert (none["examples"], "next" in none) == ([], True)
    assert found == ["one/wrong", "one/wrong 1", "one/wrong 2", "one/wrong 3"]
    assert (len(small["examples"]), "next" in small) == (1, True)


async def test_a_running_runs_examples_come_as_far_as_they_are_recorded(tmp_path: Path) -> None:
    """In the dataset's order, and a cursor stays at its place while others are recorded before and behind it."""
    go_on = {text: asyncio.Event() for text in "abcd"}

    async def hold(text: str) -> str:
        await go_on[text].wait()
        return text

    rows = [{"id": text, "input": text, "expected": text} for text in "abcd"]
    write_harness(tmp_path, "a", examples=rows, model=HTTP, graders=[EXACT])
    async with serving(write_config(tmp_path, [suite("one", "a")]), FakeModel(hold)) as client:
        run_id = await client.start()

        async def let(text: str, completed: int) -> None:
            go_on[text].set()
            async with asyncio.timeout(10):
                while (await client.get(run_id)).get("progress", {"completed": completed})["completed"] < completed:
                    await asyncio.sleep(0.002)

        assert await names(client, run_id) == []
        await let("b", 1)
        await let("d", 2)
        first = await page(client, run_id, limit=1)
        await let("a", 3)
        await let("c", 4)
        assert [one["id"] for one in first["examples"]] == ["b"]
        second = await page(client, run_id, cursor=first["next"])
        assert [one["id"] for one in second["examples"]] == ["d"]
        assert await names(client, run_id) == ["one/a", "one/b", "one/c", "one/d"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "passed=yes", "error=none", "cursor=x", "cursor=", "cursor=1--1",
     "cursor=1", "cursor=%00", "cursor=%C3%A4", "cursor=0-9999999999999", "tag=a&tag=b"],
)  # fmt: skip
async def test_what_is_not_allowed_is_refused(tmp_path: Path, query: str) -> None:
    """400 with the name of the parameter."""
    async with serving(write(tmp_path), FakeModel(answer)) as client:
        run_id = (await client.run())["run_id"]
        refused = await client.http.get(f"/results/{run_id}/examples?{query}")
        wrong = await client.http.get(f"/results/{run_id}?examples=some")
        unknown = await client.http.get("/results/run-20260315-143022-a3f7/examples")
    assert refused.status_code == 400
    assert check_problem(refused).startswith(query.partition("=")[0])
    assert (wrong.status_code, unknown.status_code) == (400, 404)


async def test_a_page_has_a_tag_of_its_own(tmp_path: Path) -> None:
    """304 to the same question about the same run, 200 to another one."""
    async with serving(write(tmp_path), FakeModel(answer)) as client:
        path = f"/results/{(await client.run())['run_id']}/examples"
        tag = (await client.http.get(f"{path}?limit=2")).headers["ETag"]
        same = await client.http.get(f"{path}?limit=2", headers={"If-None-Match": tag})
        other = await client.http.get(f"{path}?limit=3", headers={"If-None-Match": tag})
    assert (same.status_code, other.status_code) == (304, 200)


@given(
    st.builds(ExampleFilter, st.sampled_from([None, True, False]), st.sampled_from([None, "true", "false", "model"]))
)
def test_the_kinds_that_a_filter_takes_are_recorded_ones(wanted: ExampleFilter) -> None:
    """What is not recorded is never wanted; the bits say the same as the words."""
    for kind, takes in enumerate(wanted.kinds):
        failed, erred = bool(kind & MODEL_ERROR), bool(kind & (MODEL_ERROR | GRADER_ERROR))
        of_error = {None: True, "true": erred, "false": not erred, "model": failed}[wanted.error]
        of_passed = wanted.passed in (None, bool(kind & PASSED))
        assert takes == (bool(kind & RECORDED) and of_passed and of_error)


def test_a_score_at_its_mark_is_not_below_it() -> None:
    """0.7 reaches 0.7, as everywhere; a grader without a mark fails nothing."""
    entry = b'{"id":"a","input":"","expected":"","output":"","scores":{"one":0.7,"two":0},"passed":true,"tags":[]}'
    marks = Marks({"one": 0.7}, None, 1.0)
    assert [ExampleFilter(grader=name).keeps(entry, marks) for name in ("one", "two", "three")] == [False, False, False]
    assert ExampleFilter(grader="one").keeps(entry, marks._replace(graders={"one": 0.71}))
