"""Runs that nobody carries: where several processes write one log, those of a process that ended are taken over."""

import asyncio
import logging

from domain.errors import LogUnavailable
from service.execution.queue import Queue
from service.execution.world import World

logger = logging.getLogger("matchspec.run")

LOOK_SECONDS = 2.0


async def take_over_for_ever(world: World, queue: Queue) -> None:
    """Look every now and then for an unfinished run that no process holds, and go on with it."""
    while not world.stopping.is_set():
        try:
            for run_id in list(world.writer.runs):
                if await world.log.hold(run_id):
                    logger.info("run %s: taken over", run_id)
                    queue.put(run_id, taken_over=True)
        except LogUnavailable as error:
            logger.debug("%s", error)
        await asyncio.sleep(LOOK_SECONDS)
