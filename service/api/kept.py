"""Documents of runs that are over, whole, as they were sent last: such a run never changes."""

from collections import OrderedDict
from collections.abc import AsyncIterator

Key = tuple[str, str]
"""A run's id, and which examples its document has."""

KEPT_BYTES = 16_000_000
"""Of all documents together: a result of 10,000 examples has some 8 MB."""


class KeptDocuments:
    """Those asked for last. One that has more bytes than all may have is never held in memory."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._size = 0

    def get(self, key: Key) -> bytes | None:
        """A document, where it is kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    async def keeping(self, key: Key, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Hand on the parts of a document, and keep it once it was given whole."""
        held: list[bytes] = []
        size = 0
        async for part in parts:
            size += len(part)
            if size <= self._most:
                held.append(part)
            else:
                held.clear()
            yield part
        if size <= self._most:
            self._keep(key, b"".join(held))

    def _keep(self, key: Key, document: bytes) -> None:
        self._size += len(document) - len(self._kept.pop(key, b""))
        self._kept[key] = document
        while self._size > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest)
