"""What a log's readers need of a database: rows for a query. Queries are SQL that every one of them understands."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

COLUMNS = "position, run_id, version, type, at, body, leaf, hash"
PAGE = 500
PAGE_BYTES = 1_000_000
"""A page of events has no further one after so many bytes of bodies: a single body may have 8 MB and more."""


Row = tuple[int, str, int, str, str, bytes, bytes, bytes]
"""The columns of an event; what is folded at once needs no names for them."""


class StoredEvent(NamedTuple):
    """An event as it is stored, column for column; `leaf` and `hash` have 32 bytes."""

    position: int
    run_id: str
    version: int
    type: str
    at: str
    body: bytes
    leaf: bytes
    hash: bytes


class Rows(ABC):
    """A connection that can't write. In queries, `?` stands for a value. LogUnavailable where it can't be read."""

    @abstractmethod
    async def read(self, query: str, *parameters: object) -> list[Any]:
        """Read rows."""

    @abstractmethod
    async def read_page(self, query: str, *parameters: object, page_bytes: int = PAGE_BYTES) -> Sequence[Row]:
        """Read events in the order of their positions: none beyond that which fills a page."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""
