"""What a web page in the user's browser can send to a server without a key: all of it refused, on every route."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_routes import RUN_ID, paths
from project import write_project
from server import Server, log_of, read_log

pytestmark = pytest.mark.slow

OTHER_METHODS = ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
AT_ONCE = 32

HOSTS = [
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "evil.localhost",
    "localhost.",
    "127.0.0.1.",
    "localhost..",
    "localhost?",
    "localhost#",
    "localhost?.evil.test",
    "evil.test#localhost",
    "evil.test?localhost",
    "evil.test/localhost",
    "localhost/",
    "localhost:",
    "localhost:x",
    "localhost:80:80",
    "localhost:-1",
    "localhost:+80",
    "user@localhost",
    "evil.test@localhost",
    "localhost@evil.test",
    "localhost,evil.test",
    "localhost evil.test",
    "localhost\tevil.test",
    "evil.test",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "127.0.0.2",
    "127.0.0.1.nip.io",
    "[::]",
    "[::1%25lo]",
    "[::1%lo]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "::1",
    "[::1]x",
    "[::1].evil.test",
    "[fe80::1]",
    "l\u043ecalhost",
    "\uff4cocalhost",
    "localhost\x85",
    "*",
    "null",
]
ORIGINS = [
    "null",
    "file://",
    "http://evil.test",
    "https://localhost.evil.test",
    "http://localhost@evil.test",
    "http://evil.test:8090",
    "http://localhost:1, http://evil.test",
    "chrome-extension://abcdefghijklmnop",
    "http://127.0.0.1:1",
    "http://0.0.0.0",
    "data:",
    "about:blank",
    "http://LOCALHOST.evil.test",
    "",
]

Trick = tuple[str, list[str]]
"""What stands before the path of the target, and the header's lines."""


def tricks(port: int) -> Iterator[Trick]:
    """Every way in which a page of another site, or a name that it has rebound, may ask."""
    own = f"Host: 127.0.0.1:{port}"
    for host in HOSTS:
        yield "", [f"Host: {host}"]
        yield "", [f"Host: {host}:{port}"]
    for origin in ORIGINS:
        yield "", [own, f"Origin: {origin}"]
    for site in ("cross-site", "same-site", "Cross-Site", "", "none, cross-site"):
        yield "", [own, f"Sec-Fetch-Site: {site}"]
    yield "", []
    yield "", ["Host:"]
    yield "", [own, own]
    yield "", [own, "Host: evil.test"]
    yield "", ["Host: evil.test", own]
    yield "", [f"X-Forwarded-Host: 127.0.0.1:{port}", "Host: evil.test"]
    yield "", ["Host: evil.test", f"Forwarded: host=127.0.0.1:{port}"]
    yield "", [own, "Origin: http://evil.test", f"Origin: http://127.0.0.1:{port}"]
    yield "", ["Host: evil.test", "Origin: http://evil.test", "Sec-Fetch-Site: same-origin"]
    yield "http://evil.test", [own]
    yield f"http://evil.test:{port}", [own]
    yield "http://localhost@evil.test", [own]
    yield "http://[fe80::1]", [own]
    yield f"HTTP://EVIL.TEST:{port}", [own]


def combined(port: int, routes: list[str]) -> list[tuple[str, str, Trick]]:
    """Every trick on every route, by GET, by POST, and by the other methods in turn."""
    others = itertools.cycle(OTHER_METHODS)
    return [
        (method, path, trick) for trick in tricks(port) for path in routes for method in ("GET", "POST", next(others))
    ]


async def ask(port: int, method: str, path: str, trick: Trick) -> bytes:
    """Send a request that would start a run or show one; gives the status line."""
    before, lines = trick
    body = b'{"suite": "qa"}'
    head = [f"{method} {before}{path} HTTP/1.1", *lines, "Content-Type: application/json", "Connection: close"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body)
    said = await reader.readuntil(b"\r\n")
    writer.close()
    return said.strip()


async def test_other_sites_are_refused_on_every_route_and_method(tmp_path: Path) -> None:
    """Rebound names, foreign origins, other spellings of the loopback: 4xx everywhere, and nothing is recorded."""
    config = write_project(tmp_path)
    routes = [*paths(), "/", "/nothing", f"/results/{RUN_ID}/more"]
    assert {"/run", "/results", "/suites", "/health"} <= set(routes)
    with Server(config) as server:
        port = int(server.url.rpartition(":")[2])
        before = read_log(log_of(config))
        wanted = iter(combined(port, routes))
        answered: list[tuple[bytes, str, str, Trick]] = []

        async def one_after_another() -> None:
            for method, path, trick in wanted:
                answered.append((await ask(port, method, path, trick), method, path, trick))

        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
        passed = [one for one in answered if not one[0].startswith(b"HTTP/1.1 4")]
        assert passed == []
        assert len(answered) >= 3 * 100 * len(routes)
        assert read_log(log_of(config)) == before
        own = await ask(port, "POST", "/run", ("", [f"Host: localhost:{port}", f"Origin: http://localhost:{port}"]))
        assert own == b"HTTP/1.1 202 Accepted"
        absolute = await ask(port, "GET", "/suites", (f"http://localhost:{port}", ["Host: evil.test"]))
        assert absolute == b"HTTP/1.1 200 OK"
