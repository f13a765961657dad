"""The HTTP API: `docs/api.md`. Handlers decode, ask, and describe; nothing is decided here."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec
from litestar import Litestar, Request, Response, post, route
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import UNSET

from domain.errors import InvalidRequest, MatchspecError, RunNotFound, UnsupportedMedia
from domain.idempotency import read_key
from domain.mistakes import Mistake
from domain.not_json import why_not_json
from projections.progress import Progress
from service.api import documents
from service.api.asgi import App
from service.api.backend import Api
from service.api.guard import Guard
from service.api.openapi import describe
from service.api.problems import handle_any_error, handle_http_error, handle_matchspec_error
from service.api.query import ListQuery, read_query
from service.execution.starting import Caller, RunRequest
from service.files.mistake_list import LISTED_MISTAKES
from service.files.tree import from_json
from service.files.typed import convert
from service.version import VERSION

READING = [HttpMethod.GET, HttpMethod.HEAD]
JSON = "application/json"
T = TypeVar("T")
_encoder = msgspec.json.Encoder()


class NoFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that takes none: nothing, or `{}`."""


def create_app(api: Api, *, key: str | None, local_names: Sequence[str] | None) -> App:
    """Build the application; `local_names` are the hosts a keyless server answers to, None for any."""
    app = Litestar(
        route_handlers=[run, get_result, list_results, regrade, list_suites, health, description],
        state=State(
            {"api": api, "description": describe(keyed=bool(key), guarded=not key and local_names is not None)}
        ),
        openapi_config=None,
        logging_config=None,
        exception_handlers={
            MatchspecError: handle_matchspec_error,
            HTTPException: handle_http_error,
            Exception: handle_any_error,
        },
    )
    return Guard(cast(App, app), key, local_names)


@post("/run", status_code=202)
async def run(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Start a run."""
    api: Api = state.api
    wanted = await _read_body(request, RunRequest)
    return await _accepted(api, await api.starter.start(wanted, _caller(request)))


@post("/results/{run_id:str}/regrade", status_code=202)
async def regrade(run_id: FromPath[str], request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Start a run that grades the recorded outputs of another one anew."""
    api: Api = state.api
    await _read_body(request, NoFields)
    if api.views.listing.get(run_id) is None:
        raise RunNotFound(f"there is no run '{run_id}' in the log")
    return await _accepted(api, await api.regrader.start(run_id, _caller(request)))


async def _accepted(api: Api, run_id: str) -> Response[bytes]:
    listed = api.views.listing.get(run_id)
    if listed is None:
        raise RunNotFound
    document = documents.accepted(listed, await api.results.result(run_id))
    return _json(document, status=202, headers={"Location": documents.results_url(run_id)})


@route("/results/{run_id:str}", http_method=READING)
async def get_result(run_id: FromPath[str], state: State) -> Response[bytes] | Stream:
    """Give a run's status and, once it is over, its results."""
    api: Api = state.api
    listed = api.views.listing.get(run_id)
    if listed is None:
        raise RunNotFound(f"there is no run '{run_id}' in the log")
    result = await api.results.result(run_id)
    if result.finished is None:
        progress = api.views.progress.get(run_id) or Progress(0, 0.0)
        return _json(documents.running(listed, progress, result.warnings))
    parts = documents.stream(documents.finished(listed, result), api.results.entries(run_id, result))
    return Stream(parts, media_type=JSON)


@route("/results", http_method=READING)
async def list_results(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """List the runs, newest first. `/results/` names no run: a script that lost its run id must not go on."""
    if request.scope["raw_path"].endswith(b"/"):
        raise RunNotFound("/results/ is to be followed by a run id; the listing is at /results")
    api: Api = state.api
    query = read_query(request.query_params.multi_items(), ListQuery)
    suite = None if query.suite is UNSET else query.suite
    page = api.views.listing.page(suite, query.status or None, query.limit, query.offset)
    return _json(documents.listing(page, query.limit, query.offset))


@route("/suites", http_method=READING)
async def list_suites(state: State) -> Response[bytes]:
    """List the suites of the server's config."""
    api: Api = state.api
    now = await api.config.read()
    configured = [(suite, [harness.spec.name for harness in harnesses]) for suite, harnesses in now.files.suites()]
    return _json(documents.suites(configured, now.error))


@route("/health", http_method=READING)
async def health() -> Response[bytes]:
    """Tell that the server lives."""
    return _json(documents.HealthDocument("ok", VERSION))


@route("/openapi.json", http_method=READING)
async def description(state: State) -> Response[bytes]:
    """Describe this API in OpenAPI."""
    return Response(state.description, media_type=JSON)


def _json(document: msgspec.Struct, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(_encoder.encode(document), status_code=status, media_type=JSON, headers=headers)


def _caller(request: Request[Any, Any, State]) -> Caller:
    keys = request.headers.getall("idempotency-key", [])
    if len(keys) > 1:
        raise InvalidRequest([Mistake("may be there once only", field="Idempotency-Key")])
    client = request.client.host if request.client else None
    return Caller(client, request.headers.get("user-agent"), read_key(keys[0]) if keys else None)


async def _read_body(request: Request[Any, Any, State], wanted: type[T]) -> T:
    """Decode in a thread: a body of half a million mistakes takes seconds."""
    return await asyncio.to_thread(_decode, await request.body(), request.headers.get("content-type", ""), wanted)


def _decode(body: bytes, content_type: str, kind: type[T]) -> T:
    if not body.strip():
        return kind()
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != JSON and not (media_type.startswith("application/") and media_type.endswith("+json")):
        raise UnsupportedMedia
    text = _text(body)
    try:
        node = from_json(msgspec.json.decode(text))
        json.loads(text, object_pairs_hook=_refuse_repeated)  # msgspec takes the last of equal keys
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest([Mistake(f"the body is not valid JSON: {why_not_json(text, error)}")]) from None
    wanted, mistakes, _ = convert(node, kind)
    if wanted is None:
        raise InvalidRequest(_first(mistakes))
    return wanted


def _refuse_repeated(pairs: list[tuple[str, object]]) -> None:
    counts = Counter(key for key, _ in pairs)
    repeated = [Mistake("is there more than once", field=key[:256]) for key, count in counts.items() if count > 1]
    if repeated:
        raise InvalidRequest(_first(repeated))


def _first(mistakes: list[Mistake]) -> list[Mistake]:
    more = len(mistakes) - LISTED_MISTAKES
    return [*mistakes[:LISTED_MISTAKES], Mistake(f"and {more} more mistakes")] if more > 0 else mistakes


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest([Mistake("the body is not UTF-8")]) from None
