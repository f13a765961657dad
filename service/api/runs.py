"""The routes of runs: start one, look at one, list them. They decode, ask, and describe; nothing is decided here."""

from typing import Any

from litestar import Request, Response, post, route
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import UNSET

from domain.errors import RunNotFound
from service.api import documents
from service.api.backend import Api
from service.api.body import NoFields, read_body, read_caller
from service.api.media import JSON, READING, send_json
from service.api.past import past_document, stream_document
from service.api.query import ListQuery, ResultQuery, read_query
from service.api.tags import send_not_modified, tag_of_listing, tag_of_past, tag_of_run, with_tag
from service.api.waiting import wait_for_end
from service.execution.starting import RunRequest


@post("/run", status_code=202)
async def run(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Start a run."""
    api: Api = state.api
    wanted = await read_body(request, RunRequest)
    return await _accepted(api, await api.starter.start(wanted, read_caller(request)))


@post("/results/{run_id:str}/regrade", status_code=202)
async def regrade(run_id: FromPath[str], request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Start a run that grades the recorded outputs of another one anew."""
    api: Api = state.api
    await read_body(request, NoFields)
    await api.find(run_id)
    return await _accepted(api, await api.regrader.start(run_id, read_caller(request)))


@post("/results/{run_id:str}/cancel")
async def cancel(run_id: FromPath[str], request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """End a run: 202; 200 where it was over before."""
    api: Api = state.api
    await read_body(request, NoFields)
    await api.find(run_id)
    ended = await api.canceller.cancel(run_id, read_caller(request))
    return await _accepted(api, run_id, status=202 if ended else 200)


async def _accepted(api: Api, run_id: str, status: int = 202) -> Response[bytes]:
    listed = api.views.listing.get(run_id)
    if listed is None:
        raise RunNotFound
    document = documents.accepted(listed, await api.results.result(run_id))
    return send_json(document, status=status, headers={"Location": documents.results_url(run_id)})


@route("/results/{run_id:str}", http_method=READING)
async def get_result(
    run_id: FromPath[str], request: Request[Any, Any, State], state: State
) -> Response[bytes] | Stream:
    """Give a run's status and, once it is over, its results; or how it stood after its event `at`."""
    api: Api = state.api
    listed = await api.find(run_id)
    query = read_query(request.query_params.multi_items(), ResultQuery)
    if query.at is not UNSET:
        past, tag = await api.past.at(run_id, query.at), tag_of_past(run_id, (query.at, query.examples))
        if not_modified := send_not_modified(request, tag):
            return not_modified
        parts = past_document(past, api.results, run_id, query.examples)
        return Stream(parts, media_type=JSON, headers=with_tag(tag))
    if query.wait is not UNSET and listed.finished_at is None:
        await wait_for_end(api.news, run_id, query.wait, request.receive)
    tag = tag_of_run(api.views, listed, query.examples)
    if not_modified := send_not_modified(request, tag):
        return not_modified
    key = (run_id, query.examples)
    if document := api.kept.get(key):
        return Response(document, media_type=JSON, headers=with_tag(tag))
    result = await api.results.result(run_id)
    if result.finished is None:
        progress = api.views.progress.get(run_id)
        return send_json(documents.running(listed, progress, result.warnings), headers=with_tag(tag))
    over = documents.finished(listed, result)
    if query.examples == "none":
        return send_json(over, headers=with_tag(tag))
    parts = stream_document(over, api.results, run_id, result, query.examples)
    return Stream(api.kept.keeping(key, parts), media_type=JSON, headers=with_tag(tag))


@route("/results", http_method=READING)
async def list_results(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """List the runs, newest first. `/results/` names no run: a script that lost its run id must not go on."""
    if request.scope["raw_path"].endswith(b"/"):
        raise RunNotFound("/results/ is to be followed by a run id; the listing is at /results")
    api: Api = state.api
    query = read_query(request.query_params.multi_items(), ListQuery)
    tag = tag_of_listing(api.views, query)
    if not_modified := send_not_modified(request, tag):
        return not_modified
    suite = None if query.suite is UNSET else query.suite
    page = api.views.listing.page(suite, query.status or None, query.limit, query.offset)
    return send_json(documents.listing(page, query.limit, query.offset), headers=with_tag(tag))
