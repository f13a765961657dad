"""`GET /results/{run_id}/events`: a run's events while they happen, as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from litestar import Request, Response, route
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import UNSET

from domain.errors import EventNotFound, InvalidRequest, LogError
from domain.mistakes import Mistake
from projections.listing import ListedRun
from service.api.backend import Api
from service.api.event_pages import EventPages
from service.api.media import EVENT_STREAM, READING
from service.api.query import EventsQuery, read_query
from service.news import News

PING_SECONDS = 15.0
GATHER_SECONDS = 0.1
"""News that come so close together are sent together: 500 readers must not slow the run that they look at."""

RETRY_MS = 1_000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@route("/results/{run_id:str}/events", http_method=READING)
async def get_events(
    run_id: FromPath[str], request: Request[Any, Any, State], state: State
) -> Stream | Response[bytes | None]:
    """Give a run's events from the first one, or from behind the one that the reader has, to the end."""
    api: Api = state.api
    listed = await api.find(run_id)
    after = _after(request)
    last = await api.log.last_version(run_id)
    if after > last:
        raise EventNotFound(f"{run_id} has the events 1 to {last}; there is nothing behind event {after}")
    if listed.finished_at and after == last:
        return Response(None, status_code=204)
    return Stream(_stream(api.event_pages, api.news, listed, after), media_type=EVENT_STREAM, headers=_HEADERS)


def _after(request: Request[Any, Any, State]) -> int:
    """Where to begin. The header counts first: a browser that connects again sends it with the old address."""
    query = read_query(request.query_params.multi_items(), EventsQuery)
    sent = request.headers.get("last-event-id")
    if sent is None:
        return 0 if query.after is UNSET else query.after
    if not (sent.isascii() and sent.isdigit() and len(sent) < 19):
        raise InvalidRequest([Mistake("must be the id of an event, a whole number", field="Last-Event-ID")])
    return int(sent)


async def _stream(pages: EventPages, news: News, run: ListedRun, after: int) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MS
    while not news.closed:
        more = None if run.finished_at else news.next_event(run.run_id)
        try:
            page = await pages.read(run.run_id, after)
        except LogError:
            return  # the reader connects again, from where it is
        if page.encoded:
            yield page.encoded
            if page.over:
                return
            after = page.last
        if more and not page.full and not await _comes(more):
            yield b": ping\n\n"


async def _comes(more: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(PING_SECONDS):
            await more.wait()
    except TimeoutError:
        return False
    await asyncio.sleep(GATHER_SECONDS)
    return True
