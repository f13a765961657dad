"""`GET /compare`: two runs of this log, example by example."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Request, route
from litestar.datastructures import State
from litestar.response import Stream

from service.api.backend import Api
from service.api.media import JSON, READING
from service.api.query import CompareQuery, read_query
from service.comparison_document import ComparisonDocument, FlipDocument


@route("/compare", http_method=READING)
async def compare_runs(request: Request[Any, Any, State], state: State) -> Stream:
    """Compare two runs that are over; one comparison at a time, since each holds the scores of both."""
    # Comparing brings numpy, a fifth of a start: a server that compares nothing does without.
    from service.comparing import compare, side_of_run  # noqa: PLC0415

    api: Api = state.api
    query = read_query(request.query_params.multi_items(), CompareQuery)
    for run_id in (query.base, query.head):
        await api.find(run_id)
    async with api.comparing:
        base = await side_of_run(api.results, api.views, query.base)
        head = await side_of_run(api.results, api.views, query.head)
        comparison = await compare(base, head, query.limit)
    return Stream(_stream(comparison.document, comparison.flips), media_type=JSON)


async def _stream(document: ComparisonDocument, flips: AsyncIterator[FlipDocument]) -> AsyncIterator[bytes]:
    """Give the document in parts: outputs may be large, and flips many."""
    yield msgspec.json.encode(document)[:-1] + b',"flips":['
    separator = b""
    async for flip in flips:
        yield separator + msgspec.json.encode(flip)
        separator = b","
    yield b"]}"
