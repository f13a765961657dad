"""How large the head of a request may be."""

from collections.abc import Sequence

HEAD_BYTES = 65_536
PIECE = 16_384  # bytes of an unfinished head that may be taken above the limit


class HeadTooLarge(Exception):
    """A head is over the limit."""


class HeadSize:
    """Counts a head, or the trailers of a body, while it comes: what the parser was fed since something else ended.

    That is a little more than it has, and goes without a look at each header: a head is counted by itself only when it
    is whole, and may be over the limit.
    """

    def __init__(self) -> None:
        self.is_over = False
        self._fed = 0
        self._paused = False

    def feed(self, size: int) -> None:
        """Count a piece that the parser was fed, unless something ended in it."""
        self._fed = 0 if self._paused else self._fed + size
        self._paused = False
        if self._fed > HEAD_BYTES + PIECE:
            self.is_over = True

    def pause(self) -> None:
        """Count anew from the next piece on: something came that is no part of a head."""
        self._paused = True

    def end(self, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Count a whole head, a header with its colon, space and end of line; HeadTooLarge."""
        self._paused = True
        if self._fed and _size(target, headers) > HEAD_BYTES:
            self.is_over = True
            raise HeadTooLarge


def _size(target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> int:
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)
