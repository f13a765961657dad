"""Asks a server for one thing again and again, over so many connections, and notes how long each answer took.

It is to cost a fraction of what the server does: no parser, no tasks; an answer must tell its length.
"""

import asyncio
import time
from functools import partial
from typing import NamedTuple, cast

import uvloop
from live_server import BrokenError

from benchmarks.figures import percentile
from benchmarks.processes import Served, get
from benchmarks.used import cpu_seconds

LENGTH = b"\r\ncontent-length: "


class Polled(NamedTuple):
    """How long each answer took; what all took of the wall, of the server's CPU and of ours; a body. All in seconds."""

    waits: list[float]
    wall: float
    server_cpu: float
    client_cpu: float
    body: bytes

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.waits) / self.wall

    def ms(self, share: float) -> float:
        """A percentile of the waits, in milliseconds."""
        return percentile(self.waits, share) * 1000

    @property
    def cpu_us(self) -> float:
        """The server's CPU for an answer, in microseconds."""
        return self.server_cpu / len(self.waits) * 1e6


class Poller(asyncio.Protocol):
    """One connection, which asks until `until` as soon as it was answered, or after a pause."""

    def __init__(self, request: bytes, until: float, pause: float) -> None:
        self.waits: list[float] = []
        self.body = b""
        self.over = asyncio.get_running_loop().create_future()
        self._request = request
        self._until = until
        self._pause = pause
        self._began = 0.0
        self._answer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the first time."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        if not self.over.done():
            self.over.set_exception(exc or BrokenError("the server closed a connection that polls"))

    def data_received(self, data: bytes) -> None:
        """Notes a whole answer, and goes on."""
        answer = self._answer + data if self._answer else data
        body = answer.find(b"\r\n\r\n") + 4
        if body < 4:
            self._answer = answer
            return
        length = _length(answer, body)
        if length is None or not answer.startswith(b"HTTP/1.1 200 "):
            self.over.set_exception(BrokenError(f"{self._request!r} was answered {answer[:300]!r}"))
            self._transport.abort()
        elif len(answer) - body < length:
            self._answer = answer
        else:
            self._take(answer[body:])

    def _take(self, body: bytes) -> None:
        self.waits.append(time.monotonic() - self._began)
        self._answer, self.body = b"", body
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        self._began = time.monotonic()
        if self._began < self._until:
            self._transport.write(self._request)
        elif not self.over.done():
            self.over.set_result(None)
            self._transport.abort()


def _length(answer: bytes, head: int) -> int | None:
    found = answer.find(LENGTH, 0, head)
    return int(answer[found + len(LENGTH) : answer.index(b"\r", found + 1)]) if found >= 0 else None


def poll(server: Served, path: str, seconds: float, connections: int = 8, pause: float = 0.0) -> Polled:
    """Poll a path."""
    return ask_again(server, get(path), seconds, connections, pause)


def ask_again(server: Served, request: bytes, seconds: float, connections: int = 8, pause: float = 0.0) -> Polled:
    """Send a request again and again. BrokenError where an answer is no 200, or does not tell its length."""
    return uvloop.run(_ask_again(server, request, seconds, connections, pause))


async def _ask_again(server: Served, request: bytes, seconds: float, connections: int, pause: float) -> Polled:
    loop = asyncio.get_running_loop()
    began, theirs, ours = time.monotonic(), cpu_seconds(server.pid), time.process_time()
    open_one = partial(Poller, request, began + seconds, pause)
    pollers = [(await loop.create_connection(open_one, "127.0.0.1", server.port))[1] for _ in range(connections)]
    await asyncio.gather(*(poller.over for poller in pollers))
    took = time.monotonic() - began, cpu_seconds(server.pid) - theirs, time.process_time() - ours
    return Polled([wait for poller in pollers for wait in poller.waits], *took, pollers[0].body)
