"""Is the log in this file what was recorded? Reads all of it, in short pages beside a server that may be writing.

Every event is audited (`domain/audit.py`), every content is held against its digest, everything that an event names
must be there, SQLite's own check covers the indexes, and the schema must be the format's.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain.audit import COLUMNS, Accepted, Audit
from domain.chain import Head
from domain.checkpoint import Found
from domain.errors import LogUnavailable, LogUnreadable
from domain.examples import decode_manifest
from service.log.connection import APPLICATION_ID, reading_uri

PAGE = 1_000
MOST_FAULTS = 10
"""That SQLite's own check tells."""

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


class Verified(NamedTuple):
    """What a log holds, as far as it is what was recorded, and `breaks`: what is not, in sentences.

    `whole` tells that all of its events were read and are right. `found` has what is at each position that
    was asked for and is there, `at` is the head's time.
    """

    breaks: list[str]
    whole: bool
    log_id: str
    head: Head
    at: str
    runs: int
    contents: int
    found: dict[int, Found]
    accepted: list[Accepted]


def verify_log(path: Path, positions: Collection[int] = ()) -> Verified:
    """Check a log. LogUnavailable where it can't be read, LogUnreadable where it is of another kind or version."""
    try:
        with closing(_connect(path)) as log:
            return _Verification(log, positions).verify()
    except sqlite3.DatabaseError as error:
        raise LogUnavailable(f"can't read the log {path}: {error}") from error


def holds_run(path: Path, run_id: str) -> bool:
    """Whether a log holds events of a run."""
    try:
        with closing(_connect(path)) as log:
            return log.execute("SELECT 1 FROM events WHERE run_id = ?", (run_id,)).fetchone() is not None
    except sqlite3.DatabaseError as error:
        raise LogUnavailable(f"can't read the log {path}: {error}") from error


def holds_nothing(path: Path) -> bool:
    """Whether a log is there, and without any event."""
    if not path.is_file():
        return False
    try:
        with closing(_connect(path)) as log:
            tables = log.execute("SELECT 1 FROM sqlite_schema WHERE name = 'events'").fetchone()
            return tables is None or log.execute("SELECT 1 FROM events").fetchone() is None
    except sqlite3.DatabaseError as error:
        raise LogUnavailable(f"can't read the log {path}: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(reading_uri(path), uri=True, isolation_level=None)
    # Text that is no UTF-8 is a finding, not a failure to read.
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    return connection


class _Verification:
    """One reading of a log."""

    def __init__(self, log: sqlite3.Connection, positions: Collection[int]) -> None:
        self._log = log
        self._positions = frozenset(positions)
        self._audit = Audit()
        self._breaks: list[str] = []
        self._found: dict[int, Found] = {}
        self._contents = 0
        self._whole = False

    def verify(self) -> Verified:
        if self._is_empty():
            self._whole = True
            return self._result()
        for check in (self._check_kind, self._check_events, self._check_contents, self._check_named, self._check_pages):
            self._guarded(check)
        return self._result()

    def _result(self) -> Verified:
        audit = self._audit
        return Verified(
            list(dict.fromkeys(self._breaks)),
            self._whole,
            audit.log_id,
            audit.head,
            audit.at,
            audit.runs,
            self._contents,
            self._found,
            audit.accepted,
        )

    def _is_empty(self) -> bool:
        """Whether this is nothing yet: a process was about to make it when it was killed."""
        ((pages,),) = self._log.execute("PRAGMA page_count")
        return bool(pages == 0)

    def _guarded(self, check: Callable[[], None]) -> None:
        try:
            check()
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_NOTADB:
                raise LogUnreadable(f"this is not an event log: {error}") from error
            if code in _NOT_READ:
                raise
            self._breaks.append(f"SQLite: {error}")

    def _check_kind(self) -> None:
        """The file says that it is ours, and has the format's tables, indexes and triggers: no more, no less."""
        found = _schema(self._log)
        ((application_id,),) = self._log.execute("PRAGMA application_id")
        if application_id != APPLICATION_ID:
            self._breaks.append(f"application_id is {application_id:#010x}, not {APPLICATION_ID:#010x}")
        wanted = _wanted_schema()
        for kind, name in sorted(wanted.keys() | found.keys()):
            if (kind, name) not in found:
                self._breaks.append(f"the {kind} {name} is gone")
            elif (kind, name) not in wanted:
                self._breaks.append(f"there is {'an' if kind == 'index' else 'a'} {kind} {name}, which no log has")
            elif found[kind, name] != wanted[kind, name]:
                self._breaks.append(f"the {kind} {name} is not the format's")

    def _check_events(self) -> None:
        for row in self._pages(f"SELECT {', '.join(COLUMNS)} FROM events WHERE position", "position"):
            if broken := self._audit.take(row):
                self._breaks.append(broken)
                return
            if self._audit.head.position in self._positions:
                self._found[self._audit.head.position] = Found(self._audit.head.hash, self._audit.at)
        self._whole = True

    def _check_contents(self) -> None:
        for _, digest, content in self._pages("SELECT rowid, digest, bytes FROM contents WHERE rowid", "rowid"):
            self._contents += 1
            if not (isinstance(content, bytes) and hashlib.sha256(content).digest() == digest):
                name = digest.hex() if isinstance(digest, bytes) else repr(digest)
                self._breaks.append(f"the contents {name} are not what was recorded")

    def _check_named(self) -> None:
        """Every content that an event, or what it names, names is there."""
        blocks: dict[str, int] = {}
        for digest, position in self._audit.manifests.items():
            content = self._find("bytes", digest, position)
            if content is not None:
                self._read_manifest(digest, content, position, blocks)
        for digest, position in (self._audit.plans | blocks).items():
            self._find("1", digest, position)

    def _read_manifest(self, digest: str, content: object, position: int, blocks: dict[str, int]) -> None:
        try:
            for block in decode_manifest(content).blocks:  # type: ignore[arg-type] # a TypeError where it is no bytes
                blocks.setdefault(block.digest, position)
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            self._breaks.append(f"the manifest {digest}, which event {position} names, can't be read: {error}")

    def _find(self, column: str, digest: str, position: int) -> object:
        try:
            key = bytes.fromhex(digest)
        except ValueError:
            key = b""
        found = self._log.execute(f"SELECT {column} FROM contents WHERE digest = ?", (key,)).fetchone()
        if found is None:
            self._breaks.append(f"the contents {digest}, which event {position} names, are gone")
            return None
        return found[0]

    def _check_pages(self) -> None:
        """SQLite's own check: pages, types, and that each index has what its table has."""
        for (said,) in self._log.execute(f"PRAGMA integrity_check({MOST_FAULTS})"):
            if said != "ok":
                self._breaks += [f"SQLite: {line}" for line in said.splitlines()]

    def _pages(self, query: str, key: str) -> Iterator[tuple[object, ...]]:
        """Read rows in order by a key, in statements that are short: one that lasts keeps the WAL from being reset."""
        after: object = _FIRST
        compare = ">="
        while True:
            count = 0
            for row in self._log.execute(f"{query} {compare} ? ORDER BY {key} LIMIT {PAGE}", (after,)):
                count, after = count + 1, row[0]
                yield row
            if count < PAGE:
                return
            compare = ">"


def _schema(connection: sqlite3.Connection) -> dict[tuple[str, str], str | None]:
    return {(kind, name): sql for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_schema")}


def _wanted_schema() -> dict[tuple[str, str], str | None]:
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(files("service.log").joinpath("schema.sql").read_text())
        return _schema(empty)
