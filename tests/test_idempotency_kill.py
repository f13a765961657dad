"""`Idempotency-Key` across `kill -9`: a request whose answer never came is sent again, and is one run."""

import os
import random
import socket
import time
from pathlib import Path

import httpx
import pytest
from project import write_project
from server import Server, assert_chained, log_of, of_type, read_log

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 50 if os.environ.get("MATCHSPEC_TEST_LONG") else 3
SEED = 20261122


def test_a_killed_server_finds_the_run_of_a_lost_answer(tmp_path: Path) -> None:
    """Killed at any moment after a request was sent: the next server gives the same key one run, which ends."""
    config, draw = write_project(tmp_path), random.Random(SEED)
    keys = [f"nightly-{number}" for number in range(KILLS)]
    runs: dict[str, str] = {}
    for number, key in enumerate(keys):
        with Server(config) as server:
            for known in keys[:number]:
                runs.setdefault(known, post(server, known))
                assert post(server, known) == runs[known]
            send(server, key)
            wait_for_start(config, key, seconds=draw.uniform(0, 0.03) if number % 2 else 5)
    with Server(config) as server:
        runs[keys[-1]] = post(server, keys[-1])
        assert {server.result(run_id)["verdict"] for run_id in runs.values()} == {"PASS"}
    started = of_type(read_log(log_of(config)), "started")
    assert {event.body["idempotency_key"]: event.run_id for event in started} == runs, f"seed {SEED}"
    assert len(started) == KILLS
    assert_chained(log_of(config))


def post(server: Server, key: str) -> str:
    """The run of a key."""
    headers = {"Idempotency-Key": key}
    answer = httpx.post(f"{server.url}/run", json={"suite": "qa"}, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["run_id"])


def send(server: Server, key: str) -> None:
    """Send a request with a key, and wait for no answer."""
    head = f"POST /run HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\nContent-Length: 15\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        connection.sendall(f'{head}Content-Type: application/json\r\n\r\n{{"suite": "qa"}}'.encode())


def wait_for_start(config: Path, key: str, seconds: float) -> None:
    """Wait until a run with the key is in the log, or until the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(event.body["idempotency_key"] == key for event in of_type(read_log(log_of(config)), "started")):
            return
