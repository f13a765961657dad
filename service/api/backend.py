"""What the handlers ask: all of the service that HTTP shows."""

import asyncio
from typing import NamedTuple

from domain.errors import RunNotFound
from projections.listing import ListedRun
from projections.views import Views
from service.api.event_pages import EventPages
from service.api.kept import KeptDocuments
from service.execution.cancelling import Canceller
from service.execution.regrading import Regrader
from service.execution.shares import Runs
from service.execution.starting import Starter
from service.execution.world import World
from service.log.reading import LogReader
from service.news import News
from service.past import PastRuns
from service.results import ResultReader
from service.suites import OwnConfig


class Api(NamedTuple):
    """What the handlers ask. `comparing` is held while two runs are compared, `reporting` while one is told."""

    views: Views
    results: ResultReader
    past: PastRuns
    starter: Starter
    regrader: Regrader
    canceller: Canceller
    config: OwnConfig
    log: LogReader
    comparing: asyncio.Lock
    reporting: asyncio.Lock
    news: News
    event_pages: EventPages
    kept: KeptDocuments
    world: World
    queue: Runs

    async def find(self, run_id: str) -> ListedRun:
        """Give a run at a glance; RunNotFound. One that another process has just started is looked for in the log."""
        if self.views.listing.get(run_id) is None:
            await self.world.writer.look()
        listed = self.views.listing.get(run_id)
        if listed is None:
            raise RunNotFound(f"there is no run '{run_id}' in the log")
        return listed
