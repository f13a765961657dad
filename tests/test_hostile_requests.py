"""Requests over the wire that are huge, broken, or too many: the server refuses them and goes on."""

import asyncio
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live import Live, check_problem, serving
from project import write_project

pytestmark = pytest.mark.slow

JSON = "application/json"
MEGABYTE = 1_000_000
HUGE = 50 * MEGABYTE


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A real server that never starts a run."""
    with serving(write_project(tmp_path_factory.mktemp("live"))) as server:
        yield server
        with server.client() as client:
            assert client.get("/results").json()["total"] == 0


def send_raw(live: Live, head: str, body: bytes) -> bytes:
    """Send a request to its end before reading anything; gives all the server answered before it closed."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=30) as connection:
        connection.sendall(f"POST /run HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode() + body)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
        return answer


def test_a_huge_body_is_refused_to_who_sends_it_all_first(live: Live) -> None:
    """50 MB sent to the end over a raw socket: 413 can be read, with and without Content-Length."""
    body = bytes(HUGE)
    plain = send_raw(live, f"Content-Type: {JSON}\r\nContent-Length: {HUGE}", body)
    chunk = b"%x\r\n%b\r\n" % (MEGABYTE, bytes(MEGABYTE))
    chunked = send_raw(live, f"Content-Type: {JSON}\r\nTransfer-Encoding: chunked", chunk * 50 + b"0\r\n\r\n")
    for answer in (plain, chunked):
        head, _, content = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"application/problem+json" in head
        assert json.loads(content)["status"] == 413


def test_a_huge_body_is_refused_to_httpx(live: Live) -> None:
    """50 MB from httpx, at once or in chunks without a length: 413, and the next request is answered."""
    with live.client(Content_Type=JSON) as client:
        whole = client.post("/run", content=bytes(HUGE))
        parts = client.post("/run", content=(bytes(MEGABYTE) for _ in range(50)))
        for answer in (whole, parts):
            assert answer.status_code == 413
            check_problem(answer)
        assert client.get("/health").status_code == 200


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize("framing", [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]])
def test_a_huge_body_is_refused_to_curl(live: Live, tmp_path: Path, framing: list[str]) -> None:
    """50 MB from curl, with `Expect`, without it, and chunked: 413 with its document, and curl exits 0."""
    body = tmp_path / "body.json"
    body.write_bytes(b" " * HUGE)
    curl = ["curl", "-sS", "-w", "\n%{http_code}", "-H", f"Content-Type: {JSON}", *framing]
    done = subprocess.run(
        [*curl, "--data-binary", f"@{body}", f"{live.url}/run"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    content, status = done.stdout.rsplit("\n", 1)
    assert status == "413"
    assert json.loads(content)["status"] == 413


def test_huge_bodies_do_not_fill_the_memory(live: Live) -> None:
    """Eight senders of 50 MB at once cost the server less than 60 MB."""
    with live.client() as client:
        client.get("/health")
    before = live.peak_memory()
    head = f"Content-Type: {JSON}\r\nTransfer-Encoding: chunked"
    chunk = b"%x\r\n%b\r\n" % (MEGABYTE, bytes(MEGABYTE))
    answers: list[bytes] = []
    senders = [
        threading.Thread(target=lambda: answers.append(send_raw(live, head, chunk * 50 + b"0\r\n\r\n")))
        for _ in range(8)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [answer.split()[1] for answer in answers] == [b"413"] * 8
    assert live.peak_memory() - before < 60 * MEGABYTE


def test_broken_http_is_no_fault_of_the_server(live: Live) -> None:
    """Requests that are not HTTP, or lie about their length, are refused or cut off; the server goes on."""
    heads = [
        "Content-Length: -1",
        "Content-Length: 99999999999999999999999",
        "Content-Length: x",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: nonsense",
        "Content-Length: 0\r\nX: " + "x" * 200_000,
        "\0",
    ]
    for head in heads:
        with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
            connection.sendall(f"POST /run HTTP/1.1\r\nHost: evil.com\r\n{head}\r\n\r\nnonsense\r\n\r\n".encode())
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while chunk := connection.recv(65_536):
                    answer += chunk
            except ConnectionResetError:
                pass
        assert b"HTTP/1.1 5" not in answer
        assert b"HTTP/1.1 2" not in answer
    with live.client() as client:
        assert client.get("/health").status_code == 200


def test_a_client_that_goes_away_starts_nothing(live: Live) -> None:
    """A body that is announced and never comes whole is not taken for one."""
    for body in (b"", b"{", b"{}"):
        with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
            head = f"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n"
            connection.sendall(head.encode() + body)
            connection.shutdown(socket.SHUT_WR)
    with live.client() as client:
        for _ in range(20):
            assert client.get("/results").json()["total"] == 0
            threading.Event().wait(0.02)


def test_a_full_queue_is_429_and_records_nothing(tmp_path: Path) -> None:
    """With one active and one waiting run, the third is 429 with Retry-After; both are `running`, the oldest first."""
    model = {"type": "command", "command": ["sleep", "60"]}
    config = write_project(tmp_path, model=model)
    with serving(config, "--max-active-runs", "1", "--max-waiting-runs", "1") as server, server.client() as client:
        first, second = client.post("/run"), client.post("/run", json={"suite": "qa"})
        third = client.post("/run")
        listed = client.get("/results").json()
    assert (first.status_code, second.status_code, third.status_code) == (202, 202, 429)
    check_problem(third)
    assert int(third.headers["Retry-After"]) >= 1
    assert [run["status"] for run in listed["runs"]] == ["running", "running"]
    assert listed["total"] == 2


async def test_many_requests_at_once_fill_the_queue_and_no_more(tmp_path: Path) -> None:
    """Of 20 requests at once, with room for three runs, three are taken and 17 are 429."""
    model = {"type": "command", "command": ["sleep", "60"]}
    config = write_project(tmp_path, model=model)
    with serving(config, "--max-active-runs", "1", "--max-waiting-runs", "2") as server:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
            answers = await asyncio.gather(*(client.post("/run") for _ in range(20)))
            listed = (await client.get("/results")).json()
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 17
    assert listed["total"] == 3
