"""A raw HTTP client: one kept-alive connection with one request in flight, parsed by httptools, and nothing else."""

import asyncio
import ssl
import time
from typing import Self, cast

import httptools
import msgspec
from live_server import BrokenError

POST = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class RawClient(asyncio.Protocol):
    """Gives bodies. `status` is the last answer's, `first_byte_at` when it began (time.monotonic)."""

    def __init__(self) -> None:
        self.status = 0
        self.first_byte_at = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[bytes]
        self._body: list[bytes] = []

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext | None = None) -> Self:
        """Open a connection to this machine."""
        _, client = await asyncio.get_running_loop().create_connection(
            cls, "localhost" if tls else "127.0.0.1", port, ssl=tls
        )
        return client

    async def send(self, request: bytes) -> bytes:
        """Send a whole request; gives the body of its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.first_byte_at = 0.0
        self._transport.write(request)
        return await self._answer

    async def fetch(self, request: bytes) -> tuple[float, bytes]:
        """Ask once; gives the seconds it took and the body. BrokenError where the answer is no 200."""
        began = time.monotonic()
        body = await self.send(request)
        if self.status != 200:
            raise BrokenError(f"{request!r} was answered {self.status}: {body[:300]!r}")
        return time.monotonic() - began, body

    def close(self) -> None:
        """Close the connection."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells who waits."""
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, which calls the `on_` methods."""
        self.first_byte_at = self.first_byte_at or time.monotonic()
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Collects the answer's body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Gives the answer to who waits for it."""
        self.status = self._parser.get_status_code()
        self._answer.set_result(b"".join(self._body))
        self._body.clear()


async def ask_model(client: RawClient, text: str) -> str:
    """One call of the benchmark's model server."""
    body = msgspec.json.encode({"input": text})
    return str(msgspec.json.decode(await client.send(POST % (len(body), body)))["output"])
