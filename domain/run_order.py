"""The order of each run's events: `started` first, `finished` last, and no asking but those that are pinned.

Each event is held against a few facts of its run; whether an asking was recorded before is for `replay` to say.
"""

from collections.abc import Sequence
from typing import NamedTuple, assert_never

from domain.events import (
    LOG,
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
from domain.run_id import IS_RUN_ID


class _Askings(NamedTuple):
    rows: int
    repeats: int


class _Unfinished:
    """A run that is not over: what may be asked, by suite and harness, and whether only its end may follow."""

    def __init__(self) -> None:
        self.pinned = False
        self.cancelled = False
        self._askings: dict[tuple[str, str], _Askings] = {}

    def pin(self, harnesses: Sequence[PinnedHarness]) -> None:
        self.pinned = all(one.manifest is not None for one in harnesses)
        self._askings = {
            (one.suite, one.harness): _Askings(one.rows, one.repeats)
            for one in harnesses
            if one.rows is not None and one.examples
        }

    def has(self, asked: ExampleAnswered | ExampleScored) -> bool:
        """Whether there is such an asking."""
        askings = self._askings.get((asked.suite, asked.harness))
        return askings is not None and 0 <= asked.row < askings.rows and 0 <= asked.repeat < askings.repeats


class RunOrder:
    """Takes the events of all runs in the log's order; `version` is the event's, which follows that before it."""

    def __init__(self) -> None:
        self._unfinished: dict[str, _Unfinished] = {}
        self._keys: dict[str, str] = {}

    def take(self, run_id: str, version: int, event: Event) -> str | None:
        """Say why an event can't stand where it does."""
        if run_id == LOG:
            return None if isinstance(event, LogCreated | LogAccepted) else "the run log holds no facts of runs"
        if version == 1:
            return self._begin(run_id, event)
        run = self._unfinished.get(run_id)
        if run is None:
            return "its run is over: nothing follows finished"
        if run.cancelled and not isinstance(event, Finished):
            return "its run was cancelled: only finished follows"
        return self._go_on(run_id, run, event)

    def _begin(self, run_id: str, event: Event) -> str | None:
        if not IS_RUN_ID.fullmatch(run_id):
            return "its run_id is not of the form run-YYYYMMDD-HHMMSS-xxxx"
        if not isinstance(event, Started):
            return "the first event of a run is started"
        if event.idempotency_key is not None:
            first = self._keys.setdefault(event.idempotency_key, run_id)
            if first != run_id:
                return f"its idempotency_key is that of {first}"
        run = self._unfinished[run_id] = _Unfinished()
        run.pin(event.harnesses)
        return None

    def _go_on(self, run_id: str, run: _Unfinished, event: Event) -> str | None:
        match event:
            case Started():
                return "only the first event of a run is started"
            case LogCreated() | LogAccepted():
                return "it belongs into the run log"
            case ExamplesPinned(harnesses=harnesses):
                if run.pinned:
                    return "its run has its examples already"
                run.pin(harnesses)
            case ExampleAnswered() | ExampleScored():
                if not run.has(event):
                    where = f"suite '{event.suite}', harness '{event.harness}', row {event.row}, repeat {event.repeat}"
                    return f"its run does not ask that: {where}"
            case Resumed():
                pass
            case CancelRequested():
                run.cancelled = True
            case Finished():
                del self._unfinished[run_id]
            case _:
                assert_never(event)
        return None
