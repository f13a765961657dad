"""Sends mutated requests over raw sockets to a real server: none may be answered by a 500, none left unanswered.

Run it with `./scripts/fuzz socket [--count N] [--seed N]`. A request that is cut short, or announces more than it
brings, has no answer yet: its sender says after a while that no more will come (it half-closes), and then the server
must end the connection, with or without an answer. So every request ends; "unanswered" is one that does not.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from fuzz_target import arguments, target

WAIT_SECONDS = 0.5  # for an answer, before the sender says that no more will come
END_SECONDS = 5.0  # for the end of the connection after that
AT_ONCE = 32

ROUTES = [
    "/run",
    "/results",
    "/results/run-20260315-143022-a3f7",
    "/results?limit=2&status=passed",
    "/suites",
    "/health",
]
BODIES = [b"", b"{}", b'{"suite": "none"}', b'{"suite": "none", "tags": ["a"], "concurrency": 8, "config": "x.yml"}']
HEADERS = [
    "Content-Type: application/json",
    "User-Agent: fuzz/1.0",
    "Accept: */*",
    "Accept-Encoding: gzip",
    "Authorization: Bearer sesame",
    "Origin: http://localhost:8090",
    "Sec-Fetch-Site: same-origin",
    "Idempotency-Key: k-1",
    "Range: bytes=0-1",
    "If-None-Match: *",
    "Expect: 100-continue",
    "Connection: keep-alive",
    "Connection: close",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Content-Length: 5",
    "Content-Length: -1",
    "X-Forwarded-Host: evil.test",
    "Cookie: a=b; c=d",
    "Last-Event-ID: 7",
]
METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PRI", "QUERY", "get", ""]
PIECES = [
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b":",
    b"%00",
    b"%",
    b"?",
    b"#",
    b"//",
    b"\\",
    b"\xff",
    b"\xed\xa0\x80",
]
PIECES += [
    b"[" * 2_000,
    b"{",
    b"}",
    b'"',
    b"\\ud800",
    b"1e999",
    b"NaN",
    b"0\r\n\r\n",
    b"ffffffff\r\n",
    b"x" * 70_000,
    b"\x80" * 20,
]
VERSIONS = ["HTTP/1.1"] * 40 + ["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1 ", "http/1.1", ""]

Mutation = Callable[[random.Random, bytearray], None]


class Outcome(NamedTuple):
    """How many requests ended in which way: a status, `closed`, or `unanswered`; and those that must not be."""

    ends: Counter[str]
    bad: list[tuple[str, bytes]]


def request(rng: random.Random) -> bytes:
    """Make a request, whole or broken in one to five places."""
    made = bytearray(_well_formed(rng))
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 5])):
        rng.choice(MUTATIONS)(rng, made)
    return bytes(made)


def _well_formed(rng: random.Random) -> bytes:
    body = rng.choice(BODIES)
    method = "POST" if body else rng.choice(METHODS[:4])
    route = ROUTES[0] if body else rng.choice(ROUTES)
    if rng.random() < 0.1:
        method, route = rng.choice(METHODS), rng.choice(ROUTES)
    lines = [f"{method} {route} {rng.choice(VERSIONS)}", "Host: localhost"]
    lines += rng.sample(HEADERS, rng.randrange(4))
    if body and rng.random() < 0.9:
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _set_bytes(rng: random.Random, made: bytearray) -> None:
    for _ in range(rng.randrange(1, 5)):
        if made:
            made[rng.randrange(len(made))] = rng.randrange(256)


def _insert(rng: random.Random, made: bytearray) -> None:
    at = rng.randrange(len(made) + 1)
    made[at:at] = rng.choice(PIECES)


def _delete(rng: random.Random, made: bytearray) -> None:
    at = rng.randrange(len(made) + 1)
    del made[at : at + rng.randrange(1, 20)]


def _repeat(rng: random.Random, made: bytearray) -> None:
    at = rng.randrange(len(made) + 1)
    made[at:at] = made[at : at + rng.randrange(1, 40)] * rng.choice([1, 2, 50])


def _cut(rng: random.Random, made: bytearray) -> None:
    del made[rng.randrange(len(made) + 1) :]


def _follow(rng: random.Random, made: bytearray) -> None:
    made += _well_formed(rng) * rng.choice([1, 3])


MUTATIONS: list[Mutation] = [_set_bytes, _set_bytes, _insert, _insert, _delete, _repeat, _cut, _follow]


async def send(port: int, message: bytes) -> str:
    """Send a request; gives the status of its answer, `closed`, or `unanswered`."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return "unanswered"
    try:
        writer.write(message)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await _status(reader)
        except TimeoutError:
            writer.write_eof()
        async with asyncio.timeout(END_SECONDS):
            return await _status(reader)
    except TimeoutError:
        return "unanswered"
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return "closed"
    finally:
        writer.close()


async def _status(reader: asyncio.StreamReader) -> str:
    """Read the status of the first answer that is more than word to go on (100)."""
    while (head := await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 "):
        pass
    return head[9:12].decode(errors="replace")


async def attack(port: int, count: int, seed: int) -> Outcome:
    """Send so many requests, some at once."""
    rng = random.Random(seed)
    left = iter(range(count))
    outcome = Outcome(Counter(), [])

    async def one_after_another() -> None:
        for _ in left:
            message = request(rng)
            end = await send(port, message)
            outcome.ends[end] += 1
            if end.startswith("5") or end == "unanswered":
                outcome.bad.append((end, message))

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return outcome


def main() -> int:
    """Attack a server of its own; gives the exit code."""
    asked = arguments(__doc__ or "", 100_000)
    print(f"{asked.count:,} requests, seed {asked.seed}")
    begun = time.monotonic()
    with target() as server:
        outcome = asyncio.run(attack(server.port, asked.count, asked.seed))
    seconds = time.monotonic() - begun
    ends = ", ".join(f"{end} {number:,}" for end, number in outcome.ends.most_common())
    print(f"{outcome.ends.total():,} sent in {seconds:.0f} s ({outcome.ends.total() / seconds:.0f}/s): {ends}")
    for end, message in outcome.bad[:20]:
        print(f"BAD {end}: {message[:2_000]!r}")
    print(f"answers of 500 and up, or none: {len(outcome.bad)}; the server is alive, and wrote no traceback")
    return 1 if outcome.bad else 0


if __name__ == "__main__":
    sys.exit(main())
