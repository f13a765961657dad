"""From `POST /results/{id}/cancel` to the end of the run."""

from domain.errors import RunClosed
from domain.events import CancelRequested
from domain.plan import decode_plan
from domain.run import cancel
from service.execution.shares import Runs
from service.execution.starting import Caller
from service.execution.world import World


class Canceller:
    """Ends runs that someone wants no more."""

    def __init__(self, world: World, queue: Runs) -> None:
        self._world = world
        self._queue = queue

    async def cancel(self, run_id: str, caller: Caller) -> bool:
        """End a run with what it has; False where it was over before. LogUnavailable: it may or may not have ended.

        The end is on record first; only then its calls are aborted, and what they still bring is recorded no more.
        """
        run = self._world.writer.runs.get(run_id)
        if run is None or run.started is None:
            return False
        plan = decode_plan(await self._world.log.read_content(run.started.plan))
        requested = CancelRequested(client=caller.address, user_agent=caller.user_agent)
        try:
            await self._world.writer.do(run_id, lambda run, at: cancel(run, plan, requested, at))
        except RunClosed:
            return False
        self._queue.drop(run_id)
        return True
