"""Clients that are slow on purpose: none keeps a connection, and none that is merely slow loses its answer."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from service.api import server as server_module
from service.api.asgi import App, Receive, Scope, Send
from service.api.connection import Deadlines, most_connections
from service.api.server import Server

QUICK = Deadlines(head=0.5, body=0.5, unread=0.5)
SOON = 5.0  # seconds within which a deadline of half a second is surely over
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
MEGABYTE = 1_000_000

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads the whole body, then says how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    await answer(send, str(size).encode())


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads nothing."""
    await answer(send, b"no")


async def answer(send: Send, body: bytes, *, more: bool = False) -> None:
    """Begin an answer, and end it unless more follows."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that gives 50 MB at once."""
    await answer(send, bytes(50 * MEGABYTE))


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """An application whose answer never ends."""
    await answer(send, b"", more=True)
    while True:
        await send({"type": "http.response.body", "body": bytes(10_000), "more_body": True})
        await asyncio.sleep(0)


async def quiet_stream(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that sends a word, is silent for three deadlines, and sends another."""
    await answer(send, b"first", more=True)
    await asyncio.sleep(3 * QUICK.unread)
    await send({"type": "http.response.body", "body": b"last", "more_body": False})


class Serving:
    """A server in this process that looks at its connections ten times a second."""

    def __init__(self, server: Server, port: int) -> None:
        self.port = port
        self._server = server

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    async def connect(self, limit: int = 2**16) -> Streams:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self.port, limit=limit)

    async def all_closed(self) -> None:
        """Wait until none is open."""
        async with asyncio.timeout(SOON):
            while self.connections:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(app: App, monkeypatch: pytest.MonkeyPatch, most: int = 100) -> AsyncIterator[Serving]:
    """Serve an application with short deadlines."""
    monkeypatch.setattr(server_module, "TICKS_A_SECOND", 1)
    server = Server(app, most, QUICK)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield Serving(server, listening.getsockname()[1])
        finally:
            server.should_exit = True
            await task


async def drip(serving: Serving, begin: bytes, drop: bytes) -> bytes:
    """Send a beginning and then a drop every tenth of a second; gives what the server said before it closed."""
    reader, writer = await serving.connect()

    async def send() -> None:
        writer.write(begin)
        while True:
            writer.write(drop)
            await asyncio.sleep(0.1)

    sending = asyncio.create_task(send())
    said = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(SOON):
            while part := await reader.read(10_000):
                said += part
    sending.cancel()
    writer.close()
    return said


DRIPS: dict[str, tuple[bytes, bytes, bytes]] = {
    "nothing at all": (b"", b"", b""),
    "blank lines": (b"", b"\r\n", b""),
    "a target": (b"GET /", b"x", b"408"),
    "a header": (HEAD + b"X: ", b"x", b"408"),
    "many headers": (HEAD, b"X: x\r\n", b"408"),
    "a body": (HEAD + b"Content-Length: 100\r\n\r\n", b"x", b"408"),
    "a body that is expected": (HEAD + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n", b"", b"100"),
    "no body": (HEAD + b"Content-Length: 100\r\n\r\n", b"", b"408"),
    "a chunked body": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", b"408"),
    "the size of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x", b"408"),
    "what follows the last chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n", b"408"),
    "nothing after an answer": (GET, b"", b"200"),
    "blank lines after an answer": (GET, b"\r\n", b"200"),
    "a second head": (GET + b"GET /", b"x", b"200"),
}


async def test_who_sends_drop_by_drop_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that does not come within its time is 408 where one was begun, and its connection is closed."""
    async with serving(read_all, monkeypatch) as server:
        said = await asyncio.gather(*(drip(server, begin, drop) for begin, drop, _ in DRIPS.values()))
        await server.all_closed()
    for (begin, _, status), answered in zip(DRIPS.values(), said, strict=True):
        assert answered.startswith(b"HTTP/1.1 " + status if status else b"")
        assert bool(answered) == bool(status)
        assert answered.count(b"HTTP/1.1 408 Request Timeout\r\n") == (status != b"" and begin != GET), begin


@pytest.mark.parametrize("app", [read_all, refuse])
async def test_a_long_body_may_take_longer(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    """A body of 300 kB that takes three times the deadline is read: each 10 kB bring another second."""
    async with serving(app, monkeypatch) as server:
        reader, writer = await server.connect()
        writer.write(HEAD + b"Content-Length: 300000\r\n\r\n")
        for _ in range(15 if app is read_all else 3):
            writer.write(bytes(20_000))
            await asyncio.sleep(0.1)
        said = await reader.readuntil(b"300000" if app is read_all else b"no")
        writer.close()
    assert said.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("before", [b"", GET, HEAD + b"Transfer-Encoding: chunked\r\n\r\n"])
async def test_what_is_not_http_is_told(monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    """Nonsense is 400 as a problem document; while an answer is due to the request before, that answer is not faked."""
    async with serving(read_all, monkeypatch) as server:
        reader, writer = await server.connect()
        writer.write(before + b"\0 nonsense\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), SOON)
        writer.close()
    assert said.startswith(b"" if before == GET else b"HTTP/1.1 400 Bad Request\r\n")
    assert said.count(b"urn:matchspec:problem:bad-request") == (before != GET)


@pytest.mark.parametrize("app", [large, endless])
async def test_who_does_not_read_is_closed(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    """An answer that nobody takes is given up, also where the application has done its part."""
    async with serving(app, monkeypatch) as server:
        _, writer = await server.connect(limit=1)
        writer.write(GET)
        await asyncio.sleep(0.1)
        assert server.connections == 1
        await server.all_closed()
        writer.close()


async def test_who_reads_slowly_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that takes several deadlines to read is not cut off."""
    async with serving(large, monkeypatch) as server:
        reader, writer = await server.connect()
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        size = 0
        for _ in range(25):
            await asyncio.sleep(0.1)
            size += len(await reader.readexactly(2 * MEGABYTE))
        writer.close()
    assert size == 50 * MEGABYTE


async def test_a_silent_stream_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server has nothing to say the client owes nothing, for however long."""
    async with serving(quiet_stream, monkeypatch) as server:
        reader, writer = await server.connect()
        writer.write(GET)
        said = await asyncio.wait_for(reader.readuntil(b"last"), SOON)
        writer.close()
    assert b"first" in said


async def test_every_request_learns_that_its_client_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the one behind which others wait on the same connection: else it would be answered into nowhere."""
    told = asyncio.Queue[str]()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            await told.put("begun")
        await told.put("gone")

    async with serving(wait, monkeypatch) as server:
        _, writer = await server.connect()
        writer.write(GET * 3)
        assert await asyncio.wait_for(told.get(), SOON) == "begun"
        writer.transport.abort()
        assert await asyncio.wait_for(told.get(), SOON) == "gone"
    assert told.empty()


async def test_connections_above_the_limit_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third of two is told 503; a place that is free again is taken."""
    async with serving(read_all, monkeypatch, most=2) as server:
        first, second = await server.connect(), await server.connect()
        await asyncio.sleep(0.05)
        third, closing = await server.connect()
        assert (await asyncio.wait_for(third.read(), SOON)).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        closing.close()
        first[1].close()
        await asyncio.sleep(0.05)
        for reader, writer in (second, await server.connect()):
            writer.write(GET)
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.close()


@pytest.mark.parametrize(
    ("open_files", "model_calls", "connections"),
    [(65_536, 256, 10_000), (4_096, 256, 2_972), (1_024, 100, 524), (1_024, 256, 256), (256, 256, 64)],
)
def test_connections_leave_room_for_model_calls(open_files: int, model_calls: int, connections: int) -> None:
    """Four files are kept for each model call and a hundred for the rest; a quarter is for connections in any case."""
    assert most_connections(open_files, model_calls) == connections


@pytest.mark.skipif(sys.platform == "win32", reason="needs the limits of POSIX")
@pytest.mark.parametrize(("limit", "then"), [((64, 300), 300), ((300, 300), 300), ((64, 600), 500)])
def test_the_limit_of_open_files_is_raised(limit: tuple[int, int], then: int) -> None:
    """A process goes as far up as it may, and no further than it needs."""
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, {limit});"
        "from service.cli.open_files import raise_limit;"
        f"assert raise_limit(500) == {then} == resource.getrlimit(resource.RLIMIT_NOFILE)[0]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
