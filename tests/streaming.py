"""Readers of `GET /results/{run_id}/events`: of any number of streams at once, at any pace."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

_EVENT = re.compile(rb"id: (\d+)\nevent: ([a-z_]+)\ndata: (.*)\n\n")
Line = dict[str, Any]


class Streamed(NamedTuple):
    """An event as a stream has it."""

    id: int
    event: str
    data: Line


def parse(content: bytes) -> list[Streamed]:
    """Read a stream that is whole up to some event; what is cut off at its end is left out."""
    return [
        Streamed(int(number), event.decode(), msgspec.json.decode(data))
        for number, event, data in _EVENT.findall(content)
    ]


def versions(content: bytes | bytearray) -> list[int]:
    """The ids of a stream."""
    return [int(number) for number, _, _ in _EVENT.findall(content)]


class Reading:
    """One stream, read as it comes; `content` is what has come, `status` what was answered."""

    def __init__(self, port: int, run_id: str, after: int | None = None, query: str = "") -> None:
        self.status = 0
        self.content = bytearray()
        self._port = port
        self._path = f"/results/{run_id}/events{query}"
        self._headers = "" if after is None else f"Last-Event-ID: {after}\r\n"

    async def read(self, pause: Callable[[], float] = lambda: 0.0) -> None:
        """Read to the end, or to where the server goes away; `pause` tells how long to do nothing after each part."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 16)
        except OSError:
            return
        try:
            writer.write(f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._headers}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            self.status = int(head.split()[1])
            if b"chunked" in head:
                await self._read_chunks(reader, pause)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def _read_chunks(self, reader: asyncio.StreamReader, pause: Callable[[], float]) -> None:
        while size := int(await reader.readline(), 16):
            self.content += await reader.readexactly(size)
            await reader.readexactly(2)
            if seconds := pause():
                await asyncio.sleep(seconds)
