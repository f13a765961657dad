"""Asks the benchmark's model server so many times, by so many at once, through matchspec's client or a raw one.

    python -m benchmarks.asking matchspec|raw PORT CONCURRENCY CALLS [CERTIFICATE.pem]

With a certificate it asks over TLS, and trusts that certificate. Prints what it took as JSON, imports left out.
"""

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import uvloop

from benchmarks.projects import QUESTION
from benchmarks.raw_client import RawClient, ask_model
from domain.model_spec import HttpModel
from service.models.http import open_http
from service.models.transport import Transport

Ask = Callable[[str], Awaitable[str]]
TEXT = QUESTION.format(1)


@asynccontextmanager
async def through_matchspec(port: int, certificate: str | None) -> AsyncIterator[Callable[[], Awaitable[Ask]]]:
    """The `http` model over our transport, which all share."""
    if certificate:
        os.environ["SSL_CERT_FILE"] = certificate
    transport = Transport()
    spec = HttpModel(endpoint=f"{'https' if certificate else 'http'}://localhost:{port}/", response_path="output")
    model = open_http(spec, environment={}, send=transport.send)

    async def ask(text: str) -> str:
        return (await model(text)).output

    async def connect() -> Ask:
        return ask

    yield connect
    await transport.aclose()


@asynccontextmanager
async def raw(port: int, certificate: str | None) -> AsyncIterator[Callable[[], Awaitable[Ask]]]:
    """A raw connection for each that asks."""
    tls = ssl.create_default_context(cafile=certificate) if certificate else None
    clients: list[RawClient] = []

    async def connect() -> Ask:
        client = await RawClient.connect(port, tls)
        clients.append(client)
        return lambda text: ask_model(client, text)

    yield connect
    for client in clients:
        client.close()


async def ask_all(way: str, port: int, concurrency: int, calls: int, certificate: str | None) -> tuple[float, float]:
    """Ask; gives wall and CPU seconds of all calls but the first ones, which open the connections."""
    async with {"matchspec": through_matchspec, "raw": raw}[way](port, certificate) as connect:
        asks = [await connect() for _ in range(concurrency)]
        await asyncio.gather(*(ask(TEXT) for ask in asks))
        began, cpu = time.monotonic(), time.process_time()
        left = iter(range(calls))
        await asyncio.gather(*(_go_on(ask, left) for ask in asks))
        return time.monotonic() - began, time.process_time() - cpu


async def _go_on(ask: Ask, left: Iterator[int]) -> None:
    for _ in left:
        answer = await ask(TEXT)
        assert answer == TEXT, answer


def main() -> None:
    """Asks."""
    way, port, concurrency, calls, *certificate = sys.argv[1:]
    wall, cpu = uvloop.run(
        ask_all(way, int(port), int(concurrency), int(calls), certificate[0] if certificate else None)
    )
    print(json.dumps({"rate": int(calls) / wall, "cpu_us": cpu / int(calls) * 1e6}))


if __name__ == "__main__":
    main()
