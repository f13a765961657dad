"""The `http` model: one request per example."""

from collections.abc import Mapping
from datetime import UTC, datetime

import httpx

from domain.errors import ModelError
from domain.model_spec import HttpModel
from domain.template import compile_template
from service.models.ask import Ask, Reply
from service.models.exchange import ERROR_BYTES, exchange, expanded, make_headers, make_url, status_line
from service.models.reply import MAX_BYTES, decoded, on_one_line, text_of
from service.models.response_path import compile_path
from service.models.retry_after import retry_after_seconds

OVERLOADED = frozenset({429, 503})


def open_http(spec: HttpModel, *, environment: Mapping[str, str], transport: httpx.AsyncBaseTransport) -> Ask:
    """Prepare the model: its address, headers, template and path are worked out here, once."""
    url = make_url(spec.endpoint, environment)
    headers = make_headers(spec.headers, spec.api_key_env, environment)
    extensions = {"proxy": expanded(spec.proxy, environment)} if spec.proxy else None
    fill = compile_template(spec.request_template).fill
    pick = compile_path(spec.response_path) if spec.response_path else _whole

    async def ask(text: str) -> Reply:
        # A stream, since httpx would look at content and headers for 12 us a request to add what the transport knows.
        stream = httpx.ByteStream(fill(text))
        request = httpx.Request(spec.method, url, headers=headers, stream=stream, extensions=extensions)
        response, body = await exchange(transport, request, spec.endpoint, MAX_BYTES)
        if not response.is_success:
            raise _refusal(spec.endpoint, response, body)
        return pick(decoded(response, body), response)

    return ask


def _whole(body: bytes, response: httpx.Response) -> Reply:
    return Reply(text_of(body, response))


def _refusal(endpoint: str, response: httpx.Response, body: bytes) -> ModelError:
    try:
        said = text_of(decoded(response, body[:ERROR_BYTES], whole=False), response)
    except ModelError:
        said = ""
    return ModelError(
        f"{endpoint} answered {status_line(response)}",
        said=said,
        shorten=on_one_line,
        retry=True,
        overloaded=response.status_code in OVERLOADED,
        retry_after=retry_after_seconds(response.headers.get("retry-after"), datetime.now(UTC)),
    )
