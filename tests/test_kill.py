"""A server that is killed at any moment: the next start finishes its runs, and nothing that was shown is lost."""

import time
from pathlib import Path

import pytest
from fault_kill import ROUND, SIZES, Size, kill_a_run, outputs, project
from faulting import LONG, needed_tools
from server import Model, Server, log_of, of_type, read_log, recorded_model

KILLS, RUNS = (ROUND, 6) if LONG else (4, 1)

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1_800 if LONG else 300)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size.concurrency))
def test_killed_run_ends_as_if_undisturbed(tmp_path: Path, size: Size) -> None:
    """A run whose server is killed again and again, at any moment and in the middle of a write, ends with the
    undisturbed verdict, and asks nothing twice but what was in flight.
    """
    with needed_tools():
        for number in range(RUNS):
            outcome = kill_a_run(tmp_path / str(number), size, KILLS, seed=100 * number + size.concurrency)
            assert outcome.kills == KILLS


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
