"""The HTTP server: uvicorn, without signals of its own, that lets no client keep a connection by being slow."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from service.api.asgi import App
from service.api.connection import Connection, ConnectionConfig, Deadlines

GRACE_SECONDS = 1
TICKS_A_SECOND = 10  # uvicorn's


class Server(uvicorn.Server):
    """Serves an application until `should_exit` is set; signals are left to us."""

    def __init__(self, app: App, most_connections: int, deadlines: Deadlines | None = None) -> None:
        super().__init__(
            ConnectionConfig(
                most_connections=most_connections,
                app=app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._deadlines = deadlines or Deadlines()
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a line for each bad request would fill a disk

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does, and look at every connection once a second."""
        if counter % TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.check(now, self._deadlines)
        return await super().on_tick(counter)
