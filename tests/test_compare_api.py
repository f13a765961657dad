"""`GET /compare`: two runs of the log, example by example."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from project import examples, suite, write_harness, write_project
from running import HTTP, Client, FakeModel, serving

Document = dict[str, Any]
CONTAINS = {"type": "contains"}


class Changing(FakeModel):
    """Answers rightly but for the inputs in `wrong`, and fails on those in `broken`."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.wrong: set[str] = set()
        self.broken: set[str] = set()

    async def _answer(self, text: str) -> str | httpx.Response:
        await asyncio.sleep(0)
        if text in self.broken:
            return httpx.Response(500)
        return "wrong" if text in self.wrong else text


async def compared(client: Client, base: str, head: str, **query: object) -> Document:
    """The document of a comparison."""
    response = await client.http.get("/compare", params={"base": base, "head": head, **query})  # type: ignore[dict-item]
    assert response.status_code == 200, response.text
    document: Document = response.json()
    return document


async def test_two_runs_are_compared(tmp_path: Path) -> None:
    """Of 20 examples, 8 were wrong in the base, and 1 in the head: seven wins, no loss."""
    model = Changing()
    config = write_project(tmp_path, examples=examples(20), model=HTTP)
    async with serving(config, model) as client:
        model.wrong = {f"q{n}" for n in range(8)}
        base = (await client.run(suite="qa"))["run_id"]
        model.wrong = {"q7"}
        head = (await client.run(suite="qa"))["run_id"]
        document = await compared(client, base, head)
        backwards = await compared(client, head, base)
        again = await compared(client, base, head)
    assert document == again
    assert document["base"] == {
        "run_id": base,
        "status": "failed",
        "suite": "qa",
        "started_at": document["base"]["started_at"],
        "verdict": "FAIL",
    }
    assert (document["word"], document["differences"], document["shared"]) == ("better", [], 20)
    (row,) = document["rows"]
    assert (row["name"], row["suite"], row["harness"], row["decides"], row["missing"]) == (
        "exact_match",
        "qa",
        None,
        True,
        0,
    )
    assert (row["n"], row["wins"], row["losses"], row["ties"], row["word"]) == (20, 7, 0, 13, "better")
    assert (row["base_mean"], row["head_mean"], row["difference"]) == (0.6, 0.95, 0.35)
    assert row["p_value"] == pytest.approx(2 / 2**7)
    assert 0 < row["ci_lower"] < 0.35 < row["ci_upper"] < 1
    assert {name: row[name] for name in document["overall"]} == document["overall"]
    assert document["flips_total"] == 7
    assert document["flips"][0] == {
        "suite": "qa",
        "harness": "qa-v1",
        "id": "ex-0",
        "grader": "exact_match",
        "base_score": 0.0,
        "head_score": 1.0,
        "input": "q0",
        "expected": "q0",
        "base_output": "wrong",
        "head_output": "q0",
    }
    assert [flip["id"] for flip in document["flips"]] == [f"ex-{n}" for n in range(7)]
    assert (backwards["word"], backwards["rows"][0]["losses"], backwards["rows"][0]["ci_upper"]) == (
        "worse",
        7,
        -row["ci_lower"],
    )


async def test_what_is_not_compared_is_told(tmp_path: Path) -> None:
    """Examples that changed, that one run alone has or has no answer to; a grader that is new; all said first."""
    model = Changing()
    config = write_project(tmp_path, examples=examples(6), model=HTTP)
    async with serving(config, model) as client:
        model.broken = {"q0"}
        base = (await client.run(suite="qa"))["run_id"]
        model.broken = set()
        now: list[Mapping[str, object]] = [*reversed(examples(5)), {"id": "new", "input": "n", "expected": "n"}]
        now[0] = {"id": "ex-4", "input": "q4", "expected": "something else"}
        write_harness(tmp_path, "qa-v1", examples=now, model=HTTP, graders=[{"type": "exact_match"}, CONTAINS])
        head = (await client.run(suite="qa"))["run_id"]
        document = await compared(client, base, head)
    where = "harness 'qa-v1' of suite 'qa'"
    assert document["differences"] == [
        f"{where}: another dataset, or another state of it",
        f"{where}: grader 'contains' is in the head only",
    ]
    named = {"suite": "qa", "harness": "qa-v1"}
    assert document["left_out"] == {
        "changed": {"total": 1, "examples": [named | {"id": "ex-4"}]},
        "ungraded": {"total": 1, "examples": [named | {"id": "ex-0"}]},
        "base_only": {"total": 1, "examples": [named | {"id": "ex-5"}]},
        "head_only": {"total": 1, "examples": [named | {"id": "new"}]},
    }
    assert document["shared"] == 3
    assert [(row["name"], row["n"], row["missing"]) for row in document["rows"]] == [
        ("exact_match", 3, 0),
        ("contains", 0, 3),
    ]
    assert "difference" not in document["rows"][1]


async def test_repeats_are_compared_by_their_means(tmp_path: Path) -> None:
    """Ten examples asked twice, one of two right, against both right: ten wins of a half."""
    asked: list[str] = []

    async def half(text: str) -> str:
        asked.append(text)
        return text if asked.count(text) != 2 else "wrong"

    config = write_project(tmp_path, examples=examples(10), model=HTTP, harness={"repeats": 2, "concurrency": 1})
    async with serving(config, FakeModel(half)) as client:
        base, head = [(await client.run(suite="qa"))["run_id"] for _ in range(2)]
        document = await compared(client, base, head)
    (row,) = document["rows"]
    assert (row["n"], row["base_mean"], row["head_mean"], row["wins"], row["word"]) == (10, 0.5, 1.0, 10, "better")
    assert "p_value" not in row
    assert document["flips"][0]["base_output"] == "q0"


async def test_all_suites_with_weights_and_the_number_of_flips(tmp_path: Path) -> None:
    """A row `overall` for the weighted harness, rows of every suite; no more flips than asked for, and their number."""
    model = Changing()
    write_project(tmp_path, examples=examples(8), model=HTTP)
    weighted = [{"type": "exact_match", "weight": 1}, {"type": "contains", "weight": 3}]
    write_harness(tmp_path, "w", examples=examples(8), model=HTTP, graders=weighted)
    config = write_project(
        tmp_path, examples=examples(8), model=HTTP, suites=[suite("qa", "qa-v1"), suite("other", "w")]
    )
    async with serving(config, model) as client:
        base = (await client.run())["run_id"]
        model.wrong = {f"q{n}" for n in range(8)}
        head = (await client.run())["run_id"]
        document = await compared(client, base, head, limit=3)
    assert [(row["suite"], row["name"], row["decides"], row["word"]) for row in document["rows"]] == [
        ("qa", "exact_match", True, "worse"),
        ("other", "overall", True, "worse"),
        ("other", "exact_match", False, "worse"),
        ("other", "contains", False, "worse"),
    ]
    assert (document["base"]["suite"], document["base"]["suites"]) == (None, ["qa", "other"])
    assert (document["overall"]["n"], document["flips_total"], len(document["flips"])) == (16, 16, 6)


async def test_what_can_not_be_compared(tmp_path: Path) -> None:
    """Missing and wrong parameters, unknown runs, a run that is not over."""
    stop = asyncio.Event()

    async def wait(text: str) -> str:
        await stop.wait()
        return text

    config = write_project(tmp_path, model=HTTP)
    async with serving(config, FakeModel(wait)) as client:
        running = await client.start(suite="qa")
        unknown = "run-20260315-143022-a3f7"
        answers = {
            query: (await client.http.get(f"/compare{query}"))
            for query in (
                "",
                f"?base={running}",
                f"?base={running}&head={running}&limit=0",
                f"?base={unknown}&head={running}",
                f"?base={running}&head={running}",
            )
        }
        told = [(answer.status_code, answer.json()["type"].rpartition(":")[2]) for answer in answers.values()]
        assert told == [
            (400, "invalid-request"),
            (400, "invalid-request"),
            (400, "invalid-request"),
            (404, "run-not-found"),
            (409, "run-not-over"),
        ]
        assert [error["field"] for error in answers[""].json()["errors"]] == ["base", "head"]
        stop.set()
        await client.over(running)
        itself = await compared(client, running, running)
        head = await client.http.head(f"/compare?base={running}&head={running}")
    assert (itself["word"], itself["rows"][0]["difference"], itself["flips"]) == ("no evidence", 0.0, [])
    assert head.status_code == 200
    assert not head.content
