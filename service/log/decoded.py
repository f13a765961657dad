"""Contents of the log as they were decoded: plans and manifests, which never change and are asked for again."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from service.log.reading import LogReader

T = TypeVar("T")

KEPT = 8
"""Of the contents asked for last: the manifest of a million examples takes a megabyte."""


class Decoded(Generic[T]):
    """One kind of contents, by digest."""

    def __init__(self, log: LogReader, decode: Callable[[bytes], T]) -> None:
        self._log = log
        self._decode = decode
        self._kept: OrderedDict[str, T] = OrderedDict()

    async def get(self, digest: str) -> T:
        """Read contents, or give them as they were read before; LogUnreadable where they are missing."""
        if digest not in self._kept:
            self._kept[digest] = self._decode(await self._log.read_content(digest))
        self._kept.move_to_end(digest)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[digest]
