"""The benchmark's model server: returns the input of a request after a while, as cheaply as Python can.

    python -m benchmarks.model [--port 8093] [--latency-ms 50] [--tls CERTIFICATE.pem --tls-port 8094]

`POST {"input": ...}` is answered with `{"output": ...}`, the same text. A GET tells at once how many calls there were
and when the first came: `{"calls": 2, "first_at": 81.5}`, in seconds of the machine's monotonic clock.
"""

import argparse
import asyncio
import contextlib
import ssl
import time

import msgspec
import uvloop

from benchmarks.http_answers import Answering

ASKED, ANSWERED = b'{"input"', b'{"output"'


class Calls(msgspec.Struct):
    """What was asked so far."""

    calls: int = 0
    first_at: float | None = None


class Connection(Answering):
    """Answers calls, at once or after the latency."""

    def __init__(self, latency_seconds: float, calls: Calls) -> None:
        super().__init__()
        self.latency_seconds = latency_seconds
        self.calls = calls

    def take(self, body: bytes) -> None:
        """Answers a request."""
        if not body:
            self.write(msgspec.json.encode(self.calls))
            return
        self.calls.calls += 1
        self.calls.first_at = self.calls.first_at or time.monotonic()
        answer = ANSWERED + body.removeprefix(ASKED)
        if self.latency_seconds:
            asyncio.get_running_loop().call_later(self.latency_seconds, self.write, answer)
        else:
            self.write(answer)


async def serve(port: int, latency_seconds: float, tls_port: int, certificate: str | None) -> None:
    """Listens on loopback for ever, with a certificate over TLS on another port, too."""
    loop, calls = asyncio.get_running_loop(), Calls()
    listening = {port: None, tls_port: tls_of(certificate)} if certificate else {port: None}
    servers = [
        await loop.create_server(lambda: Connection(latency_seconds, calls), "127.0.0.1", at, backlog=1024, ssl=tls)
        for at, tls in listening.items()
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def tls_of(certificate: str) -> ssl.SSLContext:
    """A server's side of TLS, from one file with certificate and key."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description="Answers each input with itself, after a while.")
    parser.add_argument("--port", type=int, default=8093)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--tls", metavar="CERTIFICATE", help="a PEM file with certificate and key: serve TLS, too")
    parser.add_argument("--tls-port", type=int, default=8094)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.port, options.latency_ms / 1000, options.tls_port, options.tls))


if __name__ == "__main__":
    main()
