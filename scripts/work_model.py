"""A model in memory, below the HTTP client: `scripts/work` counts the client, and no socket."""

import asyncio

import httptools
import msgspec

from service.models.connecting import Connector
from service.models.connection import Connection

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class CannedModel(asyncio.Transport):
    """The other end of a connection: sends each question back, in the loop's next turn."""

    def __init__(self, connection: asyncio.Protocol) -> None:
        super().__init__()
        self._connection = connection
        self._parser = httptools.HttpRequestParser(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take a request; its body comes whole."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Answer it."""
        answer = msgspec.json.encode({"output": msgspec.json.decode(body)["input"]})
        asyncio.get_running_loop().call_soon(self._connection.data_received, HEAD % (len(answer), answer))

    def is_closing(self) -> bool:
        """It is never closed."""
        return False

    def abort(self) -> None:
        """There is nothing to close."""


async def connect(_connector: Connector, _origin: object) -> Connection:
    """Open a connection to a canned model, in place of `Connector.open`."""
    connection = Connection()
    connection.connection_made(CannedModel(connection))
    return connection
