"""What is sent to a service, what comes back, and the function between."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from email.message import Message
from typing import NamedTuple

import httpx

REFUSAL_BYTES = 4_000
"""Of a refusal's body; its first 200 characters are shown."""

_OURS = frozenset({b"host", b"content-length", b"transfer-encoding"})


class Origin(NamedTuple):
    """Where a request goes; connections are shared by those that go to the same."""

    scheme: str
    host: str
    port: int
    proxy: str | None

    @property
    def speaks_to_proxy(self) -> bool:
        """Whether requests are the proxy's to pass on, and not carried through it unread."""
        return self.proxy is not None and self.scheme == "http"


class Target:
    """Everything of a request but its body: made once, since a model is asked with the same again and again.

    `head` is what goes over the wire before the number of the body's bytes.
    """

    __slots__ = ("head", "headers", "method", "origin", "url")

    def __init__(self, method: str, url: httpx.URL, headers: httpx.Headers, proxy: str | None = None) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.origin = origin_of(url, proxy)
        self.head = _rendered(self)


class Answer(NamedTuple):
    """A status (200-599), header lines, and of the body what was asked for and one byte at most; a refusal's is short.

    The body is as it came over the network.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the service did what it was asked."""
        return 200 <= self.status < 300

    def header(self, name: bytes) -> str:
        """Give a header's value by its name in lower case; nothing where there is none."""
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return ""

    @property
    def charset(self) -> str | None:
        """The charset of the Content-Type header, in lower case; None where it names none."""
        content_type = self.header(b"content-type")
        if "charset" not in content_type.lower():
            return None
        message = Message()
        message["Content-Type"] = content_type
        return message.get_content_charset()


Send = Callable[[Target, bytes, int], Awaitable[Answer]]
"""(target, body, limit) -> the answer; of its body, `limit` bytes and one at most, of a refusal's REFUSAL_BYTES.

Raises httpx.TransportError with a message that says what kind of failure it was, and nothing of the address.
"""


def origin_of(url: httpx.URL, proxy: str | None = None) -> Origin:
    """Take an address apart; the port is the scheme's own where none is written."""
    scheme = url.scheme
    return Origin(scheme, url.raw_host.decode("ascii"), url.port or (443 if scheme == "https" else 80), proxy)


def proxy_credentials(proxy: httpx.URL) -> list[bytes]:
    """Give the header line that a proxy with a user wants."""
    if not proxy.userinfo:
        return []
    return [b"Proxy-Authorization: Basic " + b64encode(f"{proxy.username}:{proxy.password}".encode())]


def _rendered(target: Target) -> bytes:
    url, raw, origin = target.url, target.headers.raw, target.origin
    host = next((value for name, value in raw if name.lower() == b"host"), url.netloc)
    path = b"%b://%b%b" % (url.raw_scheme, url.netloc, url.raw_path) if origin.speaks_to_proxy else url.raw_path
    lines = [b"%b %b HTTP/1.1" % (target.method.encode(), path), b"Host: " + host]
    lines += [b"%b: %b" % header for header in raw if header[0].lower() not in _OURS]
    if origin.speaks_to_proxy:
        lines += proxy_credentials(httpx.URL(origin.proxy or ""))
    return b"\r\n".join([*lines, b"Content-Length: "])
