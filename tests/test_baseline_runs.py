"""Runs with a `baseline`, over HTTP and on the command line: the row, refusals, kills, replay and export."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from calling import call, document_of, run_logs
from project import examples, suite, write_harness, write_project
from running import HTTP, logged, serving
from test_compare_api import Changing


async def test_a_run_that_is_worse_than_its_baseline_fails(tmp_path: Path) -> None:
    """Ten of twenty fell, which the threshold of 0.1 allows: the row `baseline` fails, and says which grader it was."""
    model = Changing()
    one = suite("qa", "qa-v1", thresholds={"overall": 0.1})
    config = write_project(tmp_path, examples=examples(20), model=HTTP, suites=[one])
    async with serving(config, model) as client:
        base = (await client.run(suite="qa"))["run_id"]
        model.wrong = {f"q{n}" for n in range(10)}
        worse = await client.run(suite="qa", baseline=base)
        same = await client.run(suite="qa", baseline=worse["run_id"])
        better = await client.run(suite="qa")
    row = worse["grader_results"][-1]
    assert row == {
        "name": "baseline",
        "score": 0.0,
        "threshold": 1.0,
        "passed": False,
        "n": 20,
        "suite": "qa",
        "harness": None,
    }
    assert (worse["verdict"], worse["grader_results"][0]["passed"]) == ("FAIL", True)
    (warning,) = worse["warnings"]
    assert warning.startswith(
        f"'exact_match' of suite 'qa' is worse than in the baseline {base}: 1.0000 there, 0.5000 here"
    )
    assert (same["verdict"], same["grader_results"][-1]["score"], same.get("warnings")) == ("PASS", 1.0, None)
    assert [row["name"] for row in better["grader_results"]] == ["exact_match"]
    assert [run.get("baseline") for run in (worse, same, better)] == [base, worse["run_id"], None]


async def test_each_suite_has_its_row(tmp_path: Path) -> None:
    """What became worse in one says nothing of the other, nor does a suite that the baseline did not run."""
    model = Changing()
    for name in ("b", "c"):
        asked = [{"id": f"{n}", "input": f"{name}{n}", "expected": f"{name}{n}"} for n in range(10)]
        write_harness(tmp_path, name, examples=asked, model=HTTP)
    suites = [suite(*names, thresholds={"overall": 0}) for names in (("qa", "qa-v1"), ("b", "b"), ("c", "c"))]
    config = write_project(tmp_path, examples=examples(10), model=HTTP, suites=suites[:2])
    async with serving(config, model) as client:
        base = (await client.run())["run_id"]
        write_project(tmp_path, examples=examples(10), model=HTTP, suites=suites)
        model.wrong = {f"b{n}" for n in range(10)}
        document = await client.run(baseline=base)
    rows = [(row["suite"], row["passed"], row["n"]) for row in document["grader_results"] if row["name"] == "baseline"]
    assert rows == [("qa", True, 10), ("b", False, 10), ("c", True, 0)]
    assert (
        f"nothing of suite 'c' is held against the baseline {base}: 0 graded examples in both" in document["warnings"]
    )


async def test_what_can_not_be_a_baseline(tmp_path: Path) -> None:
    """An unknown run, a run that is not over, and one whose row a grader has: nothing is started."""
    config = write_project(tmp_path, model=HTTP)
    async with serving(config) as client:
        base = await client.start(suite="qa")
        answers = [await client.post(suite="qa", baseline=run) for run in (base, "run-20260315-143022-a3f7", "")]
        await client.over(base)
        write_harness(
            tmp_path, "qa-v1", examples=examples(1), model=HTTP, graders=[{"type": "contains", "name": "baseline"}]
        )
        answers.append(await client.post(suite="qa", baseline=base))
    told = [(answer.status_code, answer.json()["type"].rpartition(":")[2]) for answer in answers]
    assert told == [(409, "run-not-over"), (404, "run-not-found"), (404, "run-not-found"), (400, "refused")]
    assert answers[-1].json()["detail"].startswith("a grader of harness 'qa-v1' of suite 'qa' is called 'baseline'")
    assert len(logged(config, "started")) == 1


async def test_a_resumed_run_is_held_to_what_was_pinned(tmp_path: Path) -> None:
    """Stopped half-way and gone on with by another service, it reaches the verdict of an undisturbed run."""
    model = Changing()
    one = suite("qa", "qa-v1", thresholds={"overall": 0})
    config = write_project(tmp_path, examples=examples(20), model=HTTP, suites=[one], harness={"concurrency": 1})
    async with serving(config, model) as client:
        base = (await client.run(suite="qa"))["run_id"]
        model.wrong = {f"q{n}" for n in range(12)}
        undisturbed = await client.run(suite="qa", baseline=base)
        run_id = await client.start(suite="qa", baseline=base)
        while (await client.get(run_id)).get("progress", {}).get("completed", 20) < 5:
            await asyncio.sleep(0.001)
    (start,) = (event.body for event in logged(config, "started") if event.run_id == run_id)
    assert start["baseline"]["run_id"] == base
    async with serving(config, model) as client:
        resumed = await client.over(run_id)
    assert len(logged(config, "resumed")) == 1
    assert resumed["grader_results"] == undisturbed["grader_results"]
    assert resumed["grader_results"][-1]["passed"] is False
    replayed = await asyncio.to_thread(call, tmp_path, "replay")
    assert (replayed.code, replayed.stdout.count("✓")) == (0, 3), replayed.stdout
    assert (await asyncio.to_thread(call, tmp_path, "verify")).code == 0


def echoing(folder: Path, right: int, of: int = 20) -> None:
    """A project whose echo model answers so many examples rightly."""
    asked = [{"id": f"{n}", "input": f"{n}" if n < right else "?", "expected": f"{n}"} for n in range(of)]
    write_project(folder, examples=asked, suites=[suite("qa", "qa-v1", thresholds={"overall": 0.1})])


def judged(folder: Path, threshold: str) -> None:
    """A project whose grader needs so many letters: the same questions, another mark."""
    asked = [{"id": f"{n}", "input": "a" * n, "expected": ""} for n in range(20)]
    grader = {"type": "regex", "config": {"pattern": f"^a{{{threshold},}}$"}}
    write_project(folder, examples=asked, graders=[grader], suites=[suite("qa", "qa-v1", thresholds={"overall": 0.1})])


def test_the_command_line_finds_its_baseline_in_another_log(tmp_path: Path) -> None:
    """Every run has a log of its own, and the scores are in the new one: the old may go, and replay says the same."""
    judged(tmp_path, "2")
    base = call(tmp_path, "run", "-q")
    assert base.code == 0
    (old,) = run_logs(tmp_path)
    judged(tmp_path, "12")
    called = call(tmp_path, "run", "--baseline", old.stem)
    document = document_of(tmp_path, called)
    row = document["grader_results"][-1]
    assert (called.code, row["name"], row["passed"], row["n"]) == (1, "baseline", False, 20)
    assert "  baseline  0.00  ✗  (≥1.00)  DELTA: -1.00\n" in called.stdout
    assert "Failed graders:\n  baseline  see the warnings" in called.stdout
    assert f"is worse than in the baseline {old.stem}: 0.9000 there, 0.4000 here" in called.stdout
    old.unlink()
    assert (call(tmp_path, "replay").code, call(tmp_path, "verify").code) == (0, 0)
    exported = call(tmp_path, "export", document["run_id"], "-o", "run.jsonl")
    assert exported.code == 0
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    (start,) = (json.loads(line["body"]) for line in lines if line.get("type") == "started")
    manifest = next(line["content"] for line in lines if line.get("digest") == start["baseline"]["scores"])
    ((block, rows),) = json.loads(manifest)["blocks"]
    scores = next(line["content"] for line in lines if line.get("digest") == block)
    assert rows == len(scores.splitlines()) == 20
    assert json.loads(scores.splitlines()[19])["scores"] == {"regex": 1.0}


def test_lost_scores_of_a_baseline_are_found(tmp_path: Path) -> None:
    """`verify` names the contents that are gone: they are named by `started` as those of a dataset are."""
    judged(tmp_path, "2")
    call(tmp_path, "run", "-q")
    (old,) = run_logs(tmp_path)
    call(tmp_path, "run", "-q", "--baseline", old.stem)
    (new,) = (log for log in run_logs(tmp_path) if log != old)
    with closing(sqlite3.connect(new)) as database:
        (body,) = database.execute("SELECT body FROM events WHERE type = 'started'").fetchone()
        scores = json.loads(body)["baseline"]["scores"]
        (trigger,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'contents_no_delete'").fetchone()
        database.execute("DROP TRIGGER contents_no_delete")
        database.execute("DELETE FROM contents WHERE digest = ?", (bytes.fromhex(scores),))
        database.execute(trigger)
        database.commit()
    verified = call(tmp_path, "verify", "--db", str(new))
    assert verified.code == 1
    assert f"the contents {scores}" in verified.stdout + verified.stderr


@pytest.mark.parametrize("others", [["--resume", "run-20260315-143022-a3f7"], []])
def test_a_baseline_that_is_not_there(tmp_path: Path, others: list[str]) -> None:
    """Exit code 2, and no log is left behind; neither does it go with --resume, whose baseline is recorded."""
    echoing(tmp_path, 20)
    called = call(tmp_path, "run", "--baseline", "run-20260315-143022-a3f7", *others)
    assert called.code == 2
    told = "does not go with --baseline" if others else "there is no run 'run-20260315-143022-a3f7': looked in"
    assert told in called.stderr
    assert run_logs(tmp_path) == []


def test_a_baseline_without_a_name_is_no_run(tmp_path: Path) -> None:
    """What a variable that is not set leaves on the command line is told as it was typed."""
    echoing(tmp_path, 20)
    called = call(tmp_path, "run", "--baseline", "")
    assert (called.code, called.stderr.partition(": looked")[0]) == (2, "matchspec: there is no run ''")
