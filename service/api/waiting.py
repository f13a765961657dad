"""Waiting for the end of a run, for `GET /results/{run_id}?wait=30`."""

import asyncio
from contextlib import suppress

from litestar.types import Receive

from service.news import News


async def wait_for_end(news: News, run_id: str, seconds: float, receive: Receive) -> None:
    """Wait until a run that is on ends, the time is up, the client goes away, or the server stops."""
    over = asyncio.create_task(news.end(run_id).wait())
    gone = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((over, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (over, gone):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
