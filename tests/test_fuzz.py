"""The fuzzers of `scripts/fuzz` in short, and that they find what they look for."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import fuzz_slow
import fuzz_socket
import pytest
from fuzz_target import target
from live_server import BrokenError

LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))
SEED = 20261122


@pytest.mark.slow
@pytest.mark.timeout(1_800 if LONG else 120)
async def test_broken_bytes_are_no_fault_of_the_server() -> None:
    """No mutated request is answered by a 500 or left unanswered, and the server goes on without a traceback."""
    count = 100_000 if LONG else 3_000
    with target() as server:
        outcome = await fuzz_socket.attack(server.port, count, SEED)
    assert outcome.bad == [], f"seed {SEED}"
    assert outcome.ends.total() == count
    assert {"200", "202", "400", "403", "404", "405", "closed"} <= outcome.ends.keys()


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_slow_connections_are_closed_and_others_served() -> None:
    """Real deadlines: every connection that drips is closed within 15 s, while other requests are answered."""
    with target() as server:
        dripped = await fuzz_slow.attack(server.port, 900 if LONG else 120)
    assert dripped.lives[0] >= 5
    assert dripped.lives[-1] <= 15
    assert len(dripped.waits) > 20


@asynccontextmanager
async def answering(said: bytes) -> AsyncIterator[int]:
    """Run a server that says this to everyone, and leaves it at that; gives its port."""
    done = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await done.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        done.set()


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", "500"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Service Unavailable\r\n\r\n", "503"),
        (b"HTTP/1.1 200", "unanswered"),
        (b"", "unanswered"),
    ],
)
async def test_the_fuzzer_sees_what_must_not_be(monkeypatch: pytest.MonkeyPatch, said: bytes, end: str) -> None:
    """A server that answers 500, or nothing, is found out."""
    monkeypatch.setattr(fuzz_socket, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(fuzz_socket, "END_SECONDS", 0.05)
    async with answering(said) as port:
        outcome = await fuzz_socket.attack(port, 40, SEED)
    assert outcome.ends == {end: 40}
    assert len(outcome.bad) == 40


def test_a_seed_makes_the_same_requests() -> None:
    """What was met once can be met again; most of what is made is broken in some way, some is not."""
    made = [[fuzz_socket.request(random.Random(seed)) for seed in range(200)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 150


def test_a_traceback_of_the_server_is_seen() -> None:
    """The attack is over with an error when the server has written one."""
    with pytest.raises(BrokenError, match="traceback"), target() as server:
        server.log.write_text("Traceback (most recent call last):\n")
