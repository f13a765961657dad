"""What stands before the framework: the key, the Host and origin check, the body limit. Pure ASGI."""

import hashlib
import hmac
import re
from collections.abc import Iterable

import msgspec

from service.api.asgi import App, Message, Receive, Scope, Send
from service.api.problems import MEDIA_TYPE, Problem, http_problem

BODY_BYTES = 1_000_000
DRAINED_BYTES = 100_000_000
OPEN_PATHS = frozenset({"/health", "/ready"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_OWN_SITE = frozenset({b"none", b"same-origin"})
_REPORT = re.compile(r"/results/[^/]+/report")

_LOOKED_AT = frozenset(
    {b"authorization", b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"}
    | {b"expect", b"content-encoding", b"content-length", b"transfer-encoding"}
)

Headers = dict[bytes, list[bytes]]


class Guard:
    """Lets through what may reach the application.

    With a key, every path but the open ones needs `Authorization: Bearer`. Without one, `local_names` are the only
    hosts a request may name and no other site may send it, but links that are followed to the page, whose files are
    among `open_paths`, and to reports; None where the server listens beyond loopback.
    """

    def __init__(
        self, app: App, key: str | None, local_names: Iterable[str] | None, open_paths: frozenset[str] = OPEN_PATHS
    ) -> None:
        self._app = app
        self._key = _fingerprint(key.encode()) if key else None
        self._open_paths = open_paths
        self._local_names = frozenset(local_names) if local_names is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand on with the whole body read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _collect(scope)
        problem = self._refusal(scope, headers)
        if problem:
            await _send_problem(send, problem, _CHALLENGE if problem.status == 401 else [])
            return
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            body = None if _declared(headers) > BODY_BYTES else await _read_body(receive)
        except _ClientGone:
            return
        if body is None:
            await _refuse_body(receive, send)
        else:
            await self._app(scope, _replay(body, receive), send)

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        if self._key:
            if scope["path"] not in self._open_paths and not self._has_key(headers):
                return http_problem(401, "send the key: Authorization: Bearer <MATCHSPEC_API_KEY>")
        elif self._local_names is not None:
            problem = self._foreign(scope, headers, self._local_names)
            if problem:
                return problem
        return _unmet(headers)

    def _has_key(self, headers: Headers) -> bool:
        sent = headers.get(b"authorization", [])
        if len(sent) != 1 or self._key is None:
            return False
        scheme, _, token = sent[0].partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(_fingerprint(token.strip(b" ")), self._key)

    def _foreign(self, scope: Scope, headers: Headers, names: frozenset[str]) -> Problem | None:
        hosts = headers.get(b"host", [])
        host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
        if _without_port(host) not in names:
            return http_problem(403, "without a key, requests must name this machine: localhost, or an --allowed-host")
        origins, sites = headers.get(b"origin", []), headers.get(b"sec-fetch-site", [])
        own = {f"http://{host}".encode(), f"https://{host}".encode()}
        foreign = any(origin.lower() not in own for origin in origins) or any(site not in _OWN_SITE for site in sites)
        if foreign and not self._is_followed_link(scope, headers):
            return http_problem(403, "without a key, requests from other web sites are refused")
        return None

    def _is_followed_link(self, scope: Scope, headers: Headers) -> bool:
        """Tell whether a browser opens a document for its user, by GET and as a page of its own, that may be linked to.

        Whoever sent it here can't read the answer, and has no part in what the page does (`docs/security.md`).
        """
        return (
            scope["method"] in ("GET", "HEAD")
            and (scope["path"] in self._open_paths or _REPORT.fullmatch(scope["path"]) is not None)
            and headers.get(b"sec-fetch-site") in ([b"cross-site"], [b"same-site"])
            and headers.get(b"sec-fetch-mode") == [b"navigate"]
            and headers.get(b"sec-fetch-dest") == [b"document"]
            and not headers.keys() & {b"origin", b"transfer-encoding"}
            and headers.get(b"content-length", [b"0"]) == [b"0"]
        )


class _ClientGone(Exception):
    """The client went away before its body was whole."""


_CHALLENGE = [(b"www-authenticate", b'Bearer realm="matchspec"')]


def _fingerprint(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _unmet(headers: Headers) -> Problem | None:
    """What a request wants of the server, or does to its body, that there is not."""
    for value in headers.get(b"expect", ()):
        if value.lower() != b"100-continue":
            return http_problem(417, "the only expectation is 100-continue")
    for value in headers.get(b"content-encoding", ()):
        if value.lower() not in (b"", b"identity"):
            return http_problem(415, "a request body may not be compressed: leave out Content-Encoding")
    return None


def _collect(scope: Scope) -> Headers:
    """Take what is looked at here; ASGI has names in lower case."""
    headers: Headers = {}
    for name, value in scope["headers"]:
        if name in headers:
            headers[name].append(value)
        elif name in _LOOKED_AT:
            headers[name] = [value]
    return headers


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and port.isascii() else host


def _declared(headers: Headers) -> int:
    lengths = headers.get(b"content-length", [b"0"])
    return int(lengths[0]) if lengths[0].isdigit() else 0


async def _read_body(receive: Receive) -> bytes | None:
    """Read a body; None as soon as it is over the limit. A part of a body is none: _ClientGone."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _ClientGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse_body(receive: Receive, send: Send) -> None:
    """Answer at once, then let a client that goes on sending finish, within bounds, so that it reads the answer."""
    problem = http_problem(413, f"a request body may have {BODY_BYTES:,} bytes at most")
    await _send_problem(send, problem, [(b"connection", b"close")], more=True)
    drained = 0
    while drained < DRAINED_BYTES:
        message = await receive()
        drained += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_problem(send: Send, problem: Problem, extra: list[tuple[bytes, bytes]], *, more: bool = False) -> None:
    content = msgspec.json.encode(problem)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(content)).encode()), *extra]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": more})
