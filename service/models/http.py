"""The `http` model: one request per example."""

from collections.abc import Awaitable, Callable, Mapping

import httpx

from domain.errors import ModelError
from domain.spec import HttpModel
from domain.template import compile_template
from service.models.exchange import ERROR_BYTES, exchange, make_headers, make_url, status_line
from service.models.reply import MAX_BYTES, decoded, on_one_line, text_of
from service.models.response_path import compile_path


def open_http(
    spec: HttpModel, *, environment: Mapping[str, str], transport: httpx.AsyncBaseTransport
) -> Callable[[str], Awaitable[str]]:
    """Prepare the model: its address, headers, template and path are worked out here, once."""
    url = make_url(spec.endpoint, environment)
    headers = make_headers(spec.headers, spec.api_key_env, environment)
    fill = compile_template(spec.request_template).fill
    pick = compile_path(spec.response_path) if spec.response_path else text_of

    async def ask(text: str) -> str:
        # A stream, since httpx would look at content and headers for 12 us a request to add what the transport knows.
        request = httpx.Request(spec.method, url, headers=headers, stream=httpx.ByteStream(fill(text)))
        response, body = await exchange(transport, request, spec.endpoint, MAX_BYTES)
        if not response.is_success:
            raise _refusal(spec.endpoint, response, body)
        return pick(decoded(response, body), response)

    return ask


def _refusal(endpoint: str, response: httpx.Response, body: bytes) -> ModelError:
    try:
        shown = on_one_line(text_of(decoded(response, body[:ERROR_BYTES], whole=False), response))
    except ModelError:
        shown = ""
    return ModelError(f"{endpoint} answered {status_line(response)}{': ' if shown else ''}{shown}", retry=True)
