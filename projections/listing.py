"""Which runs there are and how they stand, newest first."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, assert_never

import msgspec

from domain.events import (
    STATUSES,
    CancelRequested,
    ExampleAnswered,
    ExamplesPinned,
    Finished,
    LogAccepted,
    LogCreated,
    Resumed,
    Score,
    Started,
    Status,
    Verdict,
)
from domain.stretch import Stretch


class ListedRun(msgspec.Struct):
    """A run at a glance. Times are the log's; `suite` is null when all suites run; `regrades` and `baseline` name
    other runs.
    """

    run_id: str
    suite: str | None
    suites: list[str]
    started_at: str
    status: Status = "running"
    finished_at: str | None = None
    verdict: Verdict | None = None
    regrades: str | None = None
    baseline: str | None = None


class Page(NamedTuple):
    """A part of the listing; `total` counts all runs that match."""

    runs: list[ListedRun]
    total: int


class Listing:
    """Every run of the log, in the log's order. `changed`: position and time of the last event that changed it."""

    def __init__(self) -> None:
        self.changed = (0, "")
        self._runs: dict[str, ListedRun] = {}
        self._unfinished: dict[str, ListedRun] = {}
        self._ended: defaultdict[str | None, dict[Status, int]] = defaultdict(lambda: dict.fromkeys(STATUSES, 0))

    def apply(self, stretch: Stretch) -> None:
        """Take in the log's next events."""
        run_id, at = stretch.run_id, stretch.at
        match event := stretch.events[0]:
            case Started():
                if run_id in self._runs:
                    raise ValueError("a run starts once")
                self.changed = (stretch.position, at)
                self._runs[run_id] = self._unfinished[run_id] = _begun(run_id, at, event)
            case Finished(status=status, verdict=verdict):
                run = self._unfinished.pop(run_id)
                self.changed = (stretch.position, at)
                run.status, run.verdict, run.finished_at = status, verdict, at
                for suite in (None, *run.suites):
                    self._ended[suite][status] += 1
            case Score() | ExampleAnswered() | ExamplesPinned() | Resumed() | CancelRequested():
                pass
            case LogCreated() | LogAccepted():
                pass
            case _:
                assert_never(event)

    def get(self, run_id: str) -> ListedRun | None:
        """One run."""
        return self._runs.get(run_id)

    def page(self, suite: str | None, status: Status | None, limit: int, offset: int) -> Page:
        """The runs that include a suite and have a status, newest first, from `offset` on."""
        total = self.count(suite, status)
        if offset >= total:
            return Page([], total)
        runs: Iterator[ListedRun] = reversed(self._runs.values())
        if suite is not None:
            runs = (run for run in runs if suite in run.suites)
        if status is not None:
            runs = (run for run in runs if run.status == status)
        return Page(list(islice(runs, offset, min(offset + limit, total))), total)

    def count(self, suite: str | None, status: Status | None) -> int:
        """How many runs include a suite and have a status."""
        running = sum(suite is None or suite in run.suites for run in self._unfinished.values())
        counts = self._ended.get(suite, {}) | {"running": running}
        return sum(counts.values()) if status is None else counts.get(status, 0)

    def unfinished(self) -> list[str]:
        """The runs that are not over, the oldest first."""
        return list(self._unfinished)


def _begun(run_id: str, at: str, started: Started) -> ListedRun:
    baseline = started.baseline.run_id if started.baseline else None
    return ListedRun(run_id, started.suite, started.suites, at, regrades=started.regrades, baseline=baseline)
