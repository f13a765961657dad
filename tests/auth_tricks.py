"""Ways to ask for a route without its key, as bytes on a connection; the header's own are in `wrong_keys`."""

import base64
from collections.abc import Callable
from typing import NamedTuple

from wrong_keys import KEY, RIGHT, WRONG, Sent

HOST = "127.0.0.1"
BODY = "{}"


class Request(NamedTuple):
    """A plain request for a route: what a trick starts from."""

    method: str
    path: str

    def sent(self, *lines: str, method: str = "", target: str = "", version: str = "HTTP/1.1", body: str = "") -> bytes:
        """The bytes, with further header lines; `target` and `method` in place of the route's."""
        body = body or (BODY if self.method == "POST" else "")
        own = [f"{method or self.method} {target or self.path} {version}", "Connection: close", *lines]
        if not any(line.lower().startswith("host:") for line in lines):
            own.append(f"Host: {HOST}")
        if body and not any(line.lower().startswith(("content-length:", "transfer-encoding:")) for line in lines):
            own += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return ("\r\n".join(own) + "\r\n\r\n" + body).encode("latin-1")


Trick = Callable[[Request], bytes]


def _headers(sent: Sent) -> Trick:
    return lambda request: request.sent(*(f"{name}: {value}" for name, value in sent))


def _lines(*lines: str, **changed: str) -> Trick:
    return lambda request: request.sent(*lines, **changed)


def _target(shape: str) -> Trick:
    """`{path}` is the route's path, `{name}` that without its slash, `{first}` its first letter in percent encoding."""

    def make(request: Request) -> bytes:
        name = request.path[1:]
        target = shape.format(path=request.path, name=name, first=f"%{ord(name[0]):02X}", rest=name[1:], key=KEY)
        return request.sent(target=target)

    return make


def _inner(request: Request) -> bytes:
    """A request without a key, to stand within another one."""
    return request.sent()


def _lying_lengths(request: Request) -> bytes:
    inner = _inner(request).decode("latin-1")
    lines = ("Content-Length: 4", "Transfer-Encoding: chunked")
    return request.sent(*lines, method="POST", target="/health", body=f"0\r\n\r\n{inner}")


def _hidden_in_a_body(request: Request) -> bytes:
    return request.sent(method="GET", target="/health", body=_inner(request).decode("latin-1"))


def _key_in_a_trailer(request: Request) -> bytes:
    trailer = f"2\r\n{{}}\r\n0\r\nAuthorization: {RIGHT}\r\n\r\n"
    return request.sent("Transfer-Encoding: chunked", "Trailer: Authorization", method="POST", body=trailer)


def _key_in_a_form(request: Request) -> bytes:
    body = f"access_token={KEY}"
    kind = "Content-Type: application/x-www-form-urlencoded"
    return request.sent(kind, f"Content-Length: {len(body)}", method="POST", body=body)


def _is_right_on_the_wire(sent: Sent) -> bool:
    """White space around a header's value is not part of it."""
    return len(sent) == 1 and sent[0][0] == "Authorization" and sent[0][1].strip() == RIGHT


_BASIC = base64.b64encode(f"user:{KEY}".encode()).decode()

TRICKS: dict[str, Trick] = {
    **{f"header: {name}": _headers(sent) for name, sent in WRONG.items() if not _is_right_on_the_wire(sent)},
    # What the path is
    "absolute form": _target("http://127.0.0.1{path}"),
    "absolute form of another host": _target("http://localhost:1{path}"),
    "absolute form with the key": _target(f"http://Bearer:{KEY}@127.0.0.1{{path}}"),
    "absolute form of https": _target("https://127.0.0.1{path}"),
    "two slashes": _target("/{path}"),
    "three slashes": _target("//{path}"),
    "no slash": _target("{name}"),
    "a dot before": _target("/.{path}"),
    "dots before": _target("/..{path}"),
    "from the open path": _target("/health/..{path}"),
    "from the open path, encoded dots": _target("/health/%2e%2e{path}"),
    "from the open path, an encoded slash": _target("/health%2f..%2f{name}"),
    "from the open path, encoded twice": _target("/health%252f..%252f{name}"),
    "from the open path, backslashes": _target("/health\\..\\{name}"),
    "from the open path, a semicolon": _target("/health;/..{path}"),
    "below the open path": _target("/health{path}"),
    "to the open path": _target("{path}/../health"),
    "to the open path, encoded": _target("{path}/%2e%2e/health"),
    "the open path behind NUL": _target("{path}%00/health"),
    "the open path before NUL": _target("/health%00{path}"),
    "the open path as a query": _target("{path}?/health"),
    "the open path as a fragment": _target("{path}#/health"),
    "a parameter of the path": _target("{path};x"),
    "the open path as a parameter": _target("{path};/health"),
    "a slash behind": _target("{path}/"),
    "a dot behind": _target("{path}/."),
    "a file behind": _target("{path}/health.css"),
    "an encoded letter": _target("/{first}{rest}"),
    "an encoded space behind": _target("{path}%20"),
    "an encoded newline behind": _target("{path}%0a"),
    "an encoded header behind": _target(f"{{path}}%0d%0aAuthorization:%20Bearer%20{KEY}"),
    "an encoded slash before": _target("%2f{name}"),
    "a backslash": _target("\\{name}"),
    "an overlong slash": _target("/%c0%af{name}"),
    "a wide slash": _target("/%ef%bc%8f{name}"),
    "key in the query": _target("{path}?key={key}"),
    "key as access_token": _target("{path}?access_token={key}"),
    "key as api_key": _target("{path}?api_key={key}"),
    "header in the query": _target("{path}?Authorization=Bearer%20{key}"),
    "key in the path": _target("{path}/{key}"),
    "star": _target("*"),
    # What a Host may be
    "Host with the open path": _lines("Host: 127.0.0.1/health"),
    "Host with the open path and a query": _lines("Host: 127.0.0.1/health?"),
    "Host with the open path and a fragment": _lines("Host: 127.0.0.1/health#"),
    "Host with a bad port": _lines("Host: 127.0.0.1:notaport"),
    "Host of another machine": _lines("Host: internal.example"),
    "Host with the key": _lines(f"Host: Bearer:{KEY}@127.0.0.1"),
    "empty Host": _lines("Host:"),
    "two Hosts": _lines("Host: 127.0.0.1", "Host: localhost"),
    "no Host in HTTP/1.0": lambda request: f"{request.method} {request.path} HTTP/1.0\r\n\r\n".encode(),
    # What a proxy or a framework might believe
    "original URL": _lines("X-Original-URL: /health"),
    "rewritten URL": _lines("X-Rewrite-URL: /health"),
    "original URI": _lines("X-Original-URI: /health", "X-Original-Method: GET"),
    "forwarded prefix": _lines("X-Forwarded-Prefix: /health"),
    "forwarded for this machine": _lines("X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "True-Client-IP: ::1"),
    "forwarded, by its standard": _lines('Forwarded: for=127.0.0.1;host=localhost;proto=https;by="[::1]"'),
    "a user, says a proxy": _lines("X-Forwarded-User: admin", "X-Remote-User: admin", "Remote-User: admin"),
    "a certificate, says a proxy": _lines("X-SSL-Client-Verify: SUCCESS", "X-Client-Cert: admin"),
    "the method, says a header": _lines("X-HTTP-Method-Override: GET", "X-HTTP-Method: OPTIONS", "X-Method: HEAD"),
    "the method, says the query": _target("{path}?_method=OPTIONS"),
    "a preflight": _lines("Origin: http://127.0.0.1", "Access-Control-Request-Method: GET", method="OPTIONS"),
    "from the own site": _lines(
        "Origin: http://127.0.0.1", "Sec-Fetch-Site: same-origin", "Referer: http://127.0.0.1/"
    ),
    "Basic with a user": _lines(f"Authorization: Basic {_BASIC}"),
    "Basic and Bearer in one header": _lines(f"Authorization: Basic {_BASIC}, {RIGHT}"),
    "a challenge's answer": _lines(f'Authorization: Digest username="x", response="{KEY}"'),
    # What HTTP allows, or once did
    "HTTP/1.0": _lines(version="HTTP/1.0"),
    "HTTP/1.0 kept alive": _lines("Connection: keep-alive, close", version="HTTP/1.0"),
    "HTTP/0.9": lambda request: f"GET {request.path}\r\n\r\n".encode(),
    "HTTP/9.9": _lines(version="HTTP/9.9"),
    "a small http": _lines(version="http/1.1"),
    "HTTP/2 by its preface": lambda _request: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "HTTP/2 by an upgrade": _lines("Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    "a websocket": _lines(
        "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"
    ),
    "a websocket with the key": _lines(
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: Bearer, {KEY}",
    ),
    "HEAD": _lines(method="HEAD"),
    "OPTIONS": _lines(method="OPTIONS"),
    "TRACE": _lines(method="TRACE"),
    "CONNECT": _lines(method="CONNECT"),
    "a method of no standard": _lines(method="PURGE"),
    "a small method": lambda request: request.sent(method=request.method.lower()),
    "a body that is to be waved through": _lines("Expect: 100-continue"),
    "an empty line before": lambda request: b"\r\n\r\n" + request.sent(),
    "bare newlines": lambda request: request.sent().replace(b"\r\n", b"\n"),
    "bare carriage returns": lambda request: request.sent().replace(b"\r\n", b"\r"),
    "two spaces": lambda request: request.sent().replace(b" ", b"  ", 2),
    "tabs": lambda request: request.sent().replace(b" ", b"\t", 2),
    "folded behind another header": _lines(f"X-Note: a\r\n Authorization: {RIGHT}"),
    "folded behind an empty one": _lines(f"Authorization:\r\n\tX {RIGHT}"),
    "the header behind a bare carriage return": _lines(f"X-Note: a\rAuthorization: {RIGHT}"),
    "the header behind NUL": _lines(f"X-Note: a\0Authorization: {RIGHT}"),
    "the header without a name": _lines(f": {RIGHT}"),
    "the header without a colon": _lines(f"Authorization {RIGHT}"),
    "the header in quotes": _lines(f'"Authorization": {RIGHT}'),
    "a pseudo-header": _lines(f":authorization: {RIGHT}"),
    "an accent in the name": _lines(f"Authorizatiön: {RIGHT}"),
    "a trailer": _key_in_a_trailer,
    "a form": _key_in_a_form,
    "a body": _lines(method="POST", body=f'{{"Authorization": "{RIGHT}", "key": "{KEY}"}}'),
    "two lengths that differ": _lines("Content-Length: 0", "Content-Length: 5"),
    "two framings": _lying_lengths,
    "hidden in the body of an open request": _hidden_in_a_body,
}
