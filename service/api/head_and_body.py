"""The head of an answer goes out with its body: one call of the system and one packet for a small answer, not two."""

import asyncio

LENGTH = b"\r\ncontent-length: "  # as uvicorn writes it
LARGE = 65_536
"""Bytes of a body that take the kernel longer than a packet does: its head comes first."""


class HeadAndBody(asyncio.Transport):
    """What uvicorn's cycle uses of a transport. A head that tells a length waits for what is written next.

    That is its body, which an application has in hand when it knows the length. Any other head is sent at once: what
    streams may have nothing to say for long.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head = b""
        self._is_begun = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, with the head that waits; the first that is written of an answer is its head."""
        if not self._is_begun and LENGTH in data:
            self._is_begun, self._head = True, bytes(data)
        elif self._head and len(data) < LARGE:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        else:
            self._send_head()
            self._is_begun = True
            self._transport.write(data)

    def end(self) -> None:
        """An answer is over: one to HEAD has no body."""
        self._is_begun = False
        self._send_head()

    def close(self) -> None:
        """Send what waits, and close."""
        self.end()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closing, or closed."""
        return self._transport.is_closing()

    def _send_head(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""
