"""A server that is killed at any moment: the next start finishes its runs, and nothing that was shown is lost."""

import contextlib
import os
import random
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from live_server import BrokenError, Document
from project import write_project
from server import Calls, Logged, Model, Server, assert_chained, log_of, of_type, read_log, recorded_model

KILLS = 12 if os.environ.get("MATCHSPEC_TEST_LONG") else 4
GRADERS: list[Mapping[str, object]] = [
    {"type": "exact_match", "threshold": 0.6},
    {"type": "contains", "name": "mentions", "config": {"case_sensitive": False}},
]

pytestmark = pytest.mark.slow


class Life(NamedTuple):
    """What was left behind by a server that was killed: what it had shown, what it asked, what is in the log."""

    pid: int
    shown: int
    calls: Calls
    recorded: set[str]


def outputs(count: int) -> dict[str, str]:
    """Every third answer is wrong; every second of the right ones has more words around it."""
    answers = {}
    for number in range(count):
        right = f"answer {number}" if number % 2 else f"It is ANSWER {number}."
        answers[f"question {number}"] = "no idea" if number % 3 == 0 else right
    return answers


def project(folder: Path, model: Model, count: int, concurrency: int) -> Path:
    """A suite of `count` examples."""
    return write_project(
        folder,
        examples=[
            {"id": f"ex-{number}", "input": f"question {number}", "expected": f"answer {number}"}
            for number in range(count)
        ],
        model=model.spec,
        graders=GRADERS,
        suites=[{"name": "qa", "harnesses": ["evals/qa-v1/harness.yml"], "thresholds": {"mentions": 0.6}}],
        harness={"concurrency": concurrency},
    )


def timeless(document: Document) -> Document:
    """A result without what may differ from run to run: its id, times, latency and attempts."""
    rest = {key: value for key, value in document.items() if key not in {"run_id", "duration_seconds", "log"}}
    examples = [
        {key: value for key, value in example.items() if key not in {"latency_ms", "attempts"}}
        for example in rest["examples"]
    ]
    return {key: value for key, value in rest.items() if not key.endswith("_at")} | {"examples": examples}


def live_a_while(server: Server, run_id: str, seconds: float) -> int:
    """Look at a run for a time; gives the last `completed` that was shown."""
    shown = 0
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if "listening on" in server.said():
            with contextlib.suppress(BrokenError):
                document = server.get(f"/results/{run_id}")
                shown = document["progress"]["completed"] if "progress" in document else len(document["examples"])
        time.sleep(min(0.02, max(0.0, left)))
    return shown


def kill_and_look(server: Server, model: Model, db: Path, shown: int) -> Life:
    """Kill a server, wait until the model has noticed, and look at what is left."""
    server.kill()
    deadline = time.monotonic() + 10
    while model.calls().in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    scored = of_type(read_log(db), "example_scored")
    return Life(server.process.pid, shown, model.calls(), {event.body["example"] for event in scored})


def assert_whole(events: Sequence[Logged], count: int, lives: Sequence[Life]) -> None:
    """A run's events: versions without a gap, every example once, `resumed` for every life that asked, one end."""
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in (events[0], events[-1])] == ["started", "finished"]
    assert len(of_type(events, "started")) == len(of_type(events, "finished")) == 1
    scored = of_type(events, "example_scored")
    assert sorted(event.body["row"] for event in scored) == list(range(count))
    assert {event.body["example"] for event in scored} == {f"ex-{number}" for number in range(count)}
    resumed = of_type(events, "resumed")
    for event in resumed:
        before = sum(one.version < event.version for one in scored)
        assert (event.body["after"], event.body["left"]) == ("crash", count - before)
    takers = [int(event.body["process"].split()[1]) for event in resumed]
    asking = [later.pid for earlier, later in pairwise(lives) if later.calls != earlier.calls]
    assert len(takers) == len(set(takers))
    assert set(asking) <= set(takers) <= {life.pid for life in lives[1:]}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("concurrency", "count", "latency_ms"), [(1, 120, 20), (8, 600, 30), (64, 3_000, 60)], ids=["1", "8", "64"]
)
def test_killed_run_ends_as_if_undisturbed(tmp_path: Path, concurrency: int, count: int, latency_ms: int) -> None:
    """A run whose server is killed again and again ends with the undisturbed verdict, and asks nothing twice but
    what was in flight.
    """
    moments = random.Random(concurrency)
    with recorded_model(tmp_path, outputs(count), latency_ms) as model:
        config = project(tmp_path / "project", model, count, concurrency)
        with Server(config, "--db", tmp_path / "undisturbed.db") as server:
            undisturbed = server.result(server.start_run(suite="qa"))
        asked_before = model.calls()
        db, lives = log_of(config), []
        with Server(config) as server:
            run_id = server.start_run(suite="qa")
            shown = live_a_while(server, run_id, moments.uniform(0.0, 0.6))
            lives.append(kill_and_look(server, model, db, shown))
        for kill in range(1, KILLS):
            with Server(config) as server:
                if kill % 2:  # else at any moment of its start
                    assert server.url
                shown = live_a_while(server, run_id, moments.uniform(0.0, 0.6 if kill % 2 else 1.6))
                lives.append(kill_and_look(server, model, db, shown))
        assert len(lives[-1].recorded) < count, "the run was over before the last kill: this test proves nothing"
        with Server(config) as server:
            result = server.result(run_id)
            listed = server.get("/results")
        last = Life(server.process.pid, count, model.calls(), set())

    assert listed["total"] == 1
    assert result["run_id"] == run_id
    assert (result["status"], result["verdict"]) == ("failed", "FAIL")
    assert [(row["name"], row["score"], row["n"]) for row in result["grader_results"]] == [
        ("exact_match", (count // 3) / count, count),  # the odd ones of the two thirds that are right
        ("mentions", (count - count // 3) / count, count),
    ]
    assert timeless(result) == timeless(undisturbed)
    for life in lives:
        assert life.shown <= len(life.recorded)
        for example in life.recorded:
            asked = example.replace("ex-", "question ")
            assert last.calls.inputs[asked] == life.calls.inputs[asked], f"{example} was asked again"
    assert last.calls.total - asked_before.total <= count + KILLS * concurrency
    assert_whole(read_log(db, run_id), count, [*lives, last])
    assert_chained(db)


@pytest.mark.timeout(120)
def test_waiting_runs_survive_a_kill(tmp_path: Path) -> None:
    """Runs that were waiting for their turn when the server was killed run after the next start, in their order."""
    with recorded_model(tmp_path, outputs(30), 20) as model:
        config = project(tmp_path / "project", model, 30, 4)
        with Server(config, "--max-active-runs", "1") as server:
            runs = [server.start_run(suite="qa") for _ in range(4)]
            server.kill()
        with Server(config, "--max-active-runs", "1") as server:
            listed = [run["run_id"] for run in server.get("/results")["runs"]]
            results = [server.result(run_id) for run_id in runs]
            calls = model.calls()
    assert listed == runs[::-1]
    assert [result["verdict"] for result in results] == ["FAIL"] * 4
    assert [len(result["examples"]) for result in results] == [30] * 4
    ends = [event.run_id for event in of_type(read_log(log_of(config)), "finished")]
    assert ends == runs
    assert calls.total <= 4 * 30 + 4


@pytest.mark.timeout(120)
def test_run_killed_before_its_first_call_finishes(tmp_path: Path) -> None:
    """A run whose server was killed as soon as the 202 was there is finished by the next start, under its id."""
    with recorded_model(tmp_path, outputs(12), 5) as model:
        config = project(tmp_path / "project", model, 12, 4)
        for _ in range(3):
            with Server(config) as server:
                run_id = server.start_run()
                server.kill()
            with Server(config) as server:
                result = server.result(run_id)
            assert result["verdict"] == "FAIL"
            assert len(result["examples"]) == 12
            assert len(of_type(read_log(log_of(config), run_id), "example_scored")) == 12
        assert model.calls().total <= 3 * (12 + 4)


@pytest.mark.timeout(120)
def test_finished_runs_are_left_alone(tmp_path: Path) -> None:
    """A kill after the end changes nothing: the result is the same to the byte, and no model is asked."""
    with recorded_model(tmp_path, outputs(9), 0) as model:
        config = project(tmp_path / "project", model, 9, 4)
        with Server(config) as server:
            before = server.result(run_id := server.start_run(suite="qa"))
            server.kill()
        calls, events = model.calls(), read_log(log_of(config))
        with Server(config) as server:
            assert server.get(f"/results/{run_id}") == before
        assert model.calls() == calls
        assert read_log(log_of(config)) == events


@pytest.mark.timeout(120)
def test_crash_loop_ends_as_error(tmp_path: Path) -> None:
    """A run that crashed five times in a row without one new score ends as `error` at the next start, unasked."""
    with recorded_model(tmp_path, outputs(9), 60_000) as model:
        config = project(tmp_path / "project", model, 9, 2)
        with Server(config) as server:
            run_id = server.start_run(suite="qa")
            wait_for_calls(model, 2)
        for crash in range(2, 6):
            with Server(config) as server:
                wait_for_calls(model, 2 * crash)
                assert server.get(f"/results/{run_id}")["status"] == "running"
        with Server(config) as server:
            result = server.result(run_id)
        assert model.calls().total == 10
    assert result["status"] == "error"
    assert "verdict" not in result
    assert "5 crashes" in result["error"]
    assert len(of_type(read_log(log_of(config)), "resumed")) == 4


def wait_for_calls(model: Model, total: int) -> None:
    """Wait until a model was asked so often."""
    deadline = time.monotonic() + 20
    while model.calls().total < total:
        assert time.monotonic() < deadline
        time.sleep(0.02)
