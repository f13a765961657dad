"""The benchmark's model server: returns the input of a request after a while, as cheaply as Python can.

    python scripts/bench_model.py [--port 8093] [--latency-ms 50]

`POST {"input": ...}` is answered with `{"output": ...}`, the same text. Any other path of a GET is answered at once.
"""

import argparse
import asyncio
import contextlib
from typing import cast

import httptools
import uvloop

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
ASKED, ANSWERED = b'{"input"', b'{"output"'


class Connection(asyncio.Protocol):
    """One kept-alive connection with one call in flight."""

    def __init__(self, latency_seconds: float) -> None:
        self.latency_seconds = latency_seconds
        self.parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, which calls the `on_` methods."""
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Collects the request's body."""
        self.body += body

    def on_message_complete(self) -> None:
        """Answers a whole request, at once or after the latency."""
        answer = ANSWERED + self.body.removeprefix(ASKED) if self.body else b"{}"
        reply = HEAD % (len(answer), answer)
        if self.body and self.latency_seconds:
            asyncio.get_running_loop().call_later(self.latency_seconds, self.transport.write, reply)
        else:
            self.transport.write(reply)
        self.body = b""


async def serve(port: int, latency_seconds: float) -> None:
    """Listens on loopback for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency_seconds), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description="Answers each input with itself, after a while.")
    parser.add_argument("--port", type=int, default=8093)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.port, options.latency_ms / 1000))


if __name__ == "__main__":
    main()
