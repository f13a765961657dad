"""A log as it is stored, for those who trust nothing of it: read synchronously, row by row, in short statements."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

from domain.audit import COLUMNS
from domain.errors import LogUnavailable

PAGE = 1_000
_FIRST = -(1 << 63)

Row = tuple[object, ...]
Shape = Mapping[tuple[str, str], object]
"""How tables, indexes, triggers and what else a schema has are defined, by kind and name."""


class Damaged(LogUnavailable):
    """What is stored can't be read, for a reason that says something of it: `said`."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


class Storage(ABC):
    """A log's tables. LogUnavailable where they can't be read now, Damaged where that is their own fault."""

    @abstractmethod
    def rows(self, query: str, *parameters: object) -> Iterator[Row]:
        """Read the rows of a query, in which `?` stands for a value; LogUnreadable where there is no log at all."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether this is nothing yet: a process was about to make it when it was killed."""

    @abstractmethod
    def find_foreign(self) -> Iterator[str]:
        """Tell what the tables, indexes and triggers have that no log has, or lack."""

    @abstractmethod
    def find_damage(self) -> Iterator[str]:
        """Tell what the database itself finds wrong with what it keeps."""

    @abstractmethod
    def contents(self) -> Iterator[Row]:
        """Read digest and bytes of all pinned contents."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def events(self) -> Iterator[Row]:
        """Read all events in the order of their positions."""
        return self.pages(f"SELECT {', '.join(COLUMNS)} FROM events WHERE position", "position", _FIRST)

    def pages(self, query: str, key: str, first: object) -> Iterator[Row]:
        """Read rows in order by a key, in statements that are short: one that lasts holds up the database."""
        compare, after = ">=", first
        while True:
            count = 0
            for row in self.rows(f"{query} {compare} ? ORDER BY {key} LIMIT {PAGE}", after):
                count, after = count + 1, row[0]
                yield row
            if count < PAGE:
                return
            compare = ">"


def find_differences(found: Shape, wanted: Shape) -> Iterator[str]:
    """Tell what a schema lacks, has beyond what a log's has, or has otherwise."""
    for kind, name in sorted(wanted.keys() | found.keys()):
        if (kind, name) not in found:
            yield f"the {kind} {name} is gone"
        elif (kind, name) not in wanted:
            yield f"there is {'an' if kind == 'index' else 'a'} {kind} {name}, which no log has"
        elif found[kind, name] != wanted[kind, name]:
            yield f"the {kind} {name} is not the format's"
