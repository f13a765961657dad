"""Opens connections to services: names, addresses, proxies, TLS."""

import asyncio
import errno
import socket
import ssl
from functools import cached_property
from typing import Any

import httpx
from aiohappyeyeballs import AddrInfoType, start_connection

from service.models.connection import Connection
from service.models.forbidden import allowed, is_forbidden_host
from service.models.message import Origin, origin_of, proxy_credentials

NAMES_SECONDS = 10  # how long the addresses of a name are taken to be right
FORBIDDEN_ADDRESS = "link-local and metadata addresses are never asked"
NEXT_ADDRESS_SECONDS = 0.25  # RFC 8305: after this, the next address is tried beside the first


class Connector:
    """Opens connections. TLS is checked against the system's certificates, or those of SSL_CERT_FILE."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, int], tuple[float, asyncio.Task[list[AddrInfoType]]]] = {}

    async def open(self, origin: Origin) -> Connection:
        """Open a connection over which an origin can be asked. Raises httpx.TransportError."""
        if origin.proxy is None:
            return await self._connect(origin, tls=origin.scheme == "https")
        if is_forbidden_host(origin.host):
            raise httpx.ConnectError(FORBIDDEN_ADDRESS)
        proxy = httpx.URL(origin.proxy)
        try:
            outer = await self._connect(origin_of(proxy), tls=proxy.scheme == "https")
        except httpx.ConnectError:
            raise httpx.ProxyError("the proxy can't be reached") from None
        if origin.speaks_to_proxy:
            return outer
        return await self._tunnel(outer, origin, proxy)

    async def _connect(self, origin: Origin, *, tls: bool) -> Connection:
        try:
            addresses = await self._addresses(origin.host, origin.port)
            if not addresses:
                raise httpx.ConnectError(FORBIDDEN_ADDRESS)
            return await _reach(addresses, **({"ssl": self._tls, "server_hostname": origin.host} if tls else {}))
        except (socket.gaierror, UnicodeError):
            raise httpx.ConnectError("name not found") from None
        except (OSError, RuntimeError) as error:
            raise httpx.ConnectError(_failure(error, tls=tls)) from None

    async def _tunnel(self, outer: Connection, origin: Origin, proxy: httpx.URL) -> Connection:
        """Have a proxy carry TLS that it can't read (CONNECT, RFC 9110 section 9.3.6)."""
        inner = Connection()
        try:
            host = f"[{origin.host}]" if ":" in origin.host else origin.host
            place = f"{host}:{origin.port}".encode()
            lines = [b"CONNECT %b HTTP/1.1" % place, b"Host: %b" % place, *proxy_credentials(proxy), b"", b""]
            if not 200 <= await outer.ask_tunnel(b"\r\n".join(lines)) < 300:
                raise httpx.ProxyError("the proxy refused")
            transport = await asyncio.get_running_loop().start_tls(
                outer.transport, inner, self._tls, server_hostname=origin.host
            )
        except OSError as error:
            outer.close()
            raise httpx.ConnectError(_tls_failure(error)) from None
        except BaseException:
            outer.close()
            raise
        if transport is None:
            raise httpx.ConnectError("TLS failure")
        inner.connection_made(transport)
        return inner

    async def _addresses(self, host: str, port: int) -> list[AddrInfoType]:
        """Look a name up, once for all who ask at the same time; forbidden addresses are left out."""
        loop = asyncio.get_running_loop()
        until, looking = self._names.get((host, port), (0.0, None))
        if looking is None or loop.time() > until or (looking.done() and looking.exception()):
            looking = loop.create_task(_find(host, port))
            looking.add_done_callback(lambda task: task.cancelled() or task.exception())
            self._names[host, port] = (loop.time() + NAMES_SECONDS, looking)
        return await asyncio.shield(looking)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context


async def _reach(addresses: list[AddrInfoType], **tls: Any) -> Connection:
    """Connect to the address that answers; to a single one without a race, at half the CPU."""
    loop = asyncio.get_running_loop()
    if len(addresses) == 1:
        host, port = addresses[0][4][:2]
        _, connection = await loop.create_connection(Connection, str(host), port, flags=socket.AI_NUMERICHOST, **tls)
    else:
        reached = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS)
        _, connection = await loop.create_connection(Connection, sock=reached, **tls)
    return connection


async def _find(host: str, port: int) -> list[AddrInfoType]:
    return allowed(await _look_up(host, port))


async def _look_up(host: str, port: int) -> list[AddrInfoType]:
    # As bytes: it is ASCII already, and a text would go through a codec that takes milliseconds to import.
    return list(await asyncio.get_running_loop().getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM))


def _failure(error: Exception, *, tls: bool) -> str:
    match error.errno if isinstance(error, OSError) else None:
        case errno.ECONNREFUSED:
            return "connection refused"
        case errno.ENETUNREACH | errno.EHOSTUNREACH:
            return "host not reachable"
        case errno.EMFILE | errno.ENFILE:
            return "too many open files"
        case errno.ETIMEDOUT:
            return "can't connect"
        case _:
            return _tls_failure(error) if tls else "can't connect"


def _tls_failure(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "TLS failure: the certificate is not trusted"
    return "TLS failure"
