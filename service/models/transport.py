"""HTTP to models over connections of our own, which are kept for the next request.

No limit on connections and no timeout: both are the caller's.
"""

import asyncio
from collections import defaultdict, deque
from time import monotonic

import httpx

from service.models.connecting import Connector
from service.models.connection import Connection
from service.models.message import Answer, Origin, Target

KEEPALIVE_SECONDS = 4  # many servers close idle connections after 5; a request sent into that would be lost


class Transport:
    """Sends requests. Follows no redirects, honours SSL_CERT_FILE, knows no proxy but a target's own."""

    def __init__(self) -> None:
        self._connector = Connector()
        self._pool = _Pool()

    async def send(self, target: Target, body: bytes, limit: int) -> Answer:
        """Send a request and take its answer in, as `Send` says."""
        message = b"%b%d\r\n\r\n%b" % (target.head, len(body), body)
        connection = self._pool.take(target.origin)
        answer = await _ask_kept(connection, message, limit) if connection else None
        if connection is None or answer is None:
            connection = await self._connector.open(target.origin)
            answer = await connection.ask(message, limit)
        if connection.is_usable:
            self._pool.put(target.origin, connection)
        return answer

    async def aclose(self) -> None:
        """Close the connections that are not in use."""
        self._pool.close()
        await asyncio.sleep(0)  # their ends are told in the loop's next turn


class _Pool:
    """Connections that wait for their next request, by origin, the freshest last."""

    def __init__(self) -> None:
        self._idle: defaultdict[Origin, deque[Connection]] = defaultdict(deque)
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """Take the freshest connection that is open still."""
        oldest = monotonic() - KEEPALIVE_SECONDS
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.is_usable and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    def put(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection for a while."""
        connection.idle_since = monotonic()
        self._idle[origin].append(connection)
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(KEEPALIVE_SECONDS, self._drop_oldest, loop)

    def close(self) -> None:
        """Close all."""
        if self._sweep:
            self._sweep.cancel()
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    def _drop_oldest(self, loop: asyncio.AbstractEventLoop) -> None:
        oldest = monotonic() - KEEPALIVE_SECONDS
        for origin, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since <= oldest or not idle[0].is_usable):
                idle.popleft().close()
            if not idle:
                del self._idle[origin]
        self._sweep = loop.call_later(KEEPALIVE_SECONDS / 4, self._drop_oldest, loop) if self._idle else None


async def _ask_kept(connection: Connection, message: bytes, limit: int) -> Answer | None:
    """Ask over a connection that was kept; None where its server had closed it meanwhile."""
    try:
        return await connection.ask(message, limit)
    except httpx.TransportError:
        if connection.received:
            raise
        return None
