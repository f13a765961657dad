"""Addresses that no service is asked at, however they are spelled, and redirects, which are not followed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohappyeyeballs import AddrInfoType
from hostile_server import answer
from over_httpx import target_of

from domain.errors import ModelError
from domain.model_spec import HttpModel
from service.models import connecting
from service.models.forbidden import is_forbidden, is_forbidden_host
from service.models.model import open_model
from service.models.transport import Transport

METADATA = "169.254.169.254"
NEVER = "link-local and metadata addresses are never asked"

HOSTS = [
    METADATA,
    "169.254.0.1",
    "169.254.255.255",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.254.0xa9.254",
    "169.254.43518",
    "169.16689662",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
    "[fe80::1]",
    "[FE80::1]",
    "[febf:ffff::1]",
    "[fd00:ec2::254]",
    "[fd00:0ec2:0000::0254]",
    "[fd20:ce::254]",
    "100.100.100.200",
    "0x646464c8",
]


class Trap:
    """A listener that must not be reached."""

    def __init__(self) -> None:
        self.port = 0
        self.hits = 0

    def serve(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count a connection."""
        self.hits += 1
        writer.close()


@asynccontextmanager
async def trap() -> AsyncIterator[Trap]:
    """Set a trap on a free port of the loopback; it must be empty at the end."""
    set_up = Trap()
    server = await asyncio.start_server(set_up.serve, "127.0.0.1", 0)
    set_up.port = server.sockets[0].getsockname()[1]
    async with server:
        yield set_up
    assert set_up.hits == 0


async def failure(url: str, proxy: str | None = None) -> str:
    """Ask at an address; gives what failed."""
    transport = Transport()
    with pytest.raises(httpx.TransportError) as caught:
        await transport.send(target_of(url, proxy=proxy), b"", 1000)
    await transport.aclose()
    return str(caught.value)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were connected to, of which none is real."""
    reached: list[str] = []

    async def connect(addresses: list[AddrInfoType], **_: object) -> socket.socket:
        reached.extend(str(one[4][0]) for one in addresses)
        raise OSError

    monkeypatch.setattr(connecting, "_reach", connect)
    return reached


def name_server(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let every name have these addresses, one answer after the other, the last one again and again."""
    left = list(answers)

    async def look_up(_host: str, port: int) -> list[AddrInfoType]:
        addresses = left.pop(0) if len(left) > 1 else left[0]
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(connecting, "_look_up", look_up)
    monkeypatch.setattr(connecting, "NAMES_SECONDS", -1)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_forbidden_address_is_never_connected_to(connected: list[str], scheme: str, host: str) -> None:
    """Link-local and metadata addresses are refused in every spelling, directly and through a proxy."""
    url = f"{scheme}://{host}/latest/meta-data"
    assert await failure(url) in (NEVER, "name not found")
    async with trap() as proxy:
        assert await failure(url, f"http://127.0.0.1:{proxy.port}") == NEVER
    assert connected == []


async def test_a_proxy_is_no_way_around(connected: list[str]) -> None:
    """A proxy at a forbidden address is not asked either."""
    assert await failure("http://model.test/", f"http://{METADATA}:80") == "the proxy can't be reached"
    assert connected == []


@pytest.mark.parametrize("address", [METADATA, "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254"])
async def test_a_name_of_a_forbidden_address_is_never_connected_to(
    monkeypatch: pytest.MonkeyPatch, connected: list[str], address: str
) -> None:
    """What counts is the address that a name leads to; of several, the others are tried."""
    name_server(monkeypatch, [address], [address, "127.0.0.1"])
    assert await failure("http://metadata.test/") == NEVER
    assert connected == []
    assert await failure("http://metadata.test/") == "can't connect"
    assert connected == ["127.0.0.1"]


async def test_a_name_that_changes_its_address_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, connected: list[str]
) -> None:
    """The address that is checked is the one that is connected to: a second answer changes nothing behind the check."""
    name_server(monkeypatch, ["127.0.0.1"], [METADATA], ["127.0.0.1"])
    assert [await failure("http://changing.test/") for _ in range(3)] == ["can't connect", NEVER, "can't connect"]
    assert connected == ["127.0.0.1", "127.0.0.1"]


def test_octal_numbers_are_known_too() -> None:
    """Where a client's library takes four octal numbers for a host, they are an address."""
    assert is_forbidden_host("0251.0376.0251.0376")
    assert not is_forbidden_host("0177.0.0.1")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.0.1", "fd00::1", "169.253.255.255", "100.64.0.1", "8.8.8.8"]
)
def test_models_may_run_on_this_machine_and_in_its_network(address: str) -> None:
    """Loopback and private addresses are allowed, and those beside the forbidden ones."""
    assert not is_forbidden(address)


@asynccontextmanager
async def redirecting(location: str, status: str) -> AsyncIterator[str]:
    """Run a server that sends everyone elsewhere; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"", f"Location: {location}", "Connection: close", status=status))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"])
async def test_a_redirect_of_a_model_is_an_error(status: str) -> None:
    """Nobody is asked at the address that a model's answer names."""
    async with trap() as elsewhere, redirecting(f"http://127.0.0.1:{elsewhere.port}/", status) as url:
        transport = Transport()
        ask = open_model(HttpModel(endpoint=url), folder=Path(), environment={}, send=transport.send)
        with pytest.raises(ModelError, match=f"answered {status}"):
            await ask("hi")
        await transport.aclose()
