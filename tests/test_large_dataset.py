"""A dataset of 120,000 rows: accepted at once, pinned in the background, asked whole."""

import contextlib
import json
import signal
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from live_server import BrokenError
from project import write_dataset, write_project
from server import Server, assert_chained, log_of, of_type, read_log, until

ROWS = 120_000
CHECKED_AT_ONCE = 100_000
FEW = 500

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def project(folder: Path, rows: int = ROWS, padding: int = 0, broken: Mapping[int, str] | None = None) -> Path:
    """A suite `all` over `rows` rows, of which an echo model gets three of four right, and one of the first few.

    `broken` replaces lines, counted from 1; `padding` makes each row longer by so many bytes.
    """
    suites = [
        {"name": name, "harnesses": ["evals/qa-v1/harness.yml"], "tags": tags, "thresholds": {"overall": 0.75}}
        for name, tags in (("all", []), ("few", ["few"]))
    ]
    config = write_project(folder, suites=suites, harness={"concurrency": 64})
    lines = []
    for number in range(rows):
        expected = f"q{number}" if number % 4 else "another"
        row = {"id": f"r-{number}", "input": f"q{number}", "expected": expected, "metadata": {"p": "x" * padding}}
        lines.append(json.dumps(row | ({"tags": ["few"]} if number < FEW else {})))
    for line, text in (broken or {}).items():
        lines[line - 1] = text
    (folder / "evals/qa-v1/dataset.jsonl").write_text("\n".join(lines) + "\n")
    return config


def stored_blocks(db: Path) -> int:
    """How many contents are in a log."""
    with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        count: int = connection.execute("SELECT count(*) FROM contents").fetchone()[0]
        return count


def test_large_dataset_is_accepted_at_once_and_asked_whole(tmp_path: Path) -> None:
    """The 202 does not wait for the rows, `total` appears once they are pinned, and each is asked and graded."""
    config = project(tmp_path)
    with Server(config) as server:
        assert server.url
        began = time.monotonic()
        run_id = server.start_run(suite="all")
        assert time.monotonic() - began < 10
        first = server.get(f"/results/{run_id}")
        assert first["progress"] == {"completed": 0, "percent": 0.0}
        until(lambda: "total" in server.get(f"/results/{run_id}")["progress"], 60, "the rows to be pinned")
        assert server.get(f"/results/{run_id}")["progress"]["total"] == ROWS
        result = server.result(run_id, 240)
    assert (result["status"], result["verdict"]) == ("passed", "PASS")
    (row,) = result["grader_results"]
    assert (row["score"], row["n"]) == (0.75, ROWS)
    assert [example["id"] for example in result["examples"]] == [f"r-{number}" for number in range(ROWS)]
    assert sum(example["passed"] for example in result["examples"]) == 90_000
    kinds = [event.type for event in read_log(log_of(config), run_id)]
    assert kinds == ["started", "examples_pinned", *["example_scored"] * ROWS, "finished"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_pinning_begins_again_after_an_end(tmp_path: Path, number: int) -> None:
    """A server that ends while it pins asked nothing; the next start pins what is not pinned, and finishes the run.

    One that was asked to stop may use its grace to pin the rest.
    """
    config = project(tmp_path, padding=600)
    db = log_of(config)
    with Server(config) as server:
        run_id = server.start_run(suite="few")
        until(lambda: stored_blocks(db) > 20, 60, "the first blocks")
        assert server.stop(number) == (0 if number == signal.SIGTERM else -9)
    kinds = [event.type for event in read_log(db, run_id)]
    assert kinds == ["started"] or (number == signal.SIGTERM and kinds == ["started", "examples_pinned"])
    with Server(config) as server:
        result = server.result(run_id)
    assert (result["verdict"], len(result["examples"])) == ("PASS", FEW)
    kinds = [event.type for event in read_log(db, run_id)]
    assert kinds[:2] == ["started", "examples_pinned"]
    assert kinds.count("example_scored") == FEW
    assert_chained(db)


def test_pinned_rows_are_not_read_again(tmp_path: Path) -> None:
    """Once pinned, the file may change: a run that is killed then is finished from the log."""
    config = project(tmp_path)
    with Server(config) as server:
        run_id = server.start_run(suite="all")
        until(lambda: server.get(f"/results/{run_id}")["progress"]["completed"] > 1_000, 60, "the first scores")
        server.kill()
    write_dataset(tmp_path / "evals/qa-v1/dataset.jsonl", [{"id": "r-0", "input": "other", "expected": "rows"}])
    with Server(config) as server:
        result = server.result(run_id, 240)
    assert (result["verdict"], len(result["examples"])) == ("PASS", ROWS)
    (resumed,) = of_type(read_log(log_of(config)), "resumed")
    assert resumed.body["after"] == "crash"
    assert 0 < resumed.body["left"] < ROWS - 1_000


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (110_000, '{"id": "r-109999", "input": 7, "expected": "x"}', "input"),
        (110_000, '{"id": "r-109999"', "JSON"),
        (119_999, '{"id": "r-3", "input": "q", "expected": "x"}', "r-3"),
    ],
)
def test_bad_row_ends_the_run(tmp_path: Path, line: int, text: str, said: str) -> None:
    """A bad row far down ends the run as `error` with file and line, before any call; its neighbours go on."""
    config = project(tmp_path, broken={line: text})
    with Server(config) as server:
        run_id = server.start_run(suite="few")
        result = server.result(run_id)
        assert server.get("/results?status=error")["total"] == 1
    assert result["status"] == "error"
    assert "verdict" not in result
    assert f"dataset.jsonl, line {line}" in result["error"]
    assert said in result["error"]
    assert result["examples"] == []
    assert [event.type for event in read_log(log_of(config), run_id)] == ["started", "finished"]


@pytest.mark.parametrize("rows", [CHECKED_AT_ONCE, CHECKED_AT_ONCE + 1])
def test_limit_of_what_is_checked_at_once(tmp_path: Path, rows: int) -> None:
    """Up to 100,000 rows a bad one is told before the run is accepted; with one more, by the run."""
    config = project(tmp_path, rows, broken={rows: "{}"})
    with Server(config) as server:
        if rows == CHECKED_AT_ONCE:
            with pytest.raises(BrokenError, match=r"answered 400.*line 100000"):
                server.start_run(suite="few")
            assert server.get("/results")["total"] == 0
        else:
            assert "line 100001" in server.result(server.start_run(suite="few"))["error"]
