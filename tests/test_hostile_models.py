"""A misbehaving model server costs one model error: in time, with bounded memory, and nothing else breaks."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hostile_server import HostileServer, gzip_bomb, hostile_server

from domain.errors import ModelError
from domain.model_spec import HttpModel
from service.models.ask import Ask, Reply
from service.models.model import open_model
from service.models.transport import Transport

NOT_HTTP = "the answer is not valid HTTP, or its header is over 64 kB"
TOLD = {
    "closes-at-once": "{url}: connection closed before the answer",
    "cut-off": "{url}: answer cut off",
    "cut-off-chunk": "{url}: answer cut off",
    "broken-chunk": f"{{url}}: {NOT_HTTP}",
    "garbage": f"{{url}}: {NOT_HTTP}",
    "endless": "reply over 8 MB",
    "length-too-small": f"{{url}}: {NOT_HTTP}",
    "length-nonsense": f"{{url}}: {NOT_HTTP}",
    "redirect": "{url} answered 302 Found",
    "too-many": "{url} answered 429 Too Many Requests: slow down",
    "lone-surrogate": 'the reply is not valid JSON (Input data was truncated): {{"output": "a \\ud800 b"}}',
    "nan": 'the reply is not valid JSON (JSON is malformed: invalid character (byte 11)): {{"output": NaN}}',
    "empty": "the reply is not valid JSON (Input data was truncated)",
    "deep": "the reply is JSON nested too deep",
    "bomb": "reply over 8 MB",
    "long-header": f"{{url}}: {NOT_HTTP}",
    "many-headers": f"{{url}}: {NOT_HTTP}",
}
RETRIED = {
    "closes-at-once", "cut-off", "cut-off-chunk", "broken-chunk", "garbage", "length-too-small", "length-nonsense",
    "redirect", "too-many", "long-header", "many-headers",
}  # fmt: skip


@asynccontextmanager
async def model_at(path: str, server: HostileServer) -> AsyncIterator[Ask]:
    """Open an `http` model that asks the hostile server at a path."""
    transport = Transport()
    spec = HttpModel(endpoint=f"{server.url}/{path}", response_path="output")
    try:
        yield open_model(spec, folder=Path(), environment={}, send=transport.send)
    finally:
        await transport.aclose()


@pytest.mark.parametrize("path", TOLD)
async def test_a_misbehaving_server_is_a_model_error(path: str) -> None:
    """Each misbehaviour ends by itself, soon, as a ModelError that says what it was and whether to try again."""
    async with hostile_server() as server, model_at(path, server) as ask, asyncio.timeout(5):
        with pytest.raises(ModelError) as caught:
            await ask("hi")

    assert caught.value.message == TOLD[path].format(url=f"{server.url}/{path}")
    assert caught.value.retry == (path in RETRIED)


@pytest.mark.parametrize("path", ["never-answers", "one-byte-a-second"])
async def test_a_deadline_ends_a_slow_answer_and_its_connection(path: str) -> None:
    """The caller's deadline is the only one, it holds, and the server sees the connection close."""
    async with hostile_server() as server, model_at(path, server) as ask:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask("hi")
        await server.all_hung_up()


@pytest.mark.parametrize("path", ["never-answers", "one-byte-a-second"])
async def test_a_cancelled_call_closes_its_connection(path: str) -> None:
    """After a cancellation the server has no connection of ours left, though the transport stays open."""
    async with hostile_server() as server, model_at(path, server) as ask:
        call = asyncio.ensure_future(ask("hi"))
        await asyncio.sleep(0.1)
        assert server.open_connections == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.all_hung_up()


@pytest.mark.parametrize("path", ["endless", "endless-refusal", "bomb", "long-header", "many-headers"])
async def test_memory_stays_bounded(path: str) -> None:
    """Neither a huge body nor a huge header is taken in: at most the cap, and its decoded form, is held."""
    gzip_bomb()  # made before memory is looked at: this process is the server, too
    async with hostile_server() as server, model_at(path, server) as ask:
        tracemalloc.start()
        try:
            with pytest.raises(ModelError):
                await ask("hi")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert server.sent < 20_000_000
    assert peak < 40_000_000


async def test_a_good_answer_follows_a_bad_one() -> None:
    """One transport serves all: what one server does leaves the next call alone."""
    async with hostile_server() as server:
        transport = Transport()

        def ask_at(path: str) -> Ask:
            spec = HttpModel(endpoint=f"{server.url}/{path}", response_path="output")
            return open_model(spec, folder=Path(), environment={}, send=transport.send)

        for path in ["cut-off", "garbage", "length-too-small", "closes-at-once"]:
            await asyncio.gather(ask_at(path)("hi"), return_exceptions=True)
            assert await ask_at("good")("hi") == Reply("fine")
        await transport.aclose()


async def test_a_large_input_is_sent_whole() -> None:
    """A body of several megabytes goes out in slices, with its length, and is answered."""
    received = asyncio.Queue[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await received.put(head)
        await received.put(await reader.readexactly(3_000_012))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    transport = Transport()
    async with server:
        spec = HttpModel(endpoint=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        ask = open_model(spec, folder=Path(), environment={}, send=transport.send)
        assert await ask("x" * 3_000_000) == Reply("done")
        await transport.aclose()

    assert b"content-length: 3000012\r\n" in (await received.get()).lower()
    assert await received.get() == b'{"input":"' + b"x" * 3_000_000 + b'"}'
