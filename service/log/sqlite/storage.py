"""What a SQLite file holds of a log: its rows, its schema, and what SQLite itself says of its pages."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from domain.errors import LogUnavailable, LogUnreadable
from service.log.sqlite.connection import APPLICATION_ID, reading_uri
from service.log.storage import Damaged, Row, Shape, Storage, find_differences

MOST_FAULTS = 10
"""That SQLite's own check tells."""

_SCHEMA = "SELECT type, name, sql FROM sqlite_schema"
_FIRST = -(1 << 63)
_NOT_READ = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
}
"""Faults that say nothing about what is in the file, by SQLite's primary codes."""


class SqliteStorage(Storage):
    """A log in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(reading_uri(path), uri=True, isolation_level=None)
        except sqlite3.DatabaseError as error:
            raise self._translate(error) from error
        # Text that is no UTF-8 is a finding, not a failure to read.
        self._database.text_factory = lambda raw: raw.decode(errors="surrogateescape")

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def rows(self, query: str, *parameters: object) -> Iterator[Row]:
        """Read the rows of a query."""
        try:
            yield from self._database.execute(query, parameters)
        except sqlite3.DatabaseError as error:
            raise self._translate(error) from error

    def is_empty(self) -> bool:
        """Whether the file has no page."""
        ((pages,),) = self.rows("PRAGMA page_count")
        return bool(pages == 0)

    def find_foreign(self) -> Iterator[str]:
        """The file says that it is ours, and has the format's tables, indexes and triggers: no more, no less."""
        found = {(str(kind), str(name)): sql for kind, name, sql in self.rows(_SCHEMA)}
        ((application_id,),) = self.rows("PRAGMA application_id")
        if application_id != APPLICATION_ID:
            yield f"application_id is {application_id:#010x}, not {APPLICATION_ID:#010x}"
        yield from find_differences(found, _wanted_schema())

    def contents(self) -> Iterator[Row]:
        """Read digest and bytes of all pinned contents, past the index."""
        for _, digest, content in self.pages("SELECT rowid, digest, bytes FROM contents WHERE rowid", "rowid", _FIRST):
            yield digest, content

    def find_damage(self) -> Iterator[str]:
        """SQLite's own check: pages, types, and that each index has what its table has."""
        for (said,) in self.rows(f"PRAGMA integrity_check({MOST_FAULTS})"):
            if said != "ok":
                yield from (f"SQLite: {line}" for line in str(said).splitlines())

    def _translate(self, error: sqlite3.DatabaseError) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        unread = f"can't read the log {self._path}: {error}"
        if code == sqlite3.SQLITE_NOTADB:
            return LogUnreadable(f"this is not an event log: {error}")
        return LogUnavailable(unread) if code in _NOT_READ else Damaged(unread, f"SQLite: {error}")


def holds_nothing(path: Path) -> bool:
    """Whether a log is there, and without any event."""
    if not path.is_file():
        return False
    with closing(SqliteStorage(path)) as log:
        tables = list(log.rows("SELECT 1 FROM sqlite_schema WHERE name = 'events'"))
        return not tables or not list(log.rows("SELECT 1 FROM events LIMIT 1"))


def _wanted_schema() -> Shape:
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(files("service.log.sqlite").joinpath("schema.sql").read_text())
        return {(kind, name): sql for kind, name, sql in empty.execute(_SCHEMA)}
