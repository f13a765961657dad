"""The harnesses of runs at work, opened once in a process, however many shares of a run it works on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from domain.plan import Plan
from domain.run import Run
from service.execution.jobs import Job, open_jobs
from service.execution.world import World


class OpenRuns:
    """Opens a run with its first share, and closes it with its last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._opened: dict[str, _Opened] = {}

    @asynccontextmanager
    async def open(self, run_id: str, run: Run, plan: Plan) -> AsyncIterator[Sequence[Job]]:
        """Give all harnesses of a run; ModelError or GraderError where one can't be used at all."""
        opened = self._opened.setdefault(run_id, _Opened())
        opened.users += 1
        try:
            async with opened.opening:
                if opened.jobs is None:
                    opened.jobs = await opened.stack.enter_async_context(open_jobs(self._world, run, plan))
            yield opened.jobs
        finally:
            opened.users -= 1
            if not opened.users:
                del self._opened[run_id]
                await opened.stack.aclose()


class _Opened:
    def __init__(self) -> None:
        self.users = 0
        self.jobs: Sequence[Job] | None = None
        self.opening = asyncio.Lock()
        self.stack = AsyncExitStack()
