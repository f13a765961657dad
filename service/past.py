"""Runs as they stood after one of their events: folded from the log, and the last of these folds kept for a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from domain.errors import EventNotFound, LogUnreadable
from domain.events import Finished
from domain.impossible import fold
from domain.plan import decode_plan
from domain.run import Run, so_far
from domain.stretch import Stretch
from projections.results import Result
from projections.views import Views
from service.log.reading import LogReader

KEPT = 64
KEPT_ROWS = 1_000_000
"""How many folds are kept, and how many rows in all of them, some 10 bytes each and 8 more for each grader."""

AT_ONCE = 4

_Key = tuple[str, int]


class Past(NamedTuple):
    """A run as it stood: the views as they were, its state, and what its scores came to. Not to be changed."""

    views: Views
    run: Run
    so_far: Finished

    def result(self, run_id: str) -> Result:
        """Where its examples' events stand; LogUnreadable where it did not begin with its start."""
        result = self.views.results.get(run_id)
        if result is None:
            raise LogUnreadable(f"the run {run_id} has no start")
        return result


class PastRuns:
    """Folds runs up to one of their events, each event once for all who ask for it.

    What is asked for next is mostly the same, for another page of its examples, or some events later: it is folded
    on from the nearest before it that is kept.
    """

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._folds: OrderedDict[_Key, asyncio.Task[Past]] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def at(self, run_id: str, version: int) -> Past:
        """A run as it stood after an event; EventNotFound where it has no such event."""
        key = run_id, version
        if key not in self._folds:
            last = await self._log.last_version(run_id)
            if not 1 <= version <= last:
                raise EventNotFound(f"{run_id} has the events 1 to {last}, no event {version}")
        folding = self._folds.get(key)
        if folding is None:
            folding = self._folds[key] = asyncio.create_task(self._fold(key))
            folding.add_done_callback(partial(self._settle, key))
        self._folds.move_to_end(key)
        return await asyncio.shield(folding)

    async def _fold(self, key: _Key) -> Past:
        run_id, version = key
        async with self._turns:
            views, run = await self._nearest(key)
            await self._log.fold_run(run_id, partial(_take, views, run), run.version, version)
            plan = decode_plan(await self._log.read_content(run.started.plan)) if run.started else None
            return Past(views, run, await asyncio.to_thread(so_far, run, plan, None, run.started_at))

    async def _nearest(self, key: _Key) -> tuple[Views, Run]:
        """Copy the latest fold of a run that is kept and not behind an event; else begin."""
        before = [(version, past) for (run_id, version), past in self._kept() if run_id == key[0] and version < key[1]]
        if not before:
            return Views(), Run()
        _, past = max(before, key=itemgetter(0))
        return await asyncio.to_thread(deepcopy, (past.views, past.run))

    def _settle(self, key: _Key, folding: asyncio.Task[Past]) -> None:
        """Forget what failed, and what was not asked for longest."""
        if _failed(folding):
            self._folds.pop(key, None)
        while len(self._folds) > 1 and (len(self._folds) > KEPT or self._rows() > KEPT_ROWS):
            self._folds.popitem(last=False)

    def _rows(self) -> int:
        return sum(len(recorded) for _, past in self._kept() for recorded in past.run.recorded.values())

    def _kept(self) -> Iterator[tuple[_Key, Past]]:
        for key, folding in self._folds.items():
            if folding.done() and not _failed(folding):
                yield key, folding.result()


def _take(views: Views, run: Run, stretch: Stretch) -> None:
    views.take(stretch)
    fold(run, stretch)


def _failed(folding: asyncio.Task[Past]) -> bool:
    return folding.cancelled() or folding.exception() is not None
