"""Which run each `Idempotency-Key` has."""

from typing import NamedTuple, assert_never

from domain.events import (
    CancelRequested,
    ExampleAnswered,
    ExamplesPinned,
    Finished,
    LogAccepted,
    LogCreated,
    Resumed,
    Score,
    Started,
)
from domain.stretch import Stretch


class KeyedRun(NamedTuple):
    """A run that was asked for with a key, and the digest of the request."""

    run_id: str
    request_digest: str | None


class KeyedRuns:
    """The run of every key of the log, for ever. Should a key have two, the first is its run."""

    def __init__(self) -> None:
        self._runs: dict[str, KeyedRun] = {}

    def apply(self, stretch: Stretch) -> None:
        """Take in the log's next events."""
        match event := stretch.events[0]:
            case Started(idempotency_key=str() as key, request_digest=digest):
                self._runs.setdefault(key, KeyedRun(stretch.run_id, digest))
            case Started() | ExamplesPinned() | Score() | ExampleAnswered() | Resumed() | CancelRequested():
                pass
            case Finished() | LogCreated() | LogAccepted():
                pass
            case _:
                assert_never(event)

    def get(self, key: str) -> KeyedRun | None:
        """The run of a key."""
        return self._runs.get(key)
