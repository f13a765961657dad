"""The routes about the server itself: its suites, its health, its description."""

from litestar import Response, route
from litestar.datastructures import State

from service.api import documents
from service.api.backend import Api
from service.api.media import JSON, READING, send_json
from service.version import VERSION


@route("/suites", http_method=READING)
async def list_suites(state: State) -> Response[bytes]:
    """List the suites of the server's config."""
    api: Api = state.api
    now = await api.config.read()
    configured = [(suite, [harness.spec.name for harness in harnesses]) for suite, harnesses in now.files.suites()]
    return send_json(documents.suites(configured, now.error))


@route("/health", http_method=READING)
async def health() -> Response[bytes]:
    """Tell that the server lives."""
    return send_json(documents.HealthDocument("ok", VERSION))


@route("/openapi.json", http_method=READING)
async def description(state: State) -> Response[bytes]:
    """Describe this API in OpenAPI."""
    return Response(state.description, media_type=JSON)
