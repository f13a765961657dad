"""What came out of a run: the parts of its document, and where each example's event stands."""

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple, assert_never

import msgspec

from domain.events import (
    ExampleScored,
    ExamplesPinned,
    Finished,
    LogCreated,
    PinnedHarness,
    Recorded,
    Resumed,
    Started,
)

KEPT_ROWS = 4_000_000
"""How many rows of finished runs are kept in memory, four bytes each; the others are folded again when asked for."""

KEPT_RUNS = 256


class Place(NamedTuple):
    """Where an example's event stands: its row in the pinned dataset, its version in the run."""

    row: int
    version: int


class Result:
    """One run, folded from its events."""

    def __init__(self) -> None:
        self.started: Started | None = None
        self.started_at = ""
        self.harnesses: list[PinnedHarness] = []
        self.warnings: list[str] = []
        self.finished: Finished | None = None
        self.finished_at = ""
        self._events = 0
        self._last_version = 0
        self._versions: dict[tuple[str, str], array[int]] = {}

    def apply(self, recorded: Recorded) -> None:
        """Take in the run's next event."""
        self._events += 1
        self._last_version = recorded.version
        match recorded.event:
            case ExampleScored(suite=suite, harness=harness, row=row):
                self._rows(suite, harness)[row] = recorded.version
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
                self.warnings += event.warnings
            case LogCreated():
                pass
            case _:
                assert_never(recorded.event)

    @property
    def whole(self) -> bool:
        """Whether every event of the run went in: a finished run's are not read at start."""
        return self.finished is not None and self._events == self._last_version

    @property
    def size(self) -> int:
        """How many rows it holds in memory."""
        return sum(len(versions) for versions in self._versions.values())

    def places(self, harness: PinnedHarness) -> Iterator[Place]:
        """Where the recorded examples of a harness stand, in the dataset's order."""
        versions = self._versions.get((harness.suite, harness.harness), ())
        return (Place(row, version) for row, version in enumerate(versions) if version)

    def _rows(self, suite: str, harness: str) -> "array[int]":
        key = (suite, harness)
        if key not in self._versions:
            rows = next(pinned.rows for pinned in self.harnesses if (pinned.suite, pinned.harness) == key)
            self._versions[key] = array("I", bytes(4 * (rows or 0)))
        return self._versions[key]


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


class _Line(msgspec.Struct):
    id: msgspec.Raw
    input: msgspec.Raw
    expected: msgspec.Raw
    tags: msgspec.Raw = msgspec.Raw(b"[]")
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Scored(msgspec.Struct):
    suite: msgspec.Raw
    harness: msgspec.Raw
    output: msgspec.Raw
    scores: msgspec.Raw
    passed: msgspec.Raw
    latency_ms: msgspec.Raw
    attempts: msgspec.Raw
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    errors: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    secrets: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Entry(msgspec.Struct):
    id: msgspec.Raw
    input: msgspec.Raw
    expected: msgspec.Raw
    output: msgspec.Raw
    scores: msgspec.Raw
    passed: msgspec.Raw
    tags: msgspec.Raw
    suite: msgspec.Raw
    harness: msgspec.Raw
    latency_ms: msgspec.Raw
    attempts: msgspec.Raw
    metadata: msgspec.Raw | msgspec.UnsetType
    error: msgspec.Raw | msgspec.UnsetType
    errors: msgspec.Raw | msgspec.UnsetType
    secrets: msgspec.Raw | msgspec.UnsetType


_line_decoder = msgspec.json.Decoder(_Line)
_scored_decoder = msgspec.json.Decoder(_Scored)
_encoder = msgspec.json.Encoder()


def example_entry(line: bytes, body: bytes) -> bytes:
    """Join an example's entry from its pinned line and its event's body, without decoding their values."""
    example, scored = _line_decoder.decode(line), _scored_decoder.decode(body)
    return _encoder.encode(
        _Entry(
            example.id,
            example.input,
            example.expected,
            scored.output,
            scored.scores,
            scored.passed,
            example.tags,
            scored.suite,
            scored.harness,
            scored.latency_ms,
            scored.attempts,
            example.metadata,
            scored.error,
            scored.errors,
            scored.secrets,
        )
    )
