"""`GET /results/{run_id}/report`: a run that is over, for people and for continuous integration."""

import asyncio
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, route
from litestar.datastructures import State
from litestar.params import FromPath

from domain.errors import Refused, RunNotOver
from domain.spec import Statistics
from projections.listing import ListedRun
from projections.results import Result
from service.api import documents
from service.api.backend import Api
from service.api.media import READING
from service.api.query import Format, ReportQuery, read_query
from service.api.tags import send_not_modified, tag_of_run, with_tag
from service.reports.document import decode
from service.reports.html import html_report
from service.reports.junit import junit_report
from service.reports.markdown import markdown_report
from service.reports.page import POLICY
from service.reports.text import text_report

MEDIA_TYPES: Mapping[Format, str] = {
    "text": "text/plain",
    "markdown": "text/markdown",
    "html": "text/html",
    "junit": "application/xml",
}
MOST_BYTES = 100_000_000
"""How long a run's document may be for a report: it is held whole, one at a time."""

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


@route("/results/{run_id:str}/report", http_method=READING)
async def get_report(run_id: FromPath[str], request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Write a report."""
    api: Api = state.api
    listed = await api.find(run_id)
    kind = read_query(request.query_params.multi_items(), ReportQuery).format
    if listed.finished_at is None:
        raise RunNotOver(f"the run {run_id} is not over; there is a report once it is")
    tag = tag_of_run(api.views, listed, kind)
    if not_modified := send_not_modified(request, tag):
        return not_modified
    async with api.reporting:
        result = await api.results.result(run_id)
        content = await _read(api, listed, result)
        statistics = await api.results.statistics(result)
        report = await asyncio.to_thread(_write, kind, content, statistics)
    return Response(report, media_type=MEDIA_TYPES[kind], headers={**with_tag(tag), **HEADERS})


async def _read(api: Api, listed: ListedRun, result: Result) -> bytes:
    parts, size = [], 0
    entries = api.results.entries(listed.run_id, result)
    async for part in documents.stream(documents.finished(listed, result), entries):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise Refused(
                f"the run's document has more than {MOST_BYTES:,} bytes: too much for a report. Its examples are at "
                f"/results/{listed.run_id}/examples"
            )
    return b"".join(parts)


def _write(kind: Format, content: bytes, statistics: Mapping[str, Statistics]) -> bytes:
    document = decode(content)
    match kind:
        case "text":
            return text_report(document, statistics=statistics).encode()
        case "markdown":
            return markdown_report(document, statistics=statistics).encode()
        case "junit":
            return junit_report(document, statistics=statistics).encode()
        case "html":
            return html_report(document, statistics=statistics).encode()
