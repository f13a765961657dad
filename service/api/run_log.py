"""`GET /results/{run_id}/log`: a run's events as they are stored."""

from collections.abc import AsyncIterator

from litestar import route
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream

from service.api.backend import Api
from service.api.log_line import log_line
from service.api.media import JSON_LINES, READING
from service.log.reading import LogReader


@route("/results/{run_id:str}/log", http_method=READING)
async def get_log(run_id: FromPath[str], state: State) -> Stream:
    """Give the events that the log has of a run by now."""
    api: Api = state.api
    await api.find(run_id)
    last = await api.log.last_version(run_id)
    return Stream(_lines(api.log, run_id, last), media_type=JSON_LINES)


async def _lines(log: LogReader, run_id: str, last: int) -> AsyncIterator[bytes]:
    """A page at a time: a client that reads slowly holds up nothing but its own page."""
    async for page in log.read_stored(run_id, up_to=last):
        yield b"".join(log_line(stored) + b"\n" for stored in page)
