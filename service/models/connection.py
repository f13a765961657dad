"""One HTTP/1.1 connection to a service, with one request under way at a time."""

import asyncio
import ssl
from typing import NamedTuple, cast

import httptools
import httpx

HEAD_BYTES = 65_536
BUFFER_BYTES = 262_144
"""Of a body that is not read as fast as it comes."""

NOT_HTTP = "the answer is not valid HTTP, or its header is over 64 kB"


class Head(NamedTuple):
    """What an answer begins with."""

    status: int
    headers: list[tuple[bytes, bytes]]


class Connection(asyncio.Protocol):
    """Takes a request, gives the head of the answer, then its body piece by piece.

    Raises httpx.TransportError with a message that says what kind of failure it was, and nothing of the address.
    """

    def __init__(self) -> None:
        self.idle_since = 0.0
        self.received = False  # whether anything came back for the request under way
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._busy = self._complete = self._keeps = self._paused = False
        self._failure: httpx.TransportError | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._head: Head | None = None
        self._body: list[bytes] = []
        self._buffered = 0
        self._unparsed = 0

    async def ask(self, request: bytes) -> Head:
        """Send a request whole, and wait for the head of its answer."""
        self._begin()
        if not self._transport.is_closing():
            self._transport.write(request)
        while self._head is None:
            if self._failure:
                raise self._failure
            await self._news()
        return self._head

    async def read(self) -> bytes:
        """Give what has come of the body since the last time; nothing at its end."""
        while not (self._failure or self._body or self._complete):
            await self._news()
        if self._failure:
            raise self._failure
        body, self._body, self._buffered = b"".join(self._body), [], 0
        self._pause(paused=False)
        return body

    def release(self) -> bool:
        """Tell whether another request can follow; where the answer was not taken in to its end, none can."""
        self._busy = False
        self._body, self._buffered = [], 0
        if self._complete and self._keeps and self.is_usable:
            self._pause(paused=False)
            return True
        self.close()
        return False

    @property
    def is_usable(self) -> bool:
        """Whether nothing speaks against another request."""
        return self._failure is None and not self._transport.is_closing()

    @property
    def transport(self) -> asyncio.Transport:
        """What it runs over."""
        return self._transport

    def close(self) -> None:
        """Close at once."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the `on_` methods."""
        if not self._busy:
            self._fail(NOT_HTTP)  # nobody has asked
            return
        self.received = True
        self._unparsed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NOT_HTTP)
        if self._unparsed > HEAD_BYTES:
            self._fail(NOT_HTTP)
        elif self._buffered > BUFFER_BYTES and not self._complete:
            self._pause(paused=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell a failure, unless the answer is whole."""
        if self._head and not self._complete and exc is None and not _is_framed(self._head):
            self._complete = True
        if not self._complete and self._failure is None:
            self._failure = _loss(exc, self._head)
        self._wake()

    def on_message_begin(self) -> None:
        """Begin an answer, or one of those that only tell that it is to come (1xx)."""
        self._headers = []
        if self._complete:
            self._fail(NOT_HTTP)  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the header; those behind a body are dropped."""
        if self._head is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Give the head to who waits for it."""
        self._unparsed = 0
        status = self._parser.get_status_code()
        if status >= 200 and self._head is None:
            self._head = Head(status, self._headers)
            self._keeps = self._parser.should_keep_alive()
            self._wake()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._unparsed = 0
        self._body.append(body)
        self._buffered += len(body)
        self._wake()

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""
        if self._head:
            self._unparsed = 0
            self._complete = True
            self._wake()

    def _begin(self) -> None:
        self._busy, self._complete, self._head, self.received = True, False, None, False

    def _fail(self, message: str) -> None:
        if self._failure is None:
            self._failure = httpx.RemoteProtocolError(message)
        self._transport.abort()
        self._wake()

    def _pause(self, *, paused: bool) -> None:
        if paused == self._paused or self._transport.is_closing():
            return
        self._paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


def _is_framed(head: Head) -> bool:
    """Tell whether a body's end is marked; else it ends where the connection does."""
    return any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in head.headers)


def _loss(error: Exception | None, head: Head | None) -> httpx.TransportError:
    if head:
        return httpx.RemoteProtocolError("answer cut off")
    if isinstance(error, ssl.SSLError):
        return httpx.ReadError("TLS failure")
    if error:
        return httpx.ReadError("connection reset")
    return httpx.RemoteProtocolError("connection closed before the answer")
