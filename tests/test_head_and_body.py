"""The head of an answer waits for its body, and for nothing else."""

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.server import ServerState

from service.api.asgi import Receive, Scope, Send
from service.api.connection import Connection, ConnectionConfig
from service.api.head_and_body import HeadAndBody

SIZED = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\n"
METHODS = [b"GET", b"HEAD", b"GET"]
STREAMED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Written(asyncio.Transport):
    """A transport that keeps what each call gave it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []

    def write(self, data: Any) -> None:
        """Keeps data."""
        self.calls.append(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Keeps data that goes out at once."""
        self.calls.append(b"".join(list_of_data))

    def close(self) -> None:
        """Keeps that it was closed."""
        self.calls.append(b"closed")

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return b"closed" in self.calls

    def pause_reading(self) -> None:
        """Lets a connection put off what was pipelined."""

    def resume_reading(self) -> None:
        """Lets it go on."""


async def say_hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An application that answers as frameworks do: a head, then a body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def test_a_head_goes_with_its_body() -> None:
    """The head and the first piece of a body are one write, later pieces one each; so it is for the next answer."""
    written = Written()
    answers = HeadAndBody(written)
    for data in (SIZED, b"bo", b"dy"):
        answers.write(data)
    answers.end()
    answers.write(SIZED)
    answers.write(b"more")
    assert written.calls == [SIZED + b"bo", b"dy", SIZED + b"more"]


def test_a_large_body_does_not_keep_its_head_back() -> None:
    """Before 100,000 bytes a client gets the head by itself: the kernel takes a while to copy them."""
    written = Written()
    answers = HeadAndBody(written)
    for data in (SIZED, bytes(100_000)):
        answers.write(data)
    assert written.calls == [SIZED, bytes(100_000)]


def test_a_head_without_a_length_waits_for_nothing() -> None:
    """A stream's head goes out before there is anything to stream, and so does each piece, whatever it says."""
    written = Written()
    answers = HeadAndBody(written)
    for data in (STREAMED, SIZED):
        answers.write(data)
    assert written.calls == [STREAMED, SIZED]


def test_the_word_that_a_body_may_come_waits_for_nothing() -> None:
    """A client that asked whether to go on is told at once."""
    written = Written()
    HeadAndBody(written).write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert written.calls == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_a_body_that_reads_like_a_head_does_not_wait() -> None:
    """What follows the head of an answer is its body, whatever it says."""
    written = Written()
    answers = HeadAndBody(written)
    for data in (SIZED, SIZED, SIZED):
        answers.write(data)
    assert written.calls == [SIZED + SIZED, SIZED]


def test_an_answer_without_a_body_is_sent_when_it_is_over() -> None:
    """The head of an answer to HEAD tells the length of a body that never comes: its end sends it, as closing does."""
    written = Written()
    answers = HeadAndBody(written)
    answers.write(SIZED)
    answers.end()
    assert written.calls == [SIZED]
    answers.write(SIZED)
    answers.close()
    assert written.calls == [SIZED, SIZED, b"closed"]


async def test_each_answer_of_a_connection_is_one_write() -> None:
    """Of three requests that came at once, each is answered by one write, in their order; HEAD has no body."""
    config = ConnectionConfig(most_connections=1, app=say_hello, lifespan="off", ws="none", log_config=None)
    config.load()
    connection, written = Connection(config, ServerState(), {}), Written()
    connection.connection_made(written)
    connection.data_received(b"".join(b"%b / HTTP/1.1\r\nHost: x\r\n\r\n" % method for method in METHODS))
    while connection.tasks:
        await asyncio.sleep(0)
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    assert written.calls == [head + b"hello", head, head + b"hello"]
