"""The routes about the server itself: its suites, its health, its description."""

from typing import Any

from litestar import Request, Response, route
from litestar.datastructures import State

from domain.errors import LogUnavailable
from service.api import documents
from service.api.backend import Api
from service.api.media import JSON, READING, send_json
from service.api.problems import RETRY_AFTER_SECONDS, respond, to_problem
from service.api.tags import send_not_modified, tag_of_document, with_tag
from service.version import VERSION


@route("/suites", http_method=READING)
async def list_suites(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """List the suites of the server's config."""
    api: Api = state.api
    now = await api.config.read()
    configured = [(suite, [harness.spec.name for harness in harnesses]) for suite, harnesses in now.files.suites()]
    document = documents.suites(configured, now.error)
    tag = tag_of_document(document)
    return send_not_modified(request, tag) or send_json(document, headers=with_tag(tag))


@route("/health", http_method=READING)
async def health() -> Response[bytes]:
    """Tell that the server lives."""
    return send_json(documents.HealthDocument("ok", VERSION))


@route("/ready", http_method=READING)
async def ready(state: State) -> Response[bytes]:
    """Tell whether runs can be recorded now."""
    api: Api = state.api
    fault = "the server stops" if api.news.closed else api.world.writer.fault
    if fault is not None:
        return respond(to_problem(LogUnavailable(fault)), {"Retry-After": str(RETRY_AFTER_SECONDS)})
    return send_json(documents.ReadyDocument("ready"))


@route("/openapi.json", http_method=READING)
async def description(state: State) -> Response[bytes]:
    """Describe this API in OpenAPI."""
    return Response(state.description, media_type=JSON)
