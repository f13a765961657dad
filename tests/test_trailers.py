"""What follows a chunked body is no header of the request, over a real connection."""

import socket
from pathlib import Path

import pytest
from live import serving
from project import write_project

KEY = "Corr3ct-horse.battery~staple"


@pytest.mark.slow
def test_a_key_in_a_trailer_is_none(tmp_path: Path) -> None:
    """A proxy that takes the key out of the headers lets no one in by a trailer, be it sent at once or later."""
    head = b"POST /run HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    body = b"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n2\r\n{}\r\n0\r\n"
    trailer = f"Authorization: Bearer {KEY}\r\n\r\n".encode()
    with serving(write_project(tmp_path), MATCHSPEC_API_KEY=KEY) as live:
        for parts in ([head + body + trailer], [head, body, trailer]):
            with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for part in parts:
                    connection.sendall(part)
                assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")
        with live.client(Authorization=f"Bearer {KEY}") as client:
            assert client.get("/results").json()["total"] == 0
