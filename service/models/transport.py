"""HTTP to models: httpx's requests and responses over connections of our own, which are kept for the next request.

It costs half of aiohttp in CPU. No limit on connections and no timeout: both are the caller's.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator

import httpx

from service.models.connecting import Connector, Origin, origin_of, proxy_credentials
from service.models.connection import Connection, Head

KEEPALIVE_SECONDS = 4  # many servers close idle connections after 5; a request sent into that would be lost
_OURS = frozenset({b"host", b"content-length", b"transfer-encoding"})


def open_transport() -> httpx.AsyncBaseTransport:
    """Open the transport for models; close it with `aclose()`. Honours SSL_CERT_FILE, no proxy but a request's own."""
    return Transport()


class Transport(httpx.AsyncBaseTransport):
    """Sends requests; the body of an answer is to be closed by who asked. Follows no redirects.

    Raises httpx.TransportError with a message that says what kind of failure it was, and nothing of the address.
    """

    def __init__(self) -> None:
        self._connector = Connector()
        self._pool = _Pool()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and wait for the header of its answer. `extensions["proxy"]` is a proxy's address."""
        origin = origin_of(request.url, request.extensions.get("proxy"))
        stream = request.stream  # an asynchronous loop over one that is whole already would cost 4 us
        content = b"".join(stream) if isinstance(stream, httpx.ByteStream) else await request.aread()
        message = _rendered(request, content, origin)
        connection = self._pool.take(origin)
        head = await _ask_kept(connection, message) if connection else None
        if connection is None or head is None:
            connection = await self._connector.open(origin)
            head = await _ask(connection, message)
        return httpx.Response(head.status, headers=head.headers, stream=_Body(connection, origin, self._pool))

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
        oldest = asyncio.get_running_loop().time() - KEEPALIVE_SECONDS
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.is_usable and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    def put(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection for a while."""
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle[origin].append(connection)
        if self._sweep is None:
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
        oldest = loop.time() - KEEPALIVE_SECONDS
        for origin, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since <= oldest or not idle[0].is_usable):
                idle.popleft().close()
            if not idle:
                del self._idle[origin]
        self._sweep = loop.call_later(KEEPALIVE_SECONDS / 4, self._drop_oldest, loop) if self._idle else None


class _Body(httpx.AsyncByteStream):
    """A body on its way. Closing it before its end closes the connection."""

    def __init__(self, connection: Connection, origin: Origin, pool: _Pool) -> None:
        self._connection: Connection | None = connection
        self._origin = origin
        self._pool = pool

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._connection.read() if self._connection else b""
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection and connection.release():
            self._pool.put(self._origin, connection)


async def _ask(connection: Connection, message: bytes) -> Head:
    try:
        return await connection.ask(message)
    except BaseException:
        connection.close()
        raise


async def _ask_kept(connection: Connection, message: bytes) -> Head | None:
    """Ask over a connection that was kept; None where its server had closed it meanwhile."""
    try:
        return await _ask(connection, message)
    except httpx.TransportError:
        if connection.received:
            raise
        return None


def _rendered(request: httpx.Request, content: bytes, origin: Origin) -> bytes:
    url, raw = request.url, request.headers.raw
    host = next((value for name, value in raw if name.lower() == b"host"), url.netloc)
    target = b"%b://%b%b" % (url.raw_scheme, url.netloc, url.raw_path) if origin.speaks_to_proxy else url.raw_path
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), target), b"Host: " + host]
    lines += [b"%b: %b" % header for header in raw if header[0].lower() not in _OURS]
    if origin.speaks_to_proxy:
        lines += proxy_credentials(httpx.URL(origin.proxy or ""))
    lines.append(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
    return b"\r\n".join(lines)
