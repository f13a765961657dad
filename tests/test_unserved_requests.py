"""Requests of HTTP/1.1 that want what this server has not: refused, not taken for something else."""

import socket
from collections.abc import Iterator

import pytest
from live import Live, serving
from project import write_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A real server that never starts a run."""
    with serving(write_project(tmp_path_factory.mktemp("live"))) as server:
        yield server
        with server.client() as client:
            assert client.get("/results").json()["total"] == 0


CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
HEADERS: dict[str, tuple[bytes, bytes]] = {
    "Transfer-Encoding: gzip, chunked": (CHUNKS, b"400"),
    "Transfer-Encoding: chunked, chunked": (CHUNKS, b"400"),
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked": (CHUNKS, b"400"),
    "Transfer-Encoding: gzip": (CHUNKS, b"400"),
    "Transfer-Encoding: identity": (b"{}", b"400"),
    "Content-Encoding: gzip\r\nContent-Length: 2": (b"{}", b"415"),
    "Content-Encoding: identity, br\r\nContent-Length: 2": (b"{}", b"415"),
    "Expect: a-pony\r\nContent-Length: 2": (b"{}", b"417"),
}
TARGETS = ["ftp://localhost/results", "ws://localhost/results", "http://a:b@localhost/results", "http://a@localhost/"]


def ask(live: Live, request: bytes) -> bytes:
    """Send a request; gives the head of its answer and what came with it."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65_536)


@pytest.mark.parametrize(("header", "then"), HEADERS.items(), ids=list(HEADERS))
def test_what_is_not_understood_is_refused(live: Live, header: str, then: tuple[bytes, bytes]) -> None:
    """Codings of a transfer but chunked 400, of a content 415, expectations but 100-continue 417: as a problem."""
    body, status = then
    head = f"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{header}\r\n\r\n"
    answer = ask(live, head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_of_another_kind_is_refused(live: Live, target: str) -> None:
    """Another scheme than http and https, or a name and password: 400."""
    assert ask(live, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("header", ["Transfer-Encoding: Chunked", "Content-Encoding: Identity", "Expect: 100-Continue"])
def test_what_is_understood_is_served(live: Live, header: str) -> None:
    """In any case of letters; also with the whole address as the target."""
    end = "0\r\n\r\n" if header.startswith("Transfer") else ""
    request = f"GET HTTP://localhost/results HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n{end}"
    assert ask(live, request.encode()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("blank", [" ", "\t", " \t  "], ids=["space", "tab", "more"])
def test_blanks_behind_a_header_are_no_part_of_it(live: Live, blank: str) -> None:
    """The host is known and the key is a key: what is refused is the suite that there is not."""
    headers = ["Host: localhost", "Content-Type: application/json", "Idempotency-Key: blanks", "Content-Length: 18"]
    head = "".join(f"{header}{blank}\r\n" for header in headers)
    answer = ask(live, f'POST /run HTTP/1.1\r\n{head}\r\n{{"suite":"no-one"}}'.encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
