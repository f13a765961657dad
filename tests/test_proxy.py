"""`proxy`: model calls that go through an HTTP proxy."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from live import Document
from project import Fields, write_project
from real_services import serving_for_real

from domain.errors import ModelError
from domain.model_spec import HttpModel, OpenAIModel
from service.models.ask import Reply
from service.models.model import open_model
from service.models.transport import Transport


class Proxy:
    """A tiny proxy: answers in place of the servers it is asked for, refuses tunnels. `heads` are the requests."""

    def __init__(self) -> None:
        self.heads: list[list[str]] = []
        self.port = 0
        self._serving = set[asyncio.Task[None] | None]()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        self._serving.add(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.heads.append(head)
        status, body = ("403 Forbidden", "") if head[0].startswith("CONNECT") else ("200 OK", "by proxy")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        self._serving.discard(asyncio.current_task())

    async def idle(self) -> None:
        """Wait until no request is left."""
        async with asyncio.timeout(5):
            while self._serving:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def a_proxy() -> AsyncIterator[Proxy]:
    """Run a proxy on a free port."""
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
        await proxy.idle()


async def ask_through(proxy: str, endpoint: str = "http://model.test/v1?a=b", **environment: str) -> Reply:
    """Ask once over the real transport."""
    transport = Transport()
    try:
        spec = HttpModel(endpoint=endpoint, proxy=proxy)
        return await open_model(spec, folder=Path(), environment=environment, send=transport.send)("hi")
    finally:
        await transport.aclose()


async def failure_of(proxy: str, endpoint: str = "http://model.test/v1", **environment: str) -> ModelError:
    """Ask once, and give the error that comes of it."""
    with pytest.raises(ModelError) as caught:
        await ask_through(proxy, endpoint, **environment)
    return caught.value


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_the_proxy_is_asked_for_the_whole_address() -> None:
    """The request line holds the address, Host the model's; nothing looks the model's name up."""
    async with a_proxy() as proxy:
        assert await ask_through(proxy.url) == Reply("by proxy")

    (head,) = proxy.heads
    assert head[0] == "POST http://model.test/v1?a=b HTTP/1.1"
    assert [line.split(":")[1].strip() for line in head if line.lower().startswith("host:")] == ["model.test"]


async def test_a_variable_in_proxy_is_expanded() -> None:
    """`${NAME}` may be a part of it or the whole."""
    async with a_proxy() as proxy:
        await ask_through("http://127.0.0.1:${PORT}", PORT=str(proxy.port))
        await ask_through("${PROXY}", PROXY=proxy.url)

    assert len(proxy.heads) == 2


async def test_the_user_in_a_variable_is_told_to_the_proxy_alone() -> None:
    """`http://user:secret@...` by variable: sent as Proxy-Authorization (Basic of `user:secret`)."""
    async with a_proxy() as proxy:
        await ask_through("${PROXY}", PROXY=f"http://user:secret@127.0.0.1:{proxy.port}")

    lines = [line for line in proxy.heads[0] if line.lower().startswith("proxy-authorization:")]
    assert [line.split(":")[1].strip() for line in lines] == ["Basic dXNlcjpzZWNyZXQ="]


async def test_openai_goes_through_a_proxy_too() -> None:
    """The field is the same there."""
    transport = Transport()
    async with a_proxy() as proxy:
        spec = OpenAIModel(model="m", base_url="http://llm.test/v1", proxy=proxy.url)
        with pytest.raises(ModelError):  # what the proxy says is no chat completion
            await open_model(spec, folder=Path(), environment={}, send=transport.send)("hi")
        await transport.aclose()

    assert proxy.heads[0][0] == "POST http://llm.test/v1/chat/completions HTTP/1.1"


async def test_a_proxy_that_is_down_is_told_as_such() -> None:
    """The address of the model is named as written; a further attempt may help; the proxy's address is not told."""
    port = free_port()
    error = await failure_of("http://127.0.0.1:${PORT}", PORT=str(port))

    assert str(error) == "http://model.test/v1: the proxy can't be reached"
    assert error.retry


async def test_a_proxy_that_refuses_a_tunnel_is_told_as_such() -> None:
    """https goes through CONNECT; what the proxy answers is not mistaken for the model's answer."""
    async with a_proxy() as proxy:
        error = await failure_of(proxy.url, "https://model.test/v1")

    assert proxy.heads[0][0] == "CONNECT model.test:443 HTTP/1.1"
    assert str(error) == "https://model.test/v1: the proxy refused"
    assert error.retry


async def test_a_proxy_variable_that_is_not_set_is_told_when_the_model_is_opened() -> None:
    """By name."""
    assert str(await failure_of("http://${GONE}:3128")) == "the environment variable GONE is not set"


async def run_of(config: Path, **environment: str) -> Document:
    """Run everything over the real transport."""
    async with serving_for_real(config, environment) as client:
        return await client.run()


def project(folder: Path, **model: object) -> Path:
    """One example that a proxy answers rightly."""
    spec: Fields = {"type": "http", "endpoint": "http://model.test/v1"} | model
    return write_project(folder, examples=[{"id": "a", "input": "q", "expected": "by proxy"}], model=spec)


async def test_a_run_goes_through_its_proxy_and_no_other(tmp_path: Path) -> None:
    """The harness file's counts; HTTP_PROXY of the environment does not."""
    elsewhere = f"http://127.0.0.1:{free_port()}"
    async with a_proxy() as proxy:
        config = project(tmp_path, proxy="http://127.0.0.1:${PORT}")
        document = await run_of(config, PORT=str(proxy.port), HTTP_PROXY=elsewhere, http_proxy=elsewhere)

    assert document["verdict"] == "PASS"


async def test_a_run_whose_proxy_is_down_has_a_model_error(tmp_path: Path) -> None:
    """It is recorded with the example, and the run ends."""
    document = await run_of(project(tmp_path, proxy=f"http://127.0.0.1:{free_port()}"))

    assert document["status"] == "error"
    assert document["examples"][0]["error"] == "http://model.test/v1: the proxy can't be reached"
