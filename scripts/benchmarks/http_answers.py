"""The HTTP side of the benchmarks' model servers, as cheaply as Python can."""

import asyncio
from typing import cast

import httptools

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


class Answering(asyncio.Protocol):
    """One kept-alive connection with one call in flight; `take` is told the body of each request."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def take(self, body: bytes) -> None:
        """Answers a request, now or later; one without a body is a GET."""
        raise NotImplementedError

    def write(self, body: bytes) -> None:
        """Sends an answer."""
        self.transport.write(HEAD % (len(body), body))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, which calls the `on_` methods."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Collects the request's body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Hands a whole request over."""
        body, self._body = self._body, b""
        self.take(body)
