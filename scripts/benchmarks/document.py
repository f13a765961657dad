"""The result of a finished run with many examples: first byte and whole, beside joining stored bytes.

The floor over HTTP is a bare application that joins the same entries at each request; that of the CPU joins them in
memory and sends nothing.
"""

import time
from collections.abc import Iterator
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop

from benchmarks.bare_asgi import joiner
from benchmarks.figures import Figure, Goal
from benchmarks.processes import Served, bare_asgi, get, matchspec, model_server
from benchmarks.projects import write_project
from benchmarks.raw_client import RawClient
from benchmarks.rounds import alternate, each
from benchmarks.runs import run_on
from benchmarks.setting import Setting
from benchmarks.sizes import Case
from benchmarks.used import cpu_seconds

TIMES = 10


class Got(NamedTuple):
    """Milliseconds to the first byte and to the last, and of the server's CPU, each a mean of some requests."""

    first: float
    whole: float
    cpu: float


class Stored(msgspec.Struct):
    """A result whose entries stay bytes."""

    examples: list[msgspec.Raw]


def measure(setting: Setting) -> Iterator[Figure]:
    """First byte, whole, CPU."""
    rows = setting.sizes.document
    with model_server(setting.folder, 0) as model:
        write_project(setting.folder, model.port, rows, 256)
        with matchspec(setting.folder) as server:
            setting.asked.note_calls(rows / run_on(server, Case(rows, 256, 0)).wall)
            yield from _figures(setting, server, f"document, {rows:,} examples")


def _figures(setting: Setting, server: Served, what: str) -> Iterator[Figure]:
    path = f"/results/{server.ask('/results?limit=1')['runs'][0]['run_id']}"
    lines = setting.folder / "lines"
    _, content = uvloop.run(_get(server, path))
    lines.write_bytes(b"\n".join(msgspec.json.decode(content, type=Stored).examples))
    with bare_asgi(setting.folder, str(lines), "--lines") as bare:
        ours, bare_got = alternate(setting.rounds, *(partial(fetch, one, path) for one in (server, bare)))
    joined = tuple(join_in_memory(lines) for _ in range(setting.rounds))
    first, whole, cpu = (attrgetter(name) for name in Got._fields)
    yield Figure(f"{what}: first byte", "ms", each(ours, first), each(bare_got, first), Goal(1))
    yield Figure(f"{what}: whole", "ms", each(ours, whole), each(bare_got, whole))
    yield Figure(
        f"{what}: CPU, beside the bare application", "ms", each(ours, cpu), each(bare_got, cpu), Goal(1.5, of="ratio")
    )
    yield Figure(f"{what}: CPU, beside joining in memory", "ms", each(ours, cpu), joined)


def fetch(server: Served, path: str) -> Got:
    """Fetch the document some times over one connection."""
    return uvloop.run(_fetch(server, path))


async def _fetch(server: Served, path: str) -> Got:
    client = await RawClient.connect(server.port)
    await client.fetch(get(path))
    first = whole = 0.0
    cpu = cpu_seconds(server.pid)
    for _ in range(TIMES):
        began = time.monotonic()
        wait, _ = await client.fetch(get(path))
        first += client.first_byte_at - began
        whole += wait
    used = cpu_seconds(server.pid) - cpu
    client.close()
    return Got(first / TIMES * 1000, whole / TIMES * 1000, used / TIMES * 1000)


async def _get(server: Served, path: str) -> tuple[float, bytes]:
    client = await RawClient.connect(server.port)
    try:
        return await client.fetch(get(path))
    finally:
        client.close()


def join_in_memory(lines: Path) -> float:
    """Milliseconds of CPU to join the entries once."""
    join = joiner(lines.read_bytes())
    join()
    began = time.process_time()
    for _ in range(TIMES):
        join()
    return (time.process_time() - began) / TIMES * 1000
