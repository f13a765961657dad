"""The transport for models: what goes over the wire, which connections are kept, and what a failure is called."""

import asyncio
import base64
import functools
import inspect
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import uvloop
from over_httpx import target_of

from service.models import transport as transports
from service.models.message import Answer
from service.models.transport import Transport

LIMIT = 8_000_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def under_both_loops(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """Run a test in asyncio's own event loop and in uvloop's."""

    @functools.wraps(test)
    def run_test(*, new_loop: Callable[[], asyncio.AbstractEventLoop], **fixtures: object) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(test(**fixtures))

    signature = inspect.signature(test)
    added = inspect.Parameter("new_loop", inspect.Parameter.KEYWORD_ONLY)
    run_test.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), added]
    )
    loops = [asyncio.new_event_loop, uvloop.new_event_loop]
    both: Callable[..., None] = pytest.mark.parametrize("new_loop", loops, ids=["asyncio", "uvloop"])(run_test)
    return both


class Peer:
    """A server in the test: `answer` gets the head and the writer of each request; what was asked is kept."""

    def __init__(self, answer: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.port = 0
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.open = 0
        self._answer = answer

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the connection ends."""
        self.connections += 1
        self.open += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                await self._one(reader, writer)
        writer.close()
        self.open -= 1

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), 0)
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(length))
        await self._answer(head, writer)
        await writer.drain()


@asynccontextmanager
async def peer(*answers: bytes, tls: ssl.SSLContext | None = None, closing: bool = False) -> AsyncIterator[Peer]:
    """Run a server that gives these answers in turn, the last one again and again."""
    left = list(answers)

    async def answer(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        if closing:
            writer.close()

    async with serving(Peer(answer), tls) as server:
        yield server


@asynccontextmanager
async def serving(server: Peer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Run a server for the time of a block."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await until(lambda: server.open == 0)


@asynccontextmanager
async def transport() -> AsyncIterator[Transport]:
    """Open a transport for the time of a block."""
    opened = Transport()
    try:
        yield opened
    finally:
        await opened.aclose()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for two seconds at most."""
    async with asyncio.timeout(2):
        while not holds():
            await asyncio.sleep(0.005)


async def post(
    over: Transport, url: str, body: bytes = b"{}", proxy: str | None = None, **headers: str
) -> tuple[int, bytes]:
    """Send a request and take the answer in; gives status and body."""
    answer = await over.send(target_of(url, proxy=proxy, **{"X-Name": "value"} | headers), body, LIMIT)
    return answer.status, answer.body


@under_both_loops
async def test_a_request_goes_out_as_it_was_made() -> None:
    """Request line, Host, the headers as written, the length of the body, and the body."""
    async with peer(OK) as server, transport() as over:
        assert await post(over, f"{server.url}v1/a%20b?c=d", b'{"a": 1}') == (200, b"ok")

    assert server.heads == [
        b"POST /v1/a%20b?c=d HTTP/1.1\r\n"
        b"Host: 127.0.0.1:" + str(server.port).encode() + b"\r\n"
        b"X-Name: value\r\nContent-Length: 8\r\n\r\n"
    ]
    assert server.bodies == [b'{"a": 1}']


@under_both_loops
async def test_a_host_of_the_users_own_is_sent_once_and_lengths_are_ours() -> None:
    """A written Host header stands in place of the address; Content-Length and Transfer-Encoding can't be written."""
    async with peer(OK) as server, transport() as over:
        await post(over, server.url, b"abc", Host="inside", **{"Content-Length": "9", "Transfer-Encoding": "chunked"})

    assert server.heads == [b"POST / HTTP/1.1\r\nHost: inside\r\nX-Name: value\r\nContent-Length: 3\r\n\r\n"]


@under_both_loops
async def test_calls_in_turn_share_a_connection_and_calls_at_once_do_not() -> None:
    """Three calls in turn use one connection; four at once use four."""
    async with peer(OK) as server, transport() as over:
        for _ in range(3):
            await post(over, server.url)
        assert server.connections == 1
        await asyncio.gather(*(post(over, server.url) for _ in range(4)))
        assert server.connections == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["connection: close", "http/1.0"],
)
@under_both_loops
async def test_a_connection_that_the_server_will_close_is_not_kept(answer: bytes) -> None:
    """The next call opens another."""
    async with peer(answer) as server, transport() as over:
        assert [await post(over, server.url) for _ in range(2)] == [(200, b"ok")] * 2
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
    ],
    ids=["chunked", "empty", "204", "1xx before it"],
)
@under_both_loops
async def test_a_body_ends_where_the_answer_says(answer: bytes, body: bytes) -> None:
    """Chunks, a length, no body, announcements before the answer: read to the end, and the connection is kept."""
    async with peer(answer) as server, transport() as over:
        assert [(await post(over, server.url))[1] for _ in range(2)] == [body, body]
        assert server.connections == 1


@under_both_loops
async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """An answer that says nothing of its length is whole when the server closes."""
    async with peer(b"HTTP/1.1 200 OK\r\n\r\nall of it", closing=True) as server, transport() as over:
        assert await post(over, server.url) == (200, b"all of it")


@under_both_loops
async def test_an_answer_that_comes_byte_by_byte_is_read() -> None:
    """The parser keeps what it has."""

    async def answer(_head: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in OK:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)

    async with serving(Peer(answer)) as server, transport() as over:
        assert await post(over, server.url) == (200, b"ok")


@under_both_loops
async def test_a_kept_connection_that_its_server_closed_is_replaced() -> None:
    """The server takes the second request and closes without a byte: it is sent again, once, on a new connection."""
    asked = 0

    async def answer(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            writer.close()
        else:
            writer.write(OK)

    async with serving(Peer(answer)) as server, transport() as over:
        assert [await post(over, server.url) for _ in range(2)] == [(200, b"ok")] * 2
        assert (asked, server.connections) == (3, 2)


@pytest.mark.parametrize(
    ("first_byte", "told"),
    [(b"", "connection closed before the answer"), (b"H", "connection closed before the answer")],
)
@under_both_loops
async def test_a_request_is_sent_twice_only_where_no_byte_came_back(first_byte: bytes, told: str) -> None:
    """On a new connection, or after one byte of an answer, the end of a connection is a failure."""
    asked = 0

    async def answer(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(OK if first_byte and asked == 1 else first_byte)
        if not first_byte or asked == 2:
            writer.close()

    async with serving(Peer(answer)) as server, transport() as over:
        if first_byte:
            await post(over, server.url)
        with pytest.raises(httpx.RemoteProtocolError, match=told):
            await post(over, server.url)
        assert asked == (2 if first_byte else 1)


@under_both_loops
async def test_a_connection_that_speaks_unasked_is_not_used_again() -> None:
    """What comes behind an answer belongs to no request: the next call opens another connection."""
    send_more = asyncio.Event()

    async def answer(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        await send_more.wait()
        if len(server.heads) == 1:
            writer.write(OK)

    async with serving(Peer(answer)) as server, transport() as over:
        await post(over, server.url)
        send_more.set()
        await until(lambda: server.open == 0)
        assert await post(over, server.url) == (200, b"ok")
        assert server.connections == 2


@under_both_loops
async def test_idle_connections_are_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks: the server sees the end of the connection, without another call."""
    monkeypatch.setattr(transports, "KEEPALIVE_SECONDS", 0.1)
    async with peer(OK) as server, transport() as over:
        await asyncio.gather(*(post(over, server.url) for _ in range(3)))
        assert server.open == 3
        await until(lambda: server.open == 0)


@under_both_loops
async def test_closing_the_transport_closes_what_is_idle() -> None:
    """After `aclose` the server has no connection left."""
    async with peer(OK) as server:
        async with transport() as over:
            await post(over, server.url)
            assert server.open == 1
        await until(lambda: server.open == 0)


@under_both_loops
async def test_a_body_over_the_limit_is_not_taken_in() -> None:
    """Of 50 MB little more than the limit arrives; the connection is closed, and the next call opens another."""
    piece, pieces, sent = b"x" * 500_000, 100, 0

    async def answer(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
            sent += 1

    async with serving(Peer(answer)) as server, transport() as over:
        taken = await over.send(target_of(server.url), b"{}", 1_000_000)
        assert taken == Answer(200, [(b"Content-Length", b"50000000")], b"x" * 1_000_001)
        await until(lambda: server.open == 0)
        assert sent < 30
        await over.send(target_of(server.url), b"{}", 1_000_000)
        assert server.connections == 2


@under_both_loops
async def test_of_a_refusal_only_its_beginning_is_taken_in() -> None:
    """4 kB and one byte, however much the caller would take."""
    async with peer(b"HTTP/1.1 500 No\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000) as server, transport() as over:
        assert await post(over, server.url) == (500, b"x" * 4_001)


@under_both_loops
async def test_a_cancelled_call_closes_its_connection_and_no_other() -> None:
    """A call that waits for its answer is cancelled; one that was kept serves the next."""
    hang = asyncio.Event()

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/hang" in head:
            await hang.wait()
        writer.write(OK)

    async with serving(Peer(answer)) as server, transport() as over:
        waiting = asyncio.ensure_future(post(over, f"{server.url}hang"))
        await until(lambda: len(server.heads) == 1)
        await post(over, server.url)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        hang.set()
        await until(lambda: server.open == 1)
        await post(over, server.url)
        assert server.connections == 2


@under_both_loops
async def test_a_name_with_several_addresses_is_reached_at_the_one_that_answers() -> None:
    """`localhost` may be ::1 first, where nobody listens."""
    async with peer(OK) as server, transport() as over:
        assert await post(over, f"http://localhost:{server.port}/") == (200, b"ok")
        assert server.heads[0].startswith(b"POST / HTTP/1.1\r\nHost: localhost:")


@under_both_loops
async def test_what_keeps_from_a_single_address_is_told(unused_tcp_port: int) -> None:
    """Nobody listens: that is said over TLS too. Who listens and hangs up is a failure of TLS."""
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as server:
        over, port = Transport(), server.sockets[0].getsockname()[1]
        for scheme in ("http", "https"):
            with pytest.raises(httpx.ConnectError, match=r"^connection refused$"):
                await post(over, f"{scheme}://127.0.0.1:{unused_tcp_port}/")
        with pytest.raises(httpx.ConnectError, match=r"^TLS failure$"):
            await post(over, f"https://127.0.0.1:{port}/")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost` that vouches for itself, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: TLS to models is not tested")
    made = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*command.split(), "-keyout", "key", "-out", "cert"], cwd=made, check=True, capture_output=True)
    both = made / "both.pem"
    both.write_text((made / "cert").read_text() + (made / "key").read_text())
    return both


def tls_of(certificate: Path) -> ssl.SSLContext:
    """Give a server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@under_both_loops
async def test_https_is_spoken_to_a_server_that_is_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE names the authorities; connections are kept; 1 MB goes and comes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"y" * 1_000_000
    async with peer(OK, large, tls=tls_of(certificate)) as server, transport() as over:
        url = f"https://localhost:{server.port}/"
        assert await post(over, url) == (200, b"ok")
        assert await post(over, url, b"x" * 1_000_000) == (200, b"y" * 1_000_000)
        assert server.connections == 1
        assert server.bodies[1] == b"x" * 1_000_000


@pytest.mark.filterwarnings("ignore")
@under_both_loops
async def test_a_certificate_that_is_not_trusted_is_told(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown authority, or another name than asked for: no request is sent."""
    async with peer(OK, tls=tls_of(certificate)) as server, transport() as over:
        with pytest.raises(httpx.ConnectError, match=r"^TLS failure: the certificate is not trusted$"):
            await post(over, f"https://localhost:{server.port}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with peer(OK, tls=tls_of(certificate)) as server, transport() as over:
        with pytest.raises(httpx.ConnectError, match=r"^TLS failure: the certificate is not trusted$"):
            await post(over, f"https://127.0.0.1:{server.port}/")
        assert server.heads == []


class Proxy(Peer):
    """An HTTP proxy: answers what it is asked in plain, and carries what it is to connect to a port of this machine."""

    def __init__(self, refuses: bool = False) -> None:
        super().__init__(self._proxied)
        self._refuses = refuses

    async def _proxied(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK if not self._refuses else b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses or not self.connects:
            await super()._one(reader, writer)
            return
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        port = int(head.split()[1].rpartition(b":")[2])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    connects = False


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes until they end."""
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@under_both_loops
async def test_a_proxy_is_asked_for_the_whole_address() -> None:
    """http through a proxy: absolute form, the far host in Host; a user of the proxy goes in its own header."""
    async with serving(Proxy()) as proxy, transport() as over:
        assert await post(over, "http://far.test/x", proxy=proxy.url) == (200, b"ok")
        await post(over, "http://far.test/x", proxy=f"http://me:secret@127.0.0.1:{proxy.port}")

    assert proxy.heads[0].startswith(b"POST http://far.test/x HTTP/1.1\r\nHost: far.test\r\n")
    assert b"Proxy-Authorization" not in proxy.heads[0]
    assert b"\r\nProxy-Authorization: Basic " + base64.b64encode(b"me:secret") + b"\r\n" in proxy.heads[1]


@under_both_loops
async def test_https_goes_through_a_proxy_unread(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is asked to connect, then carries TLS; the connection is kept for the next call."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    proxy = Proxy()
    proxy.connects = True
    async with peer(OK, tls=tls_of(certificate)) as server, serving(proxy), transport() as over:
        url = f"https://localhost:{server.port}/secret"
        assert [await post(over, url, proxy=proxy.url) for _ in range(2)] == [(200, b"ok")] * 2

    place = b"localhost:%d" % server.port
    assert proxy.heads == [b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (place, place)]
    assert server.heads[0].startswith(b"POST /secret HTTP/1.1\r\n")


@under_both_loops
async def test_what_a_proxy_does_wrong_is_told(unused_tcp_port: int) -> None:
    """Nobody listens there, or it refuses to connect."""
    async with serving(Proxy(refuses=True)) as proxy, transport() as over:
        with pytest.raises(httpx.ProxyError, match=r"^the proxy can't be reached$"):
            await post(over, "http://far.test/", proxy=f"http://127.0.0.1:{unused_tcp_port}")
        with pytest.raises(httpx.ProxyError, match=r"^the proxy refused$"):
            await post(over, "https://far.test/", proxy=proxy.url)
