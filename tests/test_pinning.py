"""Datasets are pinned before a run asks anybody; large ones by the run itself, in the background."""

import asyncio
import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from project import Fields, examples, suite, write_config, write_dataset, write_harness, write_project
from running import HTTP, FakeModel, Logged, log_of, logged, serving

from domain.events import Recorded
from domain.plan import Plan
from service.execution import queue, starting
from service.execution.runner import Runner
from service.log.event_log import Append
from service.log.sqlite.event_log import SqliteLog


@pytest.fixture
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Datasets of more than five rows are large."""
    monkeypatch.setattr(starting, "CHECKED_ROWS", 5)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Pinning in the background begins when this is set."""
    opened = asyncio.Event()
    pin = Runner._pin

    async def pin_later(self: Runner, plan: Plan) -> None:
        await opened.wait()
        await pin(self, plan)

    monkeypatch.setattr(Runner, "_pin", pin_later)
    return opened


def types(config: Path) -> list[str]:
    """The types of all events, without repeats in a row."""
    kinds = [event.type for event in logged(config)]
    return [kind for place, kind in enumerate(kinds) if place == 0 or kinds[place - 1] != kind]


def pinned_rows(config: Path, manifest: str) -> list[dict[str, object]]:
    """All rows of a manifest, read past our own code."""
    with closing(sqlite3.connect(log_of(config))) as database:

        def content(digest: str) -> bytes:
            query = "SELECT bytes FROM contents WHERE digest = ?"
            ((found,),) = database.execute(query, (bytes.fromhex(digest),))
            assert hashlib.sha256(found).hexdigest() == digest
            return bytes(found)

        blocks = [content(digest) for digest, _ in json.loads(content(manifest))["blocks"]]
    return [json.loads(line) for block in blocks for line in block.splitlines()]


def harnesses(event: Logged) -> list[tuple[str, int | None, int | None]]:
    """Per harness its name, rows, and rows that take part."""
    return [(one["harness"], one.get("rows"), one.get("examples")) for one in event.body["harnesses"]]


async def test_a_dataset_is_pinned_row_by_row(tmp_path: Path) -> None:
    """The log holds every row in order, with id, input, expected, tags and metadata as the file has them."""
    rows: list[Fields] = [
        {"id": "a", "input": "größer\n", "expected": "🦉", "tags": ["x"], "metadata": {"page": 7}},
        {"id": "b", "input": "", "expected": ""},
    ]
    config = write_project(tmp_path, examples=rows)
    async with serving(config) as client:
        await client.run()

    (event,) = logged(config, "started")
    assert pinned_rows(config, event.body["harnesses"][0]["manifest"]) == rows


async def test_what_was_pinned_once_is_not_pinned_again(tmp_path: Path) -> None:
    """Two suites, two harnesses and two runs over one dataset add one set of contents."""
    write_harness(tmp_path, "one", examples=examples(4))
    write_harness(tmp_path, "two", examples=examples(4))
    config = write_config(tmp_path, [suite("first", "one", "two"), suite("second", "one")])
    async with serving(config) as client:
        await client.run()
        await client.run()

    with closing(sqlite3.connect(log_of(config))) as database:
        assert list(database.execute("SELECT count(*) FROM contents")) == [(3,)]  # a plan, a manifest, a block


@pytest.mark.usefixtures("_small_limit")
async def test_five_rows_are_checked_before_the_answer_and_six_are_not(tmp_path: Path) -> None:
    """At the limit a bad row refuses the request; above it the run is accepted and pinned in the background."""
    config = write_project(tmp_path, examples=[*examples(4), {"id": "bad"}])
    async with serving(config) as client:
        response = await client.post()
        assert response.status_code == 400
        assert [(one["file"], one["line"]) for one in response.json()["errors"]] == [
            ("evals/qa-v1/dataset.jsonl", 5), ("evals/qa-v1/dataset.jsonl", 5),
        ]  # fmt: skip
        assert logged(config) == []

        write_project(tmp_path, examples=examples(5))
        await client.run()
        assert types(config) == ["started", "example_scored", "finished"]

        write_project(tmp_path, examples=examples(6))
        await client.run()
        assert types(config)[3:] == ["started", "examples_pinned", "example_scored", "finished"]


@pytest.mark.usefixtures("_small_limit")
async def test_no_call_is_made_before_all_is_pinned(tmp_path: Path, gate: asyncio.Event) -> None:
    """While a large dataset is pinned `total` is absent and no model is asked, also not for a small one beside it."""
    write_harness(tmp_path, "large", examples=examples(8), model=HTTP)
    write_harness(tmp_path, "small", examples=examples(3), model=HTTP)
    config = write_config(tmp_path, [suite("qa", "small", "large")])
    model = FakeModel()
    async with serving(config, model) as client:
        run_id = await client.start()
        await asyncio.sleep(0.05)
        waiting = await client.get(run_id)
        assert model.asked == []
        gate.set()
        document = await client.over(run_id)

    assert (waiting["status"], waiting["progress"]) == ("running", {"completed": 0, "percent": 0.0})
    assert (document["status"], len(model.asked), len(document["examples"])) == ("passed", 11, 11)
    assert types(config) == ["started", "examples_pinned", "example_scored", "finished"]
    (begun,), (pinned,) = logged(config, "started"), logged(config, "examples_pinned")
    assert harnesses(begun) == [("small", 3, 3), ("large", None, None)]
    assert harnesses(pinned) == [("small", 3, 3), ("large", 8, 8)]


@pytest.mark.usefixtures("_small_limit")
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "bad", "input": 7, "expected": "x"}, "line 7, input"),
        ({"id": "ex-0", "input": "", "expected": ""}, "ex-0"),
    ],
    ids=["wrong type", "repeated id"],
)  # fmt: skip
async def test_a_bad_row_of_a_large_dataset_ends_the_run(tmp_path: Path, row: Fields, reason: str) -> None:
    """The run ends as `error` with file and line, and the model was not asked once."""
    config = write_project(tmp_path, examples=[*examples(6), row], model=HTTP)
    model = FakeModel()
    async with serving(config, model) as client:
        document = await client.run()

    assert (document["status"], "verdict" in document) == ("error", False)
    assert "evals/qa-v1/dataset.jsonl, line 7" in document["error"]
    assert reason in document["error"]
    assert (model.asked, document["examples"]) == ([], [])
    assert types(config) == ["started", "finished"]


@pytest.mark.usefixtures("_small_limit")
async def test_a_dataset_that_is_gone_when_it_is_pinned_ends_the_run(tmp_path: Path, gate: asyncio.Event) -> None:
    """Until a large dataset is pinned it depends on its file: without it the run ends as `error` that names it."""
    config = write_project(tmp_path, examples=examples(9))
    async with serving(config) as client:
        run_id = await client.start()
        (tmp_path / "evals" / "qa-v1" / "dataset.jsonl").unlink()
        gate.set()
        document = await client.over(run_id)

    assert document["status"] == "error"
    assert "evals/qa-v1/dataset.jsonl" in document["error"]


@pytest.mark.usefixtures("_small_limit")
async def test_a_restart_before_all_is_pinned_pins_from_the_file_as_it_is_then(
    tmp_path: Path, gate: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was stopped while it waited for its examples takes them from the file at the next start."""
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)
    config = write_project(tmp_path, examples=examples(6))
    async with serving(config) as client:
        run_id = await client.start()
    assert types(config) == ["started"]

    write_dataset(tmp_path / "evals" / "qa-v1" / "dataset.jsonl", examples(7))
    gate.set()
    async with serving(config) as client:
        document = await client.over(run_id)

    assert (document["status"], len(document["examples"])) == ("passed", 7)


@pytest.mark.usefixtures("_small_limit")
async def test_tags_select_of_a_large_dataset_too(tmp_path: Path) -> None:
    """`total` and the examples are those that carry a tag of the suite and one of the request."""
    rows: list[Fields] = [
        *examples(6),
        *({"id": f"t-{n}", "input": "q", "expected": "q", "tags": ["s", "r"]} for n in range(3)),
    ]
    rows.append({"id": "s-only", "input": "q", "expected": "q", "tags": ["s"]})
    write_harness(tmp_path, "qa-v1", examples=rows)
    config = write_config(tmp_path, [suite("qa", "qa-v1", tags=["s"])])
    async with serving(config) as client:
        document = await client.run(tags=["r"])

    assert [example["id"] for example in document["examples"]] == ["t-0", "t-1", "t-2"]
    (pinned,) = logged(config, "examples_pinned")
    assert harnesses(pinned) == [("qa-v1", 10, 3)]


@pytest.mark.usefixtures("_small_limit")
async def test_a_large_dataset_without_matches_is_left_out_and_named(tmp_path: Path) -> None:
    """What turns out to have no match while it is pinned is left out with a warning, as a small dataset is."""
    write_harness(tmp_path, "large", examples=examples(8))
    write_harness(tmp_path, "small", examples=examples(2, tags=["x"]))
    config = write_config(tmp_path, [suite("mixed", "small", "large"), suite("only-large", "large")])
    async with serving(config) as client:
        document = await client.run(tags=["x"])

    assert (document["status"], len(document["examples"])) == ("passed", 2)
    warnings = document.get("warnings", [])
    assert any("'large'" in warning and "'mixed'" in warning for warning in warnings)
    assert any("'only-large'" in warning for warning in warnings)


@pytest.mark.usefixtures("_small_limit")
async def test_a_large_dataset_without_any_match_ends_the_run(tmp_path: Path) -> None:
    """Where nothing at all carries the tags the run ends as `error` that says so."""
    config = write_project(tmp_path, examples=examples(8))
    async with serving(config) as client:
        document = await client.run(tags=["x"])

    assert document["status"] == "error"
    assert "tags" in document["error"]


async def test_a_dataset_is_stored_in_bounded_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 MB of examples reach the log in transactions of at most 8 MB, in blocks of at most 1 MB."""
    sizes: list[list[int]] = []
    append = SqliteLog._commit

    async def measured(log: SqliteLog, decided: Append) -> list[Recorded]:
        sizes.append([len(content.content) for content in decided.contents])
        return await append(log, decided)

    monkeypatch.setattr(SqliteLog, "_commit", measured)
    rows = [{"id": f"ex-{n}", "input": str(n) * 100_000, "expected": ""} for n in range(100, 200)]
    config = write_project(tmp_path, examples=rows, model={"type": "noop"})
    async with serving(config) as client:
        document = await client.run()

    assert document["status"] == "passed"
    assert sum(map(sum, sizes)) > 30_000_000
    assert max(map(sum, sizes)) <= 8_000_000
    assert max(size for group in sizes for size in group) <= 1_000_000


async def test_the_file_is_not_needed_once_it_is_pinned(tmp_path: Path) -> None:
    """Editing the dataset while the run goes on changes nothing: the examples are those that were pinned."""
    config = write_project(tmp_path, examples=examples(30), model=HTTP, harness={"concurrency": 1})
    model = FakeModel()
    async with serving(config, model) as client:
        run_id = await client.start()
        write_dataset(tmp_path / "evals" / "qa-v1" / "dataset.jsonl", [{"id": "other", "input": "", "expected": ""}])
        document = await client.over(run_id)

    assert model.asked == [f"q{n}" for n in range(30)]
    assert [example["id"] for example in document["examples"]] == [f"ex-{n}" for n in range(30)]


@pytest.mark.slow
async def test_the_limit_is_a_hundred_thousand_rows(tmp_path: Path) -> None:
    """100,000 rows with a bad last one are refused with its line; one row more, and the run tells it."""
    config = write_project(tmp_path, examples=[*examples(99_999), {"id": "bad"}], model=HTTP)
    model = FakeModel()
    async with serving(config, model) as client:
        response = await client.post()
        assert (response.status_code, response.json()["errors"][0]["line"]) == (400, 100_000)

        write_project(tmp_path, examples=[*examples(100_000), {"id": "bad"}], model=HTTP)
        document = await client.run()

    assert (document["status"], model.asked) == ("error", [])
    assert "evals/qa-v1/dataset.jsonl, line 100001" in document["error"]
