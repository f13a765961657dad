"""A connection to a client: uvicorn's, closed when the client is too slow, refused when there are too many or the head
of a request is too large.
"""

import asyncio
import socket
import struct
from typing import Any, NamedTuple, NoReturn

import httptools
import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from service.api.head_and_body import HeadAndBody
from service.api.head_size import HEAD_BYTES, PIECE, HeadSize
from service.api.problems import MEDIA_TYPE, http_problem

BODY_RATE = 10_000  # bytes; for so many a request gets another second
MOST_CONNECTIONS = 10_000
LINGER_SECONDS = 1.0

Stage = tuple[RequestResponseCycle | None, bool]


class Deadlines(NamedTuple):
    """Seconds that a client gets: to send the head of a request, to send a body (and a second more for each 10 kB that
    came), and to take anything at all of an answer that waits for it.
    """

    head: float = 10.0
    body: float = 10.0
    unread: float = 30.0


class ConnectionConfig(uvicorn.Config):
    """uvicorn's settings, and how many connections there may be at once."""

    def __init__(self, *, most_connections: int, **settings: Any) -> None:
        super().__init__(http=Connection, **settings)
        self.most_connections = most_connections


class Connection(HttpToolsProtocol):
    """An HTTP/1.1 connection. `check` is to be called every second: it needs no timers, and a poll costs nothing."""

    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # the last request, as uvicorn has it

    def __init__(
        self,
        config: ConnectionConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._most = config.most_connections
        self._stage: Stage | None = (None, False)
        self._since = self.loop.time()
        self._received = 0
        self._taken: int | None = None
        self._answering: RequestResponseCycle | None = None
        self._taken_at = 0.0
        self._head = HeadSize()
        self._answers: HeadAndBody
        self._ends_at: float | None = None
        self._unserved = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse at once: above the limit the next file that is opened could be the log's."""
        super().connection_made(transport)
        self._answers = HeadAndBody(transport)
        if len(self.connections) > self._most:
            self._refuse(503, "too many connections; try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered: uvicorn tells the last one, behind which others may wait."""
        super().connection_lost(exc)
        if self._answering and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Parse in pieces, so that a head is refused as soon as it is too large."""
        for start in range(0, len(data), PIECE):
            if self._is_ending():
                return
            piece = data[start : start + PIECE]
            super().data_received(piece)
            self._head.feed(len(piece))
            if self._head.is_over and not self._is_ending():
                self._refuse_head()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser gave up: a head that is too large, or what is not HTTP or none that is served."""
        if self._head.is_over:
            self._refuse_head()
        else:
            self._refuse(400, self._unserved or "this is not a request of HTTP/1.1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, without the blanks behind its value: they are no part of it (RFC 9112, section 5.1), and the
        parser leaves them there.
        """
        name, value = name.lower(), value.rstrip(b" \t")
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the host that a target names in place of the header's (RFC 9112, section 3.2.2), and no more headers: to
        its own list uvicorn appends trailers, which a proxy that keeps out `Authorization` or `Host` may pass on.
        """
        self._head.end(self.url, self.headers)
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.lower() != b"chunked":
                self._give_up("the only Transfer-Encoding is chunked")
        if not self.url.startswith(b"/"):
            self._take_host_of_target()
        self.scope["headers"] = list(self.headers)
        super().on_headers_complete()
        if self.cycle:
            self.cycle.transport = self._answers
        if not self.pipeline:
            self._answering = self.cycle

    def on_body(self, body: bytes) -> None:
        """Count what comes of a body."""
        self._received += len(body)
        self._head.pause()
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Go on with the next request; unlike uvicorn set no timer for one that does not come: `check` looks at it."""
        self.server_state.total_requests += 1
        self._answers.end()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._answering, app = self.pipeline.pop()
            self._start_asgi_task(self._answering, app)

    def check(self, now: float, deadlines: Deadlines) -> None:
        """Close where the client has been too slow; `now` is the loop's time."""
        if self._ends_at is not None:
            if now >= self._ends_at:
                self.transport.abort()
            return
        self._check_taking(now, deadlines.unread)
        if not self.transport.is_closing():
            self._check_sending(now, deadlines)

    def _check_taking(self, now: float, seconds: float) -> None:
        if not self.transport.get_write_buffer_size():
            self._taken = None
            return
        taken = _acknowledged(self.transport)
        if taken != self._taken:
            self._taken, self._taken_at = taken, now
        elif now - self._taken_at > seconds:
            self.transport.abort()

    def _check_sending(self, now: float, deadlines: Deadlines) -> None:
        stage = self._awaited()
        if stage is None or stage != self._stage:
            self._stage, self._since, self._received = stage, now, 0
            return
        _, in_body = stage
        seconds = deadlines.body + self._received / BODY_RATE if in_body else deadlines.head
        if now - self._since <= seconds:
            return
        if in_body or self._has_begun_a_head():
            self._refuse(408, f"the request did not come within {seconds:.0f} seconds")
        else:
            self.transport.close()

    def _awaited(self) -> Stage | None:
        """Tell what the client is to send: the rest of the last request's body (True), or a head after it (False)."""
        request = self.cycle
        if request is None or request.response_complete:
            return request, False
        if request.more_body and not self.flow.read_paused and not self.pipeline:
            return request, True
        return None

    def _has_begun_a_head(self) -> bool:
        return self.scope is not (self.cycle.scope if self.cycle else None)

    def _refuse(self, status: int, detail: str) -> None:
        """Close, with an answer where one is due: not while another request is being answered."""
        request = self.cycle
        is_unheard = request and request.more_body and not request.response_started and not self.pipeline
        if request is None or request.response_complete or is_unheard:
            self._write_problem(status, detail)
        self.transport.close()

    def _refuse_head(self) -> None:
        """Answer and close; a client that is still sending gets a moment, else it would not get to read the answer."""
        detail = f"the head of a request may have {HEAD_BYTES:,} bytes at most"
        if self.cycle is None or self.cycle.response_complete:
            self._write_problem(431, detail)
            self.transport.write_eof()
            self._ends_at = self.loop.time() + LINGER_SECONDS
        else:
            self._refuse(431, detail)

    def _give_up(self, detail: str) -> NoReturn:
        self._unserved = detail
        raise ValueError(detail)  # out of the parser, which stops

    def _is_ending(self) -> bool:
        return self._ends_at is not None or self.transport.is_closing()

    def _write_problem(self, status: int, detail: str) -> None:
        content = msgspec.json.encode(http_problem(status, detail))
        lines = [b"content-type: " + MEDIA_TYPE.encode(), b"content-length: %d" % len(content), b"connection: close"]
        self.transport.write(STATUS_LINE[status] + b"\r\n".join([*lines, b"", content]))

    def _take_host_of_target(self) -> None:
        target: Any = httptools.parse_url(self.url)  # its stub gives no None
        if target.userinfo is not None or (target.schema or b"http").lower() not in (b"http", b"https"):
            self._give_up("a target is a path, or an address of http or https without a name and password")
        if target.host:
            port = b":%d" % target.port if target.port else b""
            host = b"[%b]" % target.host if b":" in target.host else target.host
            self.headers[:] = [header for header in self.headers if header[0] != b"host"] + [(b"host", host + port)]


def most_connections(open_files: int, model_calls: int) -> int:
    """Tell how many connections leave enough files for model calls (four each, with a program's pipes) and the log."""
    return min(MOST_CONNECTIONS, max(open_files // 4, open_files - 4 * model_calls - 100))


def _acknowledged(transport: asyncio.Transport) -> int:
    """Count the bytes that the client's machine has taken (`tcpi_bytes_acked` of Linux's `struct tcp_info`)."""
    try:
        info = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
        taken: int = struct.unpack_from("Q", info, 120)[0]
    except (AttributeError, OSError, struct.error):  # not Linux: what is left to send must shrink
        return -transport.get_write_buffer_size()
    return taken
