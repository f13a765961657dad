"""News of runs: who waits for an event of a run is woken. Nothing is handed over but that there is something."""

import asyncio

from domain.events import Finished, Recorded


class News:
    """Wakes those who wait, whoever they are and however many: what is new they read themselves, at their own pace."""

    def __init__(self) -> None:
        self.closed = False
        self._events: dict[str, asyncio.Event] = {}
        self._ends: dict[str, asyncio.Event] = {}

    @property
    def awaited(self) -> set[str]:
        """The runs of which someone awaits news."""
        return {*self._events, *self._ends}

    def tell(self, recorded: Recorded) -> None:
        """Wake all that wait for this event."""
        _wake(self._events, recorded.run_id)
        if isinstance(recorded.event, Finished):
            _wake(self._ends, recorded.run_id)

    def close(self) -> None:
        """Wake everyone: the server stops, and nobody is to wait any more."""
        self.closed = True
        for waiting in (self._events, self._ends):
            for run_id in list(waiting):
                _wake(waiting, run_id)

    def next_event(self, run_id: str) -> asyncio.Event:
        """What is set with the next event of a run that is not over: to be had before one looks what there is."""
        return self._expected(self._events, run_id)

    def end(self, run_id: str) -> asyncio.Event:
        """What is set when a run that is not over ends."""
        return self._expected(self._ends, run_id)

    def _expected(self, waiting: dict[str, asyncio.Event], run_id: str) -> asyncio.Event:
        if self.closed:
            closed = asyncio.Event()
            closed.set()
            return closed
        return waiting.setdefault(run_id, asyncio.Event())


def _wake(waiting: dict[str, asyncio.Event], run_id: str) -> None:
    event = waiting.pop(run_id, None)
    if event:
        event.set()
