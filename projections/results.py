"""What came out of a run: the parts of its document, and where each example's event stands."""

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple, assert_never

from domain.chain import Head
from domain.events import (
    CancelRequested,
    ExampleAnswered,
    ExampleScored,
    ExamplesPinned,
    Finished,
    LogAccepted,
    LogCreated,
    PinnedHarness,
    Recorded,
    Resumed,
    Started,
)

KEPT_ROWS = 4_000_000
"""How many rows of finished runs are kept in memory, five bytes each; the others are folded again when asked for."""

KEPT_RUNS = 256

RECORDED, PASSED, MODEL_ERROR, GRADER_ERROR = 1, 2, 4, 8
"""What kind an asking is, in bits."""

ANY_KIND = bytes(kind & RECORDED for kind in range(256))

Key = tuple[str, str]
"""A suite's and a harness's name."""


class Place(NamedTuple):
    """Where an asking's events stand: its row in the pinned dataset, and their versions in the run.

    `answered` is 0 where the whole answer is in `example_scored`.
    """

    row: int
    scored: int
    answered: int

    @property
    def versions(self) -> tuple[int, ...]:
        """Those there are."""
        return (self.scored, self.answered) if self.answered else (self.scored,)


class Result:
    """One run, folded from its events. `end` is where the log stood when the run was over."""

    def __init__(self) -> None:
        self.started: Started | None = None
        self.started_at = ""
        self.harnesses: list[PinnedHarness] = []
        self.warnings: list[str] = []
        self.finished: Finished | None = None
        self.finished_at = ""
        self.end = Head(0, b"")
        self._events = 0
        self._last_version = 0
        self._scored: dict[Key, array[int]] = {}
        self._answered: dict[Key, array[int]] = {}
        self._kinds: dict[Key, bytearray] = {}

    def apply(self, recorded: Recorded) -> None:
        """Take in the run's next event."""
        self._events += 1
        self._last_version = recorded.version
        match recorded.event:
            case ExampleScored() as event:
                self._note_kind(event, self._note(self._scored, event, recorded.version))
            case ExampleAnswered() as event:
                self._note(self._answered, event, recorded.version)
            case Started() as event:
                self.started, self.started_at = event, recorded.at
                self.harnesses = event.harnesses
                self.warnings += event.warnings
            case ExamplesPinned() as event:
                self.harnesses = event.harnesses
                self.warnings += event.warnings
            case Resumed(changed=changed):
                self.warnings += [warning for warning in changed if warning not in self.warnings]
            case Finished() as event:
                self.finished, self.finished_at = event, recorded.at
                self.end = Head(recorded.position, recorded.hash)
                self.warnings += event.warnings
            case CancelRequested() | LogCreated() | LogAccepted():
                pass
            case _:
                assert_never(recorded.event)

    @property
    def version(self) -> int:
        """That of the run's last event."""
        return self._last_version

    @property
    def whole(self) -> bool:
        """Whether every event of the run went in: a finished run's are not read at start."""
        return self.finished is not None and self._events == self._last_version

    @property
    def size(self) -> int:
        """How many rows it holds in memory."""
        return sum(len(versions) for index in (self._scored, self._answered) for versions in index.values())

    def places(self, harness: PinnedHarness, first: int = 0, kinds: bytes = ANY_KIND) -> Iterator[Place]:
        """Where the recorded askings of a harness stand, in the dataset's order, an example's repeats together.

        From the row `first` on, those of the kinds that are marked by 1 in `kinds`.
        """
        key = (harness.suite, harness.harness)
        scored, answered = self._scored.get(key, array("I")), self._answered.get(key)
        wanted = self._kinds.get(key, b"").translate(kinds)
        place = wanted.find(1, first * harness.repeats)
        while place >= 0:
            yield Place(place // harness.repeats, scored[place], answered[place] if answered else 0)
            place = wanted.find(1, place + 1)

    def find(self, harness: PinnedHarness, row: int, repeat: int) -> Place:
        """Where the events of one recorded asking stand."""
        key, place = (harness.suite, harness.harness), row * harness.repeats + repeat
        answered = self._answered.get(key)
        return Place(row, self._scored[key][place], answered[place] if answered else 0)

    def incomplete(self, harness: PinnedHarness) -> bytes:
        """Mark by 1, at `row * repeats + repeat`, all askings of the rows of which not every one is recorded."""
        scored = self._scored.get((harness.suite, harness.harness))
        if scored is None:
            return b"\1" * (harness.rows or 0) * harness.repeats
        rows = zip(*[iter(scored)] * harness.repeats, strict=True)
        return b"".join((b"\0" if all(askings) else b"\1") * harness.repeats for askings in rows)

    def _note(self, index: "dict[Key, array[int]]", event: ExampleScored | ExampleAnswered, version: int) -> int:
        key = (event.suite, event.harness)
        pinned = next(one for one in self.harnesses if (one.suite, one.harness) == key)
        if key not in index:
            index[key] = array("I", bytes(4 * (pinned.rows or 0) * pinned.repeats))
        place = event.row * pinned.repeats + event.repeat
        index[key][place] = version
        return place

    def _note_kind(self, event: ExampleScored, place: int) -> None:
        key = (event.suite, event.harness)
        if key not in self._kinds:
            self._kinds[key] = bytearray(len(self._scored[key]))
        kind = RECORDED | PASSED * event.passed | GRADER_ERROR * bool(event.errors)
        self._kinds[key][place] = kind | MODEL_ERROR * (event.error is not None)


class Results:
    """The unfinished runs, and the finished ones looked at last."""

    def __init__(self) -> None:
        self._live: dict[str, Result] = {}
        self._finished: OrderedDict[str, Result] = OrderedDict()

    def apply(self, recorded: Recorded) -> None:
        """Take in the log's next event."""
        result = self._live.get(recorded.run_id)
        if result is None:
            result = self._live[recorded.run_id] = Result()
        result.apply(recorded)
        if result.finished:
            del self._live[recorded.run_id]
            if result.whole:
                self.keep(recorded.run_id, result)

    def get(self, run_id: str) -> Result | None:
        """A run's result; None where it has to be folded from the log."""
        if run_id in self._finished:
            self._finished.move_to_end(run_id)
            return self._finished[run_id]
        return self._live.get(run_id)

    def keep(self, run_id: str, result: Result) -> None:
        """Keep a finished run, and let go of those not asked for longest."""
        self._finished[run_id] = result
        while len(self._finished) > KEPT_RUNS or (len(self._finished) > 1 and self._rows() > KEPT_ROWS):
            self._finished.popitem(last=False)

    def _rows(self) -> int:
        return sum(result.size for result in self._finished.values())
