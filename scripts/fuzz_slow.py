"""Keeps a real server's connections open drop by drop, and asks it something all the while.

Run it with `./scripts/fuzz slow [--count N]`. Each connection sends nothing, a head, or a body, a byte a second. All
must be closed, and who asks in between answered.
"""

import asyncio
import contextlib
import resource
import sys
import time
from typing import NamedTuple

import httpx
from fuzz_target import arguments, target

HEAD = b"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
DRIPS = [
    (b"", b""),
    (b"GET /", b"x"),
    (HEAD + b"X: ", b"x"),
    (HEAD + b"Content-Length: 100\r\n\r\n", b" "),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n"),
]
"""What a connection begins with, and what it sends each second."""


class Dripped(NamedTuple):
    """How long connections lived (seconds), and how long the other requests took, ascending."""

    lives: list[float]
    waits: list[float]


async def drip(port: int, begin: bytes, drop: bytes, longest: float) -> float:
    """Hold a connection as long as the server lets us; gives for how many seconds, at most `longest`."""
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        writer.write(begin)
        while True:
            writer.write(drop)
            await asyncio.sleep(1)

    sending = asyncio.create_task(send())
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(longest):
            await reader.read()
    sending.cancel()
    writer.close()
    return time.monotonic() - begun


async def attack(port: int, count: int, longest: float = 20.0) -> Dripped:
    """Drip over so many connections, and meanwhile ask for `/health` ten times a second."""
    drips = [asyncio.create_task(drip(port, *DRIPS[place % len(DRIPS)], longest)) for place in range(count)]
    waits: list[float] = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
        while not all(one.done() for one in drips):
            begun = time.monotonic()
            (await client.get("/health")).raise_for_status()
            waits.append(time.monotonic() - begun)
            await asyncio.sleep(0.1)
    return Dripped(sorted(one.result() for one in drips), sorted(waits))


def main() -> int:
    """Attack a server of its own; gives the exit code."""
    asked = arguments(__doc__ or "", 900)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with target() as server:
        dripped = asyncio.run(attack(server.port, asked.count))
    open_still = sum(life >= 20 for life in dripped.lives)
    print(f"{asked.count} slow connections: the last closed after {dripped.lives[-1]:.1f} s, {open_still} still open")
    half, most = dripped.waits[len(dripped.waits) // 2], dripped.waits[len(dripped.waits) * 99 // 100]
    print(
        f"meanwhile {len(dripped.waits)} requests: half within {half * 1000:.0f} ms, 99 % within {most * 1000:.0f} ms"
    )
    return 1 if open_still else 0


if __name__ == "__main__":
    sys.exit(main())
