"""A server that is asked to stop: it ends soon, keeps every answer it has, and the next start does the rest."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from live_server import Document, free_port
from project import examples, write_project
from server import Model, Server, log_of, of_type, read_log, recorded_model, until

SLACK_SECONDS = 15.0  # the contract says 5; a busy machine gets more

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def outputs(count: int) -> dict[str, str]:
    """What makes every example of `examples(count)` right."""
    return {f"q{number}": f"q{number}" for number in range(count)}


def project(folder: Path, model: Document, count: int = 12, concurrency: int = 4, **fields: object) -> Path:
    """A suite of `count` examples."""
    return write_project(folder, examples=examples(count), model=model, harness={"concurrency": concurrency, **fields})


def recorded(config: Path, name: str = "example_scored") -> int:
    """How many events of a type are in the log."""
    return len(of_type(read_log(log_of(config)), name))


def stopped_in(server: Server, number: int = signal.SIGTERM) -> float:
    """Stop a server, which must exit 0 (130 on Ctrl-C); gives the seconds it took."""
    began = time.monotonic()
    code = server.stop(number, SLACK_SECONDS)
    assert code == (130 if number == signal.SIGINT else 0), server.said()
    assert "Traceback" not in server.said()
    return time.monotonic() - began


def wait_for_calls_in_flight(model: Model, count: int) -> None:
    """Wait until a model works on so many calls."""
    until(lambda: model.calls().in_flight == count, 20, f"{count} calls in flight")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_calls_in_flight_are_recorded(tmp_path: Path, number: int) -> None:
    """What is answered within two seconds of the signal is recorded, nothing new is asked, the next start goes on."""
    with recorded_model(tmp_path, outputs(12), 1_000) as model:
        config = project(tmp_path / "project", model.spec)
        with Server(config) as server:
            run_id = server.start_run(suite="qa")
            wait_for_calls_in_flight(model, 4)
            stopped_in(server, number)
        assert recorded(config) == model.calls().total == 4
        with Server(config) as server:
            result = server.result(run_id)
        assert model.calls().total == 12
    assert result["verdict"] == "PASS"
    assert [example["passed"] for example in result["examples"]] == [True] * 12
    (resumed,) = of_type(read_log(log_of(config), run_id), "resumed")
    assert (resumed.body["after"], resumed.body["left"]) == ("stop", 8)


def test_hanging_calls_are_given_up(tmp_path: Path) -> None:
    """Calls that are not answered in time are not recorded, not even as errors: the next start asks them."""
    port = free_port()
    with recorded_model(tmp_path, outputs(12), 60_000, port) as model:
        config = project(tmp_path / "project", model.spec)
        with Server(config) as server:
            run_id = server.start_run(suite="qa")
            wait_for_calls_in_flight(model, 4)
            assert stopped_in(server) >= 1.5
    assert recorded(config) == 0
    with recorded_model(tmp_path, outputs(12), 0, port) as model, Server(config) as server:
        result = server.result(run_id)
        assert model.calls().total == 12
    assert (result["verdict"], result["model_errors"]) == ("PASS", 0)
    (resumed,) = of_type(read_log(log_of(config), run_id), "resumed")
    assert (resumed.body["after"], resumed.body["left"]) == ("stop", 12)


def test_waiting_for_a_retry_does_not_hold_the_end(tmp_path: Path) -> None:
    """A call that waits a minute for its next attempt does not keep the server, and is no answer."""
    with recorded_model(tmp_path, {"other": "answers"}, 0) as model:
        config = project(tmp_path / "project", model.spec, retries=3, retry_delay_ms=60_000)
        with Server(config) as server:
            server.start_run(suite="qa")
            time.sleep(0.5)
            stopped_in(server)
    assert recorded(config) == recorded(config, "finished") == 0


def test_a_stop_between_runs_is_quick(tmp_path: Path) -> None:
    """A server with nothing to do ends at once, and what is finished stays finished."""
    config = write_project(tmp_path / "project", examples=examples(3))
    with Server(config) as server:
        run_id = server.start_run(suite="qa")
        assert server.result(run_id)["verdict"] == "PASS"
        assert stopped_in(server) < 5
    with Server(config) as server:
        assert server.get(f"/results/{run_id}")["verdict"] == "PASS"
        stopped_in(server)
    assert recorded(config, "resumed") == 0


def test_waiting_runs_go_on_after_a_stop(tmp_path: Path) -> None:
    """Runs that waited for their turn keep it."""
    with recorded_model(tmp_path, outputs(12), 300) as model:
        config = project(tmp_path / "project", model.spec)
        with Server(config, "--max-active-runs", "1") as server:
            runs = [server.start_run(suite="qa") for _ in range(3)]
            wait_for_calls_in_flight(model, 4)
            stopped_in(server)
        assert model.calls().total == 4
        with Server(config, "--max-active-runs", "1") as server:
            assert [server.result(run_id)["verdict"] for run_id in runs] == ["PASS"] * 3
        assert model.calls().total == 36
    assert [event.run_id for event in of_type(read_log(log_of(config)), "finished")] == runs


def test_stops_in_a_row_do_not_end_a_run(tmp_path: Path) -> None:
    """Six clean stops without one new score are no crash loop."""
    port = free_port()
    with recorded_model(tmp_path, outputs(12), 60_000, port) as model:
        config = project(tmp_path / "project", model.spec, concurrency=1)
        with Server(config) as server:
            run_id = server.start_run(suite="qa")
            wait_for_calls_in_flight(model, 1)
            stopped_in(server)
        for _ in range(5):
            with Server(config) as server:
                wait_for_calls_in_flight(model, 1)
                stopped_in(server)
    with recorded_model(tmp_path, outputs(12), 0, port), Server(config) as server:
        assert server.result(run_id)["verdict"] == "PASS"
    assert [event.body["after"] for event in of_type(read_log(log_of(config)), "resumed")] == ["stop"] * 6


def test_command_models_are_ended(tmp_path: Path) -> None:
    """A command that would run for a minute is ended with its children, so that nothing is left behind."""
    script = "echo $$ >> pids; sleep 60 & echo $! >> pids; wait"
    config = project(tmp_path / "project", {"type": "command", "command": ["sh", "-c", script]}, concurrency=2)
    pids = config.parent / "evals/qa-v1/pids"
    with Server(config) as server:
        server.start_run(suite="qa")
        until(lambda: pids.exists() and len(pids.read_text().split()) == 4, 20, "two commands")
        stopped_in(server)
    until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()), 5, "the end of the commands")
    assert recorded(config) == 0


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be noticed by its parent does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_clients_that_linger_do_not_hold_the_end(tmp_path: Path) -> None:
    """Neither a client that stopped reading a long result, nor an idle one, nor half a request keeps the server."""
    long = [{"id": f"ex-{number}", "input": "q" * 20_000, "expected": "q" * 20_000} for number in range(1_000)]
    config = write_project(tmp_path / "project", examples=long)
    with Server(config) as server:
        result = server.result(run_id := server.start_run(suite="qa"))
        assert len(result["examples"]) == 1_000
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        head = b"HTTP/1.1\r\nHost: localhost\r\n"
        with (
            socket.create_connection(address) as streaming,
            socket.create_connection(address) as idle,
            socket.create_connection(address) as half,
        ):
            streaming.sendall(b"GET /results/" + run_id.encode() + b" " + head + b"\r\n")
            assert streaming.recv(1_000).startswith(b"HTTP/1.1 200")
            idle.sendall(b"GET /health " + head + b"\r\n")
            assert idle.recv(1_000).startswith(b"HTTP/1.1 200")
            half.sendall(b"POST /run " + head + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.2)
            stopped_in(server)


def test_new_requests_are_refused_while_it_stops(tmp_path: Path) -> None:
    """While calls in flight are waited for, no run is accepted that the server would not begin."""
    with recorded_model(tmp_path, outputs(12), 60_000) as model:
        config = project(tmp_path / "project", model.spec)
        with Server(config) as server:
            run_id = server.start_run(suite="qa")
            wait_for_calls_in_flight(model, 4)
            address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
            os.kill(server.process.pid, signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(ConnectionRefusedError), socket.create_connection(address, timeout=5):
                pass
            assert server.process.wait(SLACK_SECONDS) == 0
    assert [event.run_id for event in of_type(read_log(log_of(config)), "started")] == [run_id]
