"""What a log's readers need of a database: rows for a query. Queries are SQL that every one of them understands."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from domain.errors import LogUnreadable
from domain.stretch import Stretch
from service.log.row import COLUMNS, Row

PAGE = 500
PAGE_BYTES = 1_000_000
"""A page of events has no further one after so many bytes of bodies: a single body may have 8 MB and more."""

NEVER = (1 << 63) - 1
"""Above every version and position."""

RUN = f"SELECT {COLUMNS} FROM events WHERE run_id = ? AND version > ? AND version <= ? ORDER BY version LIMIT {PAGE}"
"""A page of a run: its id, the version behind which it begins, and the last one, as a `Span` has them."""


class Span(NamedTuple):
    """Events of a run: those behind version `after`, up to `up_to`."""

    run_id: str
    after: int = 0
    up_to: int = NEVER


def check_whole(run_id: str, after: int, last: int, count: int) -> None:
    """LogUnreadable unless so many events of a run are all those behind a version, up to the last of them."""
    if last - after != count:
        raise incomplete(run_id, after, last)


def incomplete(run_id: str, after: int, last: int) -> LogUnreadable:
    """Tell that of a run's events behind a version, up to another, one is missing."""
    what = f"of the events of {run_id} from version {after + 1} to {last} not every one is there"
    return LogUnreadable(f"{what}; `matchspec verify` tells more")


class Rows(ABC):
    """A connection that can't write. In queries, `?` stands for a value. LogUnavailable where it can't be read."""

    @abstractmethod
    async def read(self, query: str, *parameters: object) -> list[Any]:
        """Read rows."""

    @abstractmethod
    async def read_page(self, query: str, *parameters: object, page_bytes: int = PAGE_BYTES) -> Sequence[Row]:
        """Read events in the order of their positions: none beyond that which fills a page."""

    @abstractmethod
    async def read_bodies(self, run_id: str, versions: Sequence[int], up_to: int) -> dict[int, bytes]:
        """Read the bodies of some events of a run by their versions, of those that have at most `up_to` bytes."""

    @abstractmethod
    async def fold_page(self, spans: deque[Span], take: Callable[[Stretch], None]) -> None:
        """Hand what is folded of the next events to `take`, span after span, and leave of the spans what is to come.

        It may be called on a thread.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""
