"""Is the log what was recorded? Reads all of it, in short pages beside servers that may be writing.

Every event is audited (`domain/audit.py`), every content is held against its digest, everything that an event names
must be there, the database's own check covers the indexes, and the schema must be the format's.
"""

import hashlib
from collections.abc import Callable, Collection
from contextlib import closing
from typing import NamedTuple

import msgspec

from domain.audit import Accepted, Audit
from domain.chain import Head
from domain.checkpoint import Found
from domain.examples import decode_manifest
from service.log.address import LogAddress
from service.log.opening import open_storage
from service.log.storage import Damaged, Storage


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


def verify_log(address: LogAddress, positions: Collection[int] = ()) -> Verified:
    """Check a log. LogUnavailable where it can't be read, LogUnreadable where it is of another kind or version."""
    with closing(open_storage(address)) as log:
        return _Verification(log, positions).verify()


def holds_run(address: LogAddress, run_id: str) -> bool:
    """Whether a log holds events of a run."""
    with closing(open_storage(address)) as log:
        return any(log.rows("SELECT 1 FROM events WHERE run_id = ? LIMIT 1", run_id))


class _Verification:
    """One reading of a log."""

    def __init__(self, log: Storage, positions: Collection[int]) -> None:
        self._log = log
        self._positions = frozenset(positions)
        self._audit = Audit()
        self._breaks: list[str] = []
        self._found: dict[int, Found] = {}
        self._contents = 0
        self._whole = False

    def verify(self) -> Verified:
        if self._log.is_empty():
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

    def _guarded(self, check: Callable[[], None]) -> None:
        try:
            check()
        except Damaged as error:
            self._breaks.append(error.said)

    def _check_kind(self) -> None:
        self._breaks += self._log.find_foreign()

    def _check_events(self) -> None:
        for row in self._log.events():
            if broken := self._audit.take(row):
                self._breaks.append(broken)
                return
            if self._audit.head.position in self._positions:
                self._found[self._audit.head.position] = Found(self._audit.head.hash, self._audit.at)
        self._whole = True

    def _check_contents(self) -> None:
        for digest, content in self._log.contents():
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
        found = next(self._log.rows(f"SELECT {column} FROM contents WHERE digest = ?", key), None)
        if found is None:
            self._breaks.append(f"the contents {digest}, which event {position} names, are gone")
            return None
        return found[0]

    def _check_pages(self) -> None:
        self._breaks += self._log.find_damage()
