"""A service inside the test that asks its models over the network, not a fake one."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from running import Client, serving

from service.models.transport import Transport


@asynccontextmanager
async def serving_for_real(config: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Client]:
    """Open a service over a project whose models, judges and embedding services are real addresses."""
    transport = Transport()
    try:
        async with serving(config, send=transport.send, environment=environment) as client:
            yield client
    finally:
        await transport.aclose()
