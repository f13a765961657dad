"""One HTTP/1.1 connection to a service, with one request under way at a time."""

import asyncio
import ssl
from typing import cast

import httptools
import httpx

from service.models.message import REFUSAL_BYTES, Answer

HEAD_BYTES = 65_536

NOT_HTTP = "the answer is not valid HTTP, or its header is over 64 kB"


class Connection(asyncio.Protocol):
    """Takes a request, gives its answer once it is whole: one wake-up of who asks.

    Raises httpx.TransportError with a message that says what kind of failure it was, and nothing of the address.
    """

    def __init__(self) -> None:
        self.idle_since = 0.0
        self.received = False  # whether anything came back for the request under way
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._busy = self._tunnels = self._complete = self._keeps = False
        self._failure: httpx.TransportError | None = None
        self._status = self._limit = self._taken = self._unparsed = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    async def ask(self, request: bytes, limit: int) -> Answer:
        """Send a request whole and take its answer in; one whose body is over the limit is cut off and closes it."""
        self._begin(request, limit)
        try:
            while not (self._failure or self._complete):
                await self._news()
            if self._failure:
                raise self._failure
        except BaseException:
            self.close()
            raise
        self._busy = False
        if not self._keeps:
            self.close()
        return Answer(self._status, self._headers, b"".join(self._body)[: self._limit + 1])

    async def ask_tunnel(self, request: bytes) -> int:
        """Ask a proxy to carry what follows to another; gives the status of its answer, which has no body."""
        self._tunnels = True
        self._begin(request, 0)
        while not self._status:
            if self._failure:
                raise self._failure
            await self._news()
        return self._status

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

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell a failure, unless the answer is whole."""
        if self._status and exc is None and not _is_framed(self._headers):
            self._complete = True
        if not self._complete and self._failure is None:
            self._failure = _loss(exc, begun=self._status > 0)
        self._wake()

    def on_message_begin(self) -> None:
        """Begin an answer, or one of those that only tell that it is to come (1xx)."""
        self._headers = []
        if self._complete:
            self._fail(NOT_HTTP)  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the header; those behind a body are dropped."""
        if not self._status:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note the status, and how much of the body is wanted."""
        self._unparsed = 0
        status = self._parser.get_status_code()
        if status >= 200 and not self._status:
            self._status = status
            self._keeps = self._parser.should_keep_alive()
            if not 200 <= status < 300:
                self._limit = min(self._limit, REFUSAL_BYTES)
            if self._tunnels:
                self._wake()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; what is beyond the limit is not waited for."""
        self._unparsed = 0
        if self._taken > self._limit:
            return
        self._body.append(body)
        self._taken += len(body)
        if self._taken > self._limit:
            self._keeps = False
            self.on_message_complete()

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""
        if self._status:
            self._unparsed = 0
            self._complete = True
            self._wake()

    def _begin(self, request: bytes, limit: int) -> None:
        self._busy, self._complete, self.received = True, False, False
        self._status = self._taken = 0
        self._limit, self._body = limit, []
        if not self._transport.is_closing():
            self._transport.write(request)

    def _fail(self, message: str) -> None:
        if self._failure is None:
            self._failure = httpx.RemoteProtocolError(message)
        self._transport.abort()
        self._wake()

    def _news(self) -> asyncio.Future[None]:
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


def _is_framed(headers: list[tuple[bytes, bytes]]) -> bool:
    """Tell whether a body's end is marked; else it ends where the connection does."""
    return any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in headers)


def _loss(error: Exception | None, *, begun: bool) -> httpx.TransportError:
    if begun:
        return httpx.RemoteProtocolError("answer cut off")
    if isinstance(error, ssl.SSLError):
        return httpx.ReadError("TLS failure")
    if error:
        return httpx.ReadError("connection reset")
    return httpx.RemoteProtocolError("connection closed before the answer")
