"""A small HTTP server that misbehaves: the path of a request says how."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache

MEGABYTE = 1_000_000

Behaviour = Callable[[], AsyncIterator[bytes]]


class HostileServer:
    """Where it listens, and what became of its answers: bytes handed to the network, connections still open."""

    def __init__(self) -> None:
        self.url = ""
        self.sent = 0
        self.open_connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and misbehave."""
        self.open_connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")  # all of the tests' bodies
        answering = asyncio.ensure_future(self._answer(BEHAVIOURS[head.split()[1].decode().strip("/")], writer))
        hanging_up = asyncio.ensure_future(reader.read())
        await asyncio.wait({answering, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        answering.cancel()
        hanging_up.cancel()
        await asyncio.gather(answering, hanging_up, return_exceptions=True)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.open_connections -= 1

    async def all_hung_up(self) -> None:
        """Wait until no connection is open, for two seconds at most."""
        async with asyncio.timeout(2):
            while self.open_connections:
                await asyncio.sleep(0.01)

    async def _answer(self, behave: Behaviour, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            async for chunk in behave():
                writer.write(chunk)
                await writer.drain()
                self.sent += len(chunk)


@asynccontextmanager
async def hostile_server() -> AsyncIterator[HostileServer]:
    """Run the server on a free port of the loopback."""
    hostile = HostileServer()
    server = await asyncio.start_server(hostile.serve, "127.0.0.1", 0)
    hostile.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield hostile
        await hostile.all_hung_up()


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Give a whole answer; `length` overrides what Content-Length says."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def says(*chunks: bytes, pause: Callable[[], Awaitable[None]] | None = None) -> Behaviour:
    """Send the chunks, with a pause before each, then close the connection."""

    async def behave() -> AsyncIterator[bytes]:
        for chunk in chunks:
            if pause:
                await pause()
            yield chunk

    return behave


async def a_second() -> None:
    """Wait as a slow server does."""
    await asyncio.sleep(1)


async def for_ever() -> None:
    """Wait longer than any test."""
    await asyncio.sleep(3_600)


def endless(head: bytes) -> Behaviour:
    """Send a head and then 300 MB."""

    async def behave() -> AsyncIterator[bytes]:
        yield head
        for _ in range(300):
            yield b"x" * MEGABYTE

    return behave


def in_json(text: bytes) -> bytes:
    """Put raw JSON text where the tests' `response_path` looks."""
    return answer(b'{"output": ' + text + b"}", "Content-Type: application/json")


def in_chat(text: bytes) -> bytes:
    """Put raw JSON text where a judge's number stands."""
    return answer(b'{"choices": [{"message": {"content": ' + text + b"}}]}", "Content-Type: application/json")


def in_embedding(text: bytes) -> bytes:
    """Put raw JSON text where two vectors stand, the second beside a good first."""
    vectors = b'{"index": 0, "embedding": [1.0, 0.0]}, {"index": 1, "embedding": ' + text + b"}"
    return answer(b'{"data": [' + vectors + b"]}", "Content-Type: application/json")


@cache
def gzip_bomb() -> bytes:
    """100 MB of zeros in about 450 kB."""
    return answer(gzip.compress(bytes(100 * MEGABYTE), compresslevel=1), "Content-Encoding: gzip")


async def bomb() -> AsyncIterator[bytes]:
    """Send the bomb."""
    yield gzip_bomb()


BEHAVIOURS: dict[str, Behaviour] = {
    "good": says(in_json(json.dumps("fine").encode())),
    "never-answers": says(b"", pause=for_ever),
    "one-byte-a-second": says(*(bytes([byte]) for byte in in_json(b'"slow"')), pause=a_second),
    "closes-at-once": says(),
    "cut-off": says(answer(b'{"output": "par', length=400)),
    "cut-off-chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
    "broken-chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\nab\r\n"),
    "garbage": says(b"\x00\xff\x17\x03 this is no HTTP \r\n\r\n" * 50),
    "endless": endless(answer(b"", length=300 * MEGABYTE)),
    "endless-refusal": endless(answer(b"", status="500 Internal Server Error", length=300 * MEGABYTE)),
    "length-too-small": says(answer(b'{"output": "fine"}trailing', length=18)),
    "length-nonsense": says(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    "redirect": says(answer(b"", "Location: /good", status="302 Found")),
    "too-many": says(answer(b"slow down", "Retry-After: 3600", status="429 Too Many Requests")),
    "too-many-now": says(answer(b"slow down", status="429 Too Many Requests")),
    "good-judge": says(in_chat(b'"10"')),
    "lone-surrogate-judge": says(in_chat(b'"\\ud800 10"')),
    "nan-judge": says(in_chat(b"NaN")),
    "good-embedding": says(in_embedding(b"[1.0, 0.0]")),
    "lone-surrogate-embedding": says(in_embedding(b'"\\ud800"')),
    "nan-embedding": says(in_embedding(b"[NaN, 0.0]")),
    "lone-surrogate": says(in_json(b'"a \\ud800 b"')),
    "nan": says(in_json(b"NaN")),
    "empty": says(answer(b"")),
    "deep": says(in_json(b"[" * 200_000 + b"]" * 200_000)),
    "bomb": bomb,
    "long-header": says(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 5 * MEGABYTE, b"\r\n\r\n{}"),
    "many-headers": says(b"HTTP/1.1 200 OK\r\n", b"X-Many: x\r\n" * 500_000, b"\r\n{}"),
}
