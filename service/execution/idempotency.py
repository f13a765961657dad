"""One run for each `Idempotency-Key`, whatever happens between a request and its answer."""

import asyncio
from weakref import WeakValueDictionary

from domain.errors import IdempotencyKeyReused
from projections.idempotency import KeyedRuns


class HasRun(Exception):
    """The key has its run already."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class Keys:
    """The keys of this log. Requests with the same key take turns: each sees what became of the one before it."""

    def __init__(self, recorded: KeyedRuns) -> None:
        self._recorded = recorded
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, key: str) -> asyncio.Lock:
        """What to hold from the first look at a key to the end of its start."""
        return self._turns.setdefault(key, asyncio.Lock())

    def check(self, key: str | None, request_digest: str | None) -> None:
        """Raise HasRun where the key has a run for this request, IdempotencyKeyReused where it is another's."""
        known = self._recorded.get(key) if key is not None else None
        if known is None:
            return
        if known.request_digest != request_digest:
            raise IdempotencyKeyReused(
                f"the Idempotency-Key came with another body before, and has the run {known.run_id}: "
                "send the same body for that run, or a new key for a new one"
            )
        raise HasRun(known.run_id)
