"""Is a log what was recorded? Every column of every event, in order, against the chain and the events before it."""

import struct
from collections.abc import Sequence
from typing import NamedTuple, assert_never

from domain import chain, codec
from domain.chain import Head
from domain.errors import LogUnreadable
from domain.events import (
    FORMAT,
    LOG,
    TYPES,
    CancelRequested,
    Event,
    ExampleAnswered,
    ExampleScored,
    ExamplesPinned,
    Finished,
    LogAccepted,
    LogCreated,
    PinnedHarness,
    Resumed,
    Started,
)
from domain.run_order import RunOrder
from domain.times import is_stamp

COLUMNS: dict[str, type] = {
    "position": int,
    "run_id": str,
    "version": int,
    "type": str,
    "at": str,
    "body": bytes,
    "leaf": bytes,
    "hash": bytes,
}
"""An event's columns, in the order in which `Audit` takes them."""

_CONTENT = ", ".join(list(COLUMNS)[1:5]) + " or body"


class Accepted(NamedTuple):
    """The operator's word, at a position and time, that a checkpoint is void."""

    position: int
    at: str
    void: LogAccepted


class Audit:
    """Takes the events of a log in order, until one is not what was recorded.

    `versions` counts each run's events, `head` is the last event that was right. `plans` and `manifests` are the
    contents that events name, by digest in hex, each with the first event that does.
    """

    def __init__(self) -> None:
        self.head = Head(0, chain.START)
        self.at = ""
        self.log_id = ""
        self.versions: dict[str, int] = {}
        self.plans: dict[str, int] = {}
        self.manifests: dict[str, int] = {}
        self.accepted: list[Accepted] = []
        self._order = RunOrder()

    def take(self, row: Sequence[object]) -> str | None:
        """Take the next event, as the database has it; says what is wrong with it. LogUnreadable for a new type."""
        position, run_id, version, name, at, body, leaf, link = row
        expected = self.head.position + 1
        own = _leaf(row)
        linked = chain.link(self.head.hash, expected, own) if own else None
        last = self.versions.get(str(run_id), 0)
        if (position, version, leaf, link) != (expected, last + 1, own, linked) or linked is None:
            return self._explain(row)
        self.versions[str(run_id)] = last + 1
        self.head = Head(expected, linked)
        self.at = str(at)
        return self._look_inside(expected, str(run_id), str(name), body)  # type: ignore[arg-type] # it was hashed as such

    def _explain(self, row: Sequence[object]) -> str:
        position, run_id, version, name, *_, leaf, link = row
        expected = self.head.position + 1
        if not isinstance(position, int) or position < expected:
            return f"there is an event with position {position!r} before event {expected}"
        if position > expected:
            return f"event {expected} is missing: event {position} is the next"
        what = f"event {position} ({run_id}, version {version}, {name})"
        for (column, kind), value in zip(COLUMNS.items(), row, strict=True):
            if type(value) is not kind:
                return f"{what}: {column} is not of its type"
        genuine = leaf == _leaf(row)
        follows = isinstance(leaf, bytes) and chain.link(self.head.hash, expected, leaf) == link
        if follows and genuine:
            return f"{what}: version {self.versions.get(str(run_id), 0) + 1} of its run should be here"
        if follows:
            return f"{what}: its {_CONTENT} is not what was recorded"
        if genuine:
            return f"{what}: its hash does not follow from the event before"
        return f"{what}: its leaf is not that of its {_CONTENT}"

    def _look_inside(self, position: int, run_id: str, name: str, body: bytes) -> str | None:
        try:
            event = codec.decode(name, body)
        except LogUnreadable as error:
            if name not in TYPES:
                raise
            return f"event {position}: {error}"
        if (position == 1) != isinstance(event, LogCreated):
            return f"event {position} is {name}: the first event is log_created, and no other"
        if why := self._find_misplaced(run_id, event):
            return f"event {position} ({run_id}, version {self.versions[run_id]}, {name}): {why}"
        self._fold(position, event)
        return None

    def _find_misplaced(self, run_id: str, event: Event) -> str | None:
        if not is_stamp(self.at):
            return "its at is not of the form 2026-03-15T14:30:22.123456Z"
        return self._order.take(run_id, self.versions[run_id], event)

    def _fold(self, position: int, event: Event) -> None:
        match event:
            case ExampleAnswered() | ExampleScored() | Resumed() | CancelRequested() | Finished():
                pass
            case LogCreated(format=number, log_id=log_id):
                if number != FORMAT:
                    raise LogUnreadable(f"the log has format {number}; this matchspec knows format {FORMAT}")
                self.log_id = log_id
            case LogAccepted():
                self.accepted.append(Accepted(position, self.at, event))
            case Started(plan=plan, harnesses=harnesses, baseline=baseline):
                self.plans.setdefault(plan, position)
                self._name(harnesses, position)
                if baseline:
                    self.manifests.setdefault(baseline.scores, position)
            case ExamplesPinned(harnesses=harnesses):
                self._name(harnesses, position)
            case _:
                assert_never(event)

    def _name(self, harnesses: Sequence[PinnedHarness], position: int) -> None:
        for harness in harnesses:
            if harness.manifest is not None:
                self.manifests.setdefault(harness.manifest, position)

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.versions) - (LOG in self.versions)


def _leaf(row: Sequence[object]) -> bytes | None:
    _, run_id, version, name, at, body, *_ = row
    try:
        return chain.leaf(version, run_id, name, at, body)  # type: ignore[arg-type] # what they are is being found out
    except (struct.error, AttributeError, TypeError, ValueError):
        return None
