"""Heads of requests that are too large: refused while they come, before the key is looked at, and never held."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from live import Live, serving
from project import write_project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LIMIT = 65_536  # bytes of target and headers; a header counts with its colon, space and end of line
MEGABYTE = 1_000_000
KEY = "Corr3ct-horse.battery~staple"
HOST = b"Host: localhost\r\n"
CHUNKED = b"POST /run HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
OPEN = b"GET /health HTTP/1.1\r\n" + HOST

# Beginnings of requests, and what is then sent for ever.
ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a target": (b"GET /", b"x"),
    "a query": (b"GET /health?", b"x"),
    "a header": (OPEN + b"X: ", b"x"),
    "a header's name": (OPEN, b"x"),
    "many headers": (OPEN, b"a:b\r\n"),
    "many folded spaces": (OPEN + b"X:", b" "),
    "blank lines": (b"", b"\r\n"),
}
TRAILERS: dict[str, tuple[bytes, bytes]] = {
    "a trailer": (CHUNKED + b"0\r\nX: ", b"x"),
    "many trailers": (CHUNKED + b"0\r\n", b"a:b\r\n"),
    "an extension of a chunk": (CHUNKED + b"1;", b"x"),
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A real server with a key that nobody here sends."""
    with serving(write_project(tmp_path_factory.mktemp("live")), MATCHSPEC_API_KEY=KEY) as server:
        yield server


def answers(live: Live, *parts: bytes, first: bytes = b"") -> bytes:
    """Send parts of requests, each by itself, and keep sending open; gives what came until the server closed.

    With `first`, a request whose answer is waited for before.
    """
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        came = b""
        with suppress(ConnectionError):
            connection.sendall(first)
            while first and not came.endswith(b"}"):
                came += connection.recv(65_536)
            for part in parts:
                connection.sendall(part)
            while chunk := connection.recv(65_536):
                came += chunk
        return came


def head_of(size: int, headers: int) -> bytes:
    """A whole request whose target and headers come to so many bytes."""
    given = b"Connection: close\r\n" + HOST
    left = size - len(b"/health") - len(given)
    each = left // headers
    sizes = [each] * (headers - 1) + [left - each * (headers - 1)]
    filled = b"".join(b"X: " + b"x" * (one - len(b"X: \r\n")) + b"\r\n" for one in sizes)
    return b"GET /health HTTP/1.1\r\n" + given + filled + b"\r\n"


@pytest.mark.parametrize("headers", [1, 2, 1_000])
@pytest.mark.parametrize("parts", [1, 7])
def test_a_head_may_have_64_kb_and_not_a_byte_more(live: Live, headers: int, parts: int) -> None:
    """In one header or in many, at once or in parts; also behind a request with a larger body."""
    for size, status in ((LIMIT, b"200"), (LIMIT + 1, b"431")):
        head = head_of(size, headers)
        step = len(head) // parts + 1
        cut = [head[start : start + step] for start in range(0, len(head), step)]
        body = b"x" * 2 * LIMIT
        before = OPEN + b"Content-Length: %d\r\n\r\n" % len(body) + body
        assert answers(live, *cut).startswith(b"HTTP/1.1 " + status)
        assert answers(live, *cut, first=before).count(b"HTTP/1.1 " + status) == (2 if status == b"200" else 1)


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=list(ENDLESS))
def test_a_head_is_refused_before_it_ends(live: Live, begin: bytes, more: bytes) -> None:
    """After 100 kB of a head without end the answer is 431, though no key came; also behind another request."""
    came = answers(live, begin, more * (100_000 // len(more)), first=OPEN + b"\r\n")
    assert came.startswith(b"HTTP/1.1 200 ")
    head, _, content = came[came.index(b"HTTP/1.1 431 ") :].partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: application/problem+json\r\n" in head
    problem = json.loads(content)
    assert problem["type"] == "urn:matchspec:problem:request-header-fields-too-large"
    assert "65,536" in problem["detail"]


@pytest.mark.parametrize(("begin", "more"), TRAILERS.values(), ids=list(TRAILERS))
def test_what_follows_a_body_has_the_same_limit(live: Live, begin: bytes, more: bytes) -> None:
    """The server closes; where it has answered 401 before, there is nothing more to say."""
    came = answers(live, begin, more * (100_000 // len(more)))
    assert came.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 431 ")) or not came


def test_a_huge_head_costs_neither_memory_nor_anybody_time(live: Live) -> None:
    """50 MB of a head, or of trailers, byte by byte or at once: the server's memory grows by less than 20 MB."""
    with live.client() as client:
        client.get("/health")
        before = live.peak_memory()
        for begin, more in (*ENDLESS.values(), *TRAILERS.values()):
            answers(live, begin, *[more * (MEGABYTE // len(more))] * 50)
            assert client.get("/health", timeout=5).status_code == 200
    assert live.peak_memory() - before < 20 * MEGABYTE
