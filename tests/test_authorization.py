"""The key is asked for on every route the application has, whatever is tried, over a real connection."""

import hashlib
import hmac
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from auth_tricks import TRICKS, Request, Trick
from live import Live, serving, wait_for_end
from project import write_project
from routes import Route, routes
from server import log_of, read_log
from wrong_keys import KEY, RIGHT

from service.api import guard
from service.version import VERSION

pytestmark = pytest.mark.slow

OPEN = {"/health", "/ready", "/"}
"""The paths that need no key. Whoever opens another one says so here."""

HEALTH = {"status": "ok", "version": VERSION}


class Target(NamedTuple):
    """A real server with a key, which has one finished run, and the requests for all its routes."""

    live: Live
    config: Path
    requests: list[Request]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One server for all tricks; at their end nothing but its first run has been recorded."""
    config = write_project(tmp_path_factory.mktemp("project"))
    with serving(config, MATCHSPEC_API_KEY=KEY) as live:
        with live.client(Authorization=RIGHT) as client:
            run_id = client.post("/run").json()["run_id"]
            wait_for_end(client, f"/results/{run_id}")
        before = read_log(log_of(config))
        yield Target(live, config, [fill(route, run_id) for route in routes() if route.path not in OPEN])
        assert read_log(log_of(config)) == before
        with live.client() as client:
            assert client.get("/health").json() == HEALTH


def fill(route: Route, run_id: str) -> Request:
    """The request for a route; a parameter of its path that stands for something else than a run is told here."""
    return Request(route.method, route.path.format(run_id=run_id, file="index.html"))


def exchange(live: Live, sent: bytes) -> list[tuple[int, bytes]]:
    """Send bytes, and give the status and the rest of every answer up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        answer = b""
        try:
            connection.sendall(sent)
            while chunk := connection.recv(65_536):
                answer += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
    found = re.split(rb"HTTP/1\.[01] (\d{3}) ", answer)
    assert not found[0], f"not HTTP: {answer[:200]!r}"
    return [(int(status), rest) for status, rest in zip(found[1::2], found[2::2], strict=True)]


def is_health(rest: bytes) -> bool:
    """Whether an answer is the document of the open path and nothing else."""
    content = rest.partition(b"\r\n\r\n")[2]
    return not content or content == json.dumps(HEALTH, separators=(",", ":")).encode()


def test_there_are_routes_and_tricks() -> None:
    """At least 60 tricks besides those with the header alone, and all routes that are known today."""
    assert len([name for name in TRICKS if not name.startswith("header: ")]) >= 60
    known = {("POST", "/run"), ("GET", "/results"), ("HEAD", "/results"), ("GET", "/results/{run_id}")}
    assert known | {("GET", "/suites"), ("GET", "/openapi.json")} <= set(routes())


@pytest.mark.parametrize("trick", TRICKS.values(), ids=list(TRICKS))
def test_no_trick_gets_past_the_key(target: Target, trick: Trick) -> None:
    """On every route each is 401, or refused as bad HTTP, or at most answered with what is open to all."""
    for request in target.requests:
        answers = exchange(target.live, trick(request))
        assert answers, f"{request} was not answered"
        for status, rest in answers:
            assert 400 <= status < 500 or (status == 200 and is_health(rest)), (request, status, rest[:300])
            assert status in (200, 400, 401, 431), (request, status, rest[:300])
            assert (status == 401) == (b"www-authenticate: Bearer" in rest)


def test_what_is_sent_before_does_not_open_a_connection(target: Target) -> None:
    """After a request with the key, one without it on the same connection is 401; so is it before."""
    for request in target.requests:
        right = Request("GET", "/suites").sent(f"Authorization: {RIGHT}", "Connection: keep-alive")
        right = right.replace(b"Connection: close\r\n", b"")
        statuses = [status for status, _ in exchange(target.live, right + right + request.sent())]
        assert statuses == [200, 200, 401], request


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer ", " Bearer"])
def test_the_key_opens_every_route(target: Target, scheme: str) -> None:
    """The right key, its scheme in any case and with any number of spaces, is never 401."""
    for request in target.requests:
        sent = request.sent(f"Authorization: {scheme} {KEY} ", body='{"suite": "none"}')
        ((status, _),) = exchange(target.live, sent)
        assert status in (200, 400, 404), request


async def test_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of any length are compared as SHA-256 digests, by `hmac.compare_digest` and by nothing else."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(guard, "hmac", SimpleNamespace(compare_digest=compare))
    tokens = [b"", b"C", KEY[:-1].encode(), KEY.encode(), b"x" * 100_000]
    opened = [await is_passed_on(token) for token in tokens]

    assert opened == [False, False, False, True, False]
    assert compared == [(hashlib.sha256(token).digest(), hashlib.sha256(KEY.encode()).digest()) for token in tokens]


async def is_passed_on(token: bytes) -> bool:
    """Whether a request with this token reaches the application."""
    reached: list[bool] = []

    async def app(*_: Any) -> None:
        reached.append(True)

    async def send(_message: Any) -> None:
        pass

    async def receive() -> Any:
        raise AssertionError

    headers = [(b"authorization", b"Bearer " + token)]
    scope = {"type": "http", "method": "GET", "path": "/results", "query_string": b"", "headers": headers}
    await guard.Guard(app, KEY, None)(scope, receive, send)
    return bool(reached)
