"""Which runs there are and how they stand, newest first."""

from collections.abc import Iterable
from typing import NamedTuple, assert_never

import msgspec

from domain.events import (
    CancelRequested,
    ExampleAnswered,
    ExampleScored,
    ExamplesPinned,
    Finished,
    LogAccepted,
    LogCreated,
    Recorded,
    Resumed,
    Started,
    Status,
    Verdict,
)


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

    def apply(self, recorded: Recorded) -> None:
        """Take in the log's next event."""
        match recorded.event:
            case ExampleScored() | ExampleAnswered():  # nearly all events: they are told apart first
                pass
            case Started() as started:
                if recorded.run_id in self._runs:
                    raise ValueError("a run starts once")
                self.changed = (recorded.position, recorded.at)
                self._runs[recorded.run_id] = _begun(recorded.run_id, recorded.at, started)
            case Finished(status=status, verdict=verdict):
                run = self._runs[recorded.run_id]
                if run.finished_at is not None:
                    raise ValueError("a run ends once")
                self.changed = (recorded.position, recorded.at)
                run.status, run.verdict, run.finished_at = status, verdict, recorded.at
            case ExamplesPinned() | Resumed() | CancelRequested() | LogCreated() | LogAccepted():
                pass
            case _:
                assert_never(recorded.event)

    def get(self, run_id: str) -> ListedRun | None:
        """One run."""
        return self._runs.get(run_id)

    def page(self, suite: str | None, status: Status | None, limit: int, offset: int) -> Page:
        """The runs that include a suite and have a status, newest first, from `offset` on."""
        matching = [
            run
            for run in reversed(self._runs.values())
            if (suite is None or suite in run.suites) and (status is None or run.status == status)
        ]
        return Page(matching[offset : offset + limit], len(matching))

    def all(self) -> Iterable[ListedRun]:
        """All of them, in the log's order."""
        return self._runs.values()

    def unfinished(self) -> list[str]:
        """The runs that are not over, the oldest first."""
        return [run.run_id for run in self._runs.values() if run.finished_at is None]


def _begun(run_id: str, at: str, started: Started) -> ListedRun:
    baseline = started.baseline.run_id if started.baseline else None
    return ListedRun(run_id, started.suite, started.suites, at, regrades=started.regrades, baseline=baseline)
