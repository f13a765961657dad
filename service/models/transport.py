"""HTTP to models: httpx's requests and responses over one aiohttp session.

aiohttp costs a fraction of httpx's own transport in CPU. No limit on connections and no timeout: both are the caller's.
"""

import errno
import ssl
from collections.abc import AsyncIterator

import aiohttp
import httpx
import yarl
from aiohttp.http import HttpProcessingError

KEEPALIVE_SECONDS = 4  # many servers close idle connections after 5; a request sent into that would be lost
WARNED_BYTES = 2**20  # above this aiohttp warns about a body given as bytes
SLICE_BYTES = 2**16

_NOT_HTTP = "the answer is not valid HTTP, or a line of its header is over 8 kB"


def open_transport() -> httpx.AsyncBaseTransport:
    """Open the transport for models, in a running loop; close it with `aclose()`. Honours SSL_CERT_FILE, no proxy."""
    return Transport(
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=ssl.create_default_context()
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            trust_env=False,
        )
    )


class Transport(httpx.AsyncBaseTransport):
    """Sends requests over an aiohttp session, which it owns.

    Raises httpx.TransportError with a message that says what kind of failure it was, and nothing of the address.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and wait for the header of its answer."""
        content = await request.aread()
        headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
        if len(content) > WARNED_BYTES:
            headers.append(("Content-Length", str(len(content))))
        try:
            response = await self._session.request(
                request.method,
                yarl.URL(str(request.url), encoded=True),
                headers=headers,
                data=content if len(content) <= WARNED_BYTES else _slices(content),
                allow_redirects=False,
                proxy=request.extensions.get("proxy"),
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _translated(error) from error
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


class _Body(httpx.AsyncByteStream):
    """A body on its way. Closing it before its end closes the connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise _translated(error) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        self._response.close()


async def _slices(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), SLICE_BYTES):
        yield content[start : start + SLICE_BYTES]


# The first row that fits tells the kind of a failure: subclasses stand before what they derive from.
_KINDS: tuple[tuple[type[Exception], type[httpx.TransportError], str], ...] = (
    (aiohttp.ClientConnectorDNSError, httpx.ConnectError, "name not found"),
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError, "the proxy can't be reached"),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError, "the proxy refused"),
    (aiohttp.ClientConnectorCertificateError, httpx.ConnectError, "TLS failure: the certificate is not trusted"),
    (aiohttp.ClientSSLError, httpx.ConnectError, "TLS failure"),
    (ssl.SSLError, httpx.ReadError, "TLS failure"),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError, "connection closed before the answer"),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError, "answer cut off"),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError, _NOT_HTTP),
    (HttpProcessingError, httpx.RemoteProtocolError, _NOT_HTTP),
    (aiohttp.ClientConnectionError, httpx.ReadError, "connection reset"),
    (ConnectionError, httpx.ReadError, "connection reset"),
    (TimeoutError, httpx.ReadTimeout, "timed out"),
    (ValueError, httpx.LocalProtocolError, "the request can't be sent"),
)


def _translated(error: Exception) -> httpx.TransportError:
    if type(error) is aiohttp.ClientConnectorError:
        return httpx.ConnectError(_connect_failure(error.os_error))
    for kind, translation, message in _KINDS:
        if isinstance(error, kind):
            return translation(message)
    return httpx.NetworkError("network failure")


def _connect_failure(error: OSError) -> str:
    match error.errno:
        case errno.ECONNREFUSED:
            return "connection refused"
        case errno.ENETUNREACH | errno.EHOSTUNREACH:
            return "host not reachable"
        case errno.EMFILE | errno.ENFILE:
            return "too many open files"
        case _:
            return "can't connect"
