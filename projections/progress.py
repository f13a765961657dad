"""How far the unfinished runs are."""

from typing import assert_never

import msgspec

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
from domain.stretch import Stretch


class Progress(msgspec.Struct, omit_defaults=True):
    """`total` is absent while a large dataset is being pinned; `percent` is below 100 until all are recorded."""

    completed: int
    percent: float
    total: int | None = None


class _Counts(msgspec.Struct):
    completed: int
    total: int | None


class ProgressView:
    """Counts of every unfinished run."""

    def __init__(self) -> None:
        self._runs: dict[str, _Counts] = {}

    def apply(self, stretch: Stretch) -> None:
        """Take in the log's next events."""
        match event := stretch.events[0]:
            case Score() | ExampleAnswered():
                answered = [*map(type, stretch.events)].count(ExampleAnswered)
                self._runs[stretch.run_id].completed += len(stretch.events) - answered
            case Started(harnesses=harnesses):
                self._runs[stretch.run_id] = _Counts(0, _total(harnesses))
            case ExamplesPinned(harnesses=harnesses):
                self._runs[stretch.run_id].total = _total(harnesses)
            case Finished():
                del self._runs[stretch.run_id]
            case Resumed() | CancelRequested() | LogCreated() | LogAccepted():
                pass
            case _:
                assert_never(event)

    def get(self, run_id: str) -> Progress | None:
        """The progress of a run; None when it is over."""
        counts = self._runs.get(run_id)
        return Progress(counts.completed, _percent(counts), counts.total) if counts else None


def _total(harnesses: list[PinnedHarness]) -> int | None:
    if any(harness.examples is None for harness in harnesses):
        return None
    return sum((harness.examples or 0) * harness.repeats for harness in harnesses)


def _percent(counts: _Counts) -> float:
    if not counts.total:
        return 0.0
    if counts.completed >= counts.total:
        return 100.0
    return min(round(100 * counts.completed / counts.total, 1), 99.9)
