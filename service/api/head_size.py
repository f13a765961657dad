"""How large the head of a request may be."""

HEAD_BYTES = 65_536
PIECE = 16_384  # bytes of an unfinished line that may be taken above the limit


class HeadTooLarge(Exception):
    """A head, or the trailers of a body, are over the limit."""


class HeadSize:
    """Counts a head, or the trailers of a body, while it comes.

    The parser tells a header when it is whole and until then holds what came of it: that is counted by the pieces
    that it was fed without telling anything.
    """

    def __init__(self) -> None:
        self._told = 0
        self._untold = 0
        self._quiet = True

    @property
    def is_over(self) -> bool:
        """Whether it is over the limit."""
        return self._told + self._untold > HEAD_BYTES

    def begin(self) -> None:
        """Count anew: a head begins, or something came that is no part of one."""
        self._told = self._untold = 0
        self._quiet = False

    def tell(self, size: int) -> None:
        """Count bytes that the parser told; HeadTooLarge."""
        self._told += size
        self._untold = 0
        self._quiet = False
        if self.is_over:
            raise HeadTooLarge

    def feed(self, size: int) -> None:
        """Count a piece that the parser was fed."""
        if self._quiet:
            self._untold += size
        self._quiet = True
