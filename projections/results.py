"""What came out of a run: the parts of its document, and where each example's event stands."""

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple, assert_never

from domain.chain import Head
from domain.events import (
    CancelRequested,
    ExampleAnswered,
    ExamplesPinned,
    Finished,
    LogAccepted,
    LogCreated,
    PinnedHarness,
    Resumed,
    Score,
    Started,
)
from domain.impossible import IMPOSSIBLE, impossible
from domain.stretch import Stretch

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


class _Askings:
    """The askings of one harness, each at `row * repeats + repeat`: its events' versions, 0 for none, and its kind."""

    def __init__(self, harness: PinnedHarness) -> None:
        places = (harness.rows or 0) * harness.repeats
        self.repeats = harness.repeats
        self.scored = array("I", bytes(4 * places))
        self.answered: array[int] | None = None
        self.kinds = bytearray(places)

    @property
    def size(self) -> int:
        return len(self.scored) + len(self.answered or ())

    def note_score(self, event: Score, version: int) -> None:
        place = event.row * self.repeats + event.repeat
        kind = RECORDED | PASSED if event.passed else RECORDED
        if event.error is not None:
            kind |= MODEL_ERROR
        self.kinds[place] = kind | GRADER_ERROR if event.errors else kind
        self.scored[place] = version

    def note_answer(self, event: ExampleAnswered, version: int) -> None:
        if self.answered is None:
            self.answered = array("I", bytes(4 * len(self.scored)))
        self.answered[event.row * self.repeats + event.repeat] = version


class Result:
    """One run, folded from its events. `end` is where the log stood when the run was over, `version` the run's last."""

    def __init__(self) -> None:
        self.started: Started | None = None
        self.started_at = ""
        self.harnesses: list[PinnedHarness] = []
        self.warnings: list[str] = []
        self.finished: Finished | None = None
        self.finished_at = ""
        self.end = Head(0, b"")
        self.version = 0
        self._askings: dict[Key, _Askings] = {}

    def apply(self, stretch: Stretch) -> None:
        """Take in the run's next events; LogUnreadable for one that can't follow what is before it."""
        try:
            match event := stretch.events[0]:
                case Score() | ExampleAnswered():
                    self._note(stretch)
                case Started():
                    self.started, self.started_at = event, stretch.at
                    self._pin(event)
                case ExamplesPinned():
                    self._pin(event)
                case Resumed(changed=changed):
                    self.warnings += [warning for warning in changed if warning not in self.warnings]
                case Finished():
                    self.finished, self.finished_at = event, stretch.at
                    self.end = Head(stretch.position, stretch.hash)
                    self.warnings += event.warnings
                case CancelRequested() | LogCreated() | LogAccepted():
                    pass
                case _:
                    assert_never(event)
        except IMPOSSIBLE as error:
            raise impossible(stretch) from error
        self.version = stretch.version + len(stretch.events) - 1

    def _note(self, stretch: Stretch) -> None:
        known = self._askings
        for version, event in enumerate(stretch.events, stretch.version):
            try:
                if isinstance(event, Score):
                    known[event.suite, event.harness].note_score(event, version)
                elif isinstance(event, ExampleAnswered):
                    known[event.suite, event.harness].note_answer(event, version)
            except IMPOSSIBLE as error:
                raise impossible(stretch, version - stretch.version) from error

    def _pin(self, event: Started | ExamplesPinned) -> None:
        self.harnesses = event.harnesses
        self._askings = {(harness.suite, harness.harness): _Askings(harness) for harness in event.harnesses}
        self.warnings += event.warnings

    @property
    def size(self) -> int:
        """How many rows it holds in memory."""
        return sum(askings.size for askings in self._askings.values())

    def places(self, harness: PinnedHarness, first: int = 0, kinds: bytes = ANY_KIND) -> Iterator[Place]:
        """Where the recorded askings of a harness stand, in the dataset's order, an example's repeats together.

        From the row `first` on, those of the kinds that are marked by 1 in `kinds`.
        """
        askings = self._askings[harness.suite, harness.harness]
        scored, answered, wanted = askings.scored, askings.answered, askings.kinds.translate(kinds)
        place = wanted.find(1, first * harness.repeats)
        while place >= 0:
            yield Place(place // harness.repeats, scored[place], answered[place] if answered else 0)
            place = wanted.find(1, place + 1)

    def find(self, harness: PinnedHarness, row: int, repeat: int) -> Place:
        """Where the events of one recorded asking stand."""
        askings, place = self._askings[harness.suite, harness.harness], row * harness.repeats + repeat
        return Place(row, askings.scored[place], askings.answered[place] if askings.answered else 0)

    def incomplete(self, harness: PinnedHarness) -> bytes:
        """Mark by 1, at `row * repeats + repeat`, all askings of the rows of which not every one is recorded."""
        askings = self._askings[harness.suite, harness.harness]
        rows = zip(*[iter(askings.scored)] * harness.repeats, strict=True)
        return b"".join((b"\0" if all(row) else b"\1") * harness.repeats for row in rows)


class Results:
    """The unfinished runs, and the finished ones looked at last."""

    def __init__(self) -> None:
        self._live: dict[str, Result] = {}
        self._finished: OrderedDict[str, Result] = OrderedDict()
        self._rows = 0

    def apply(self, stretch: Stretch) -> None:
        """Take in the next events of one run, up to its end."""
        run_id = stretch.run_id
        result = self._live.get(run_id)
        if result is None:
            result = self._live[run_id] = Result()
        result.apply(stretch)
        if result.finished:
            del self._live[run_id]
            self.keep(run_id, result)

    def get(self, run_id: str) -> Result | None:
        """A run's result; None where it has to be folded from the log."""
        if run_id in self._finished:
            self._finished.move_to_end(run_id)
            return self._finished[run_id]
        return self._live.get(run_id)

    def keep(self, run_id: str, result: Result) -> None:
        """Keep a finished run, and let go of those not asked for longest."""
        before = self._finished.get(run_id)
        self._finished[run_id] = result
        self._rows += result.size - (before.size if before else 0)
        while len(self._finished) > KEPT_RUNS or (len(self._finished) > 1 and self._rows > KEPT_ROWS):
            _, gone = self._finished.popitem(last=False)
            self._rows -= gone.size
