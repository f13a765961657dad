"""The event log as the writer knows it: append what is decided, in one synced transaction.

Where it is kept, and whether others append to it too, is the matter of `sqlite/` and `postgres/`; what makes it the
same log, the chain, its first event and its checkpoint, stands here.
"""

import logging
import secrets
import shlex
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain import chain, codec
from domain.chain import Head
from domain.checkpoint import Checkpoint, Note, contradiction
from domain.errors import InvalidCheckpoint, LogContradicted
from domain.events import FORMAT, LOG, Event, Finished, LogCreated, Recorded
from domain.share import Share
from service.log.address import LogAddress
from service.log.checkpoint_file import read_checkpoint, set_aside
from service.log.checkpointing import Checkpoints
from service.log.reading import LogReader
from service.log.row import Row
from service.log.rows import Rows
from service.log.signing import Signer

logger = logging.getLogger("matchspec.log")


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event to append, with its bytes: the writer gave it its version, the log gives it its position."""

    run_id: str
    version: int
    at: str
    event: Event
    body: bytes


class Content(NamedTuple):
    """Bytes to pin; `digest` is their SHA-256 in hex."""

    digest: str
    content: bytes


class Append(NamedTuple):
    """Events, the contents they name, and the shares to be handed out after them, to be committed together."""

    events: Sequence[NewEvent]
    contents: Sequence[Content] = ()
    shares: Sequence[Share] = ()


Decide = Callable[[], Append]
"""What is to be appended; called when nobody else can append before it is."""


class EventLog(LogReader, ABC):
    """An open log. `head` is where it stands, as far as this process knows; whoever looks is up to date with it.

    `shared` tells whether other processes append, too; `crashed` whether the one that wrote before ended without
    closing it. `void` says how the log contradicts its checkpoint; only a log that is `accepting` opens then.
    """

    shared = False

    def __init__(self, address: LogAddress, rows: Rows, checkpoint: Path | None, signer: Signer | None) -> None:
        super().__init__(address, rows)
        self.crashed = False
        self.crash_told = False
        self.head = Head(0, chain.START)
        self.log_id = ""
        self.void: str | None = None
        self._signer = signer
        self._checkpoint = checkpoint
        self._checkpoints = Checkpoints(checkpoint, signer) if checkpoint else None

    async def close(self) -> None:
        """Write the last checkpoint, and close."""
        if self._checkpoints:
            await self._checkpoints.close()
        await super().close()

    @abstractmethod
    async def reopen(self) -> None:
        """Begin to write again, after a fault, where the log stands now; LogUnavailable while it lasts. Reads go on."""

    @abstractmethod
    async def append(self, decide: Decide) -> list[Recorded]:
        """Commit what is decided in one synced transaction.

        LogUnavailable when the commit failed: it may or may not have happened, and only `reopen` tells.
        """

    @abstractmethod
    async def _commit(self, decided: Append) -> list[Recorded]:
        """Commit what nobody else can get in front of any more."""

    def follow(self, take: Callable[[Recorded], None], wake: Callable[[], None]) -> None:
        """Have what others append handed to `take`, in order, before anything is decided.

        `wake` is called when `read_on` may find something. Where nobody else appends, neither is ever called.
        """

    async def read_on(self) -> AsyncIterator[Recorded]:
        """Read the events behind the head, which goes along."""
        async for some in self.read_after(self.head.position):
            for recorded in some:
                self._grow(recorded)
                yield recorded

    async def begin(self, now: str, *, accepting: bool) -> None:
        """Hold the log against its checkpoint, and record its first event where it is new."""
        first = await self._read_first()
        if first is not None:
            await self.check_format()
        self.log_id = first.log_id if isinstance(first, LogCreated) else secrets.token_hex(16)
        note = self._read_checkpoint()
        self.void = await self._find_contradiction(note) if note else None
        if self.void and note and not accepting:
            raise LogContradicted(_contradicted(self.address, note, self.void))
        if first is None:
            created = LogCreated(format=FORMAT, log_id=self.log_id)
            new = NewEvent(LOG, 1, now, created, codec.encode(created))
            await self.append(lambda: Append([] if self.head.position else [new]))
            self.log_id = (await self.check_format()).log_id
        self.head = await self._read_head()

    def _committed(self, recorded: list[Recorded]) -> list[Recorded]:
        """Go on behind events that are synced now."""
        if recorded:
            self._grow(recorded[-1], at_once=any(type(one.event) is Finished for one in recorded))
        return recorded

    def _grow(self, last: Recorded, *, at_once: bool = False) -> None:
        self.head = Head(last.position, last.hash)
        if self._checkpoints:
            self._checkpoints.grow(Checkpoint(self.log_id, *self.head, last.at), at_once=at_once)

    def _read_checkpoint(self) -> Note | None:
        if self._checkpoint is None:
            return None
        try:
            return read_checkpoint(self._checkpoint)
        except InvalidCheckpoint as error:
            aside = set_aside(self._checkpoint)
            logger.warning("%s: %s. It is kept as %s; a new one is begun", self._checkpoint, error, aside.name)
            return None

    async def _find_contradiction(self, note: Note) -> str | None:
        if self._signer:
            if forged := self._signer.public.find_forged(note):
                return forged
            if unsigned := self._signer.public.reject(note):
                logger.warning("the checkpoint of %s: %s; the next one is", self.address, unsigned)
        if await self._read_first() is None:
            return "the log is empty"
        found = await self.read_at(note.checkpoint.position)
        return contradiction(note.checkpoint, self.log_id, found)


def chained(head: Head, events: Sequence[NewEvent]) -> tuple[list[Row], list[Recorded]]:
    """Give events as they are to be stored behind a head, and as they stand in the log once they are."""
    rows, recorded = [], []
    position, previous = head
    for new in events:
        position += 1
        run_id, version, at, body = new.run_id, new.version, new.at, new.body
        name = codec.type_name(new.event)
        leaf = chain.leaf(version, run_id, name, at, body)
        previous = chain.link(previous, position, leaf)
        rows.append((position, run_id, version, name, at, body, leaf, previous))
        recorded.append(Recorded(position, run_id, version, at, new.event, previous))
    return rows, recorded


def _contradicted(log: LogAddress, note: Note, why: str) -> str:
    db = f"--db {shlex.quote(str(log))}"
    return (
        f"the log {log} contradicts its checkpoint of {note.checkpoint.at}: {why}. Either the log was changed or cut "
        f"off, or a backup of it was put back. Nothing was written. `matchspec verify {db}` looks closer; where a "
        f"backup was put back, `matchspec verify --accept {db}` says so"
    )
