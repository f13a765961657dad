"""The `http` model: one request per example."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

import httpx

from domain.errors import ModelError
from domain.model_spec import HttpModel
from domain.template import compile_template
from domain.variables import expand
from service.models.ask import Ask, Reply
from service.models.reply import MAX_BYTES, decoded, first_bytes, on_one_line, text_of
from service.models.response_path import compile_path
from service.models.retry_after import retry_after_seconds

USER_AGENT = "matchspec/0.1.0"
ERROR_BYTES = 4_000  # of a refusal's body; its first 200 characters are shown
OVERLOADED = frozenset({429, 503})
HEADER_FAULTS = frozenset("\r\n\0")


def open_http(spec: HttpModel, *, environment: Mapping[str, str], transport: httpx.AsyncBaseTransport) -> Ask:
    """Prepare the model: its address, headers, template and path are worked out here, once."""
    url = _url(spec.endpoint, environment)
    headers = _headers(spec, environment)
    extensions = {"proxy": _expanded(spec.proxy, environment)} if spec.proxy else None
    fill = compile_template(spec.request_template).fill
    pick = compile_path(spec.response_path) if spec.response_path else _whole

    async def ask(text: str) -> Reply:
        # A stream, since httpx would look at content and headers for 12 us a request to add what the transport knows.
        stream = httpx.ByteStream(fill(text))
        request = httpx.Request(spec.method, url, headers=headers, stream=stream, extensions=extensions)
        try:
            response = await transport.handle_async_request(request)
            body = await _read(response)
        except httpx.TransportError as error:
            # What the transport saw may hold the expanded address: only its kind is told.
            raise ModelError(f"{spec.endpoint}: {error}", retry=True) from None
        if not response.is_success:
            raise _refusal(spec.endpoint, response, body)
        return pick(decoded(response, body), response)

    return ask


async def _read(response: httpx.Response) -> bytes:
    stream = cast("httpx.AsyncByteStream", response.stream)
    try:
        return await first_bytes(stream, (MAX_BYTES if response.is_success else ERROR_BYTES) + 1)
    finally:
        await stream.aclose()


def _whole(body: bytes, response: httpx.Response) -> Reply:
    return Reply(text_of(body, response))


def _refusal(endpoint: str, response: httpx.Response, body: bytes) -> ModelError:
    status = f"{response.status_code} {httpx.codes.get_reason_phrase(response.status_code)}".strip()
    try:
        shown = on_one_line(text_of(decoded(response, body[:ERROR_BYTES], whole=False), response))
    except ModelError:
        shown = ""
    return ModelError(
        f"{endpoint} answered {status}{': ' if shown else ''}{shown}",
        retry=True,
        overloaded=response.status_code in OVERLOADED,
        retry_after=retry_after_seconds(response.headers.get("retry-after"), datetime.now(UTC)),
    )


def _url(endpoint: str, environment: Mapping[str, str]) -> httpx.URL:
    try:
        url = httpx.URL(_expanded(endpoint, environment))
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise ModelError(
            f"{endpoint} is not an http:// or https:// URL without user and password, once its variables are replaced"
        )
    return url.copy_with(fragment=None)


def _headers(spec: HttpModel, environment: Mapping[str, str]) -> httpx.Headers:
    headers = httpx.Headers(
        {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        },
        encoding="utf-8",
    )
    for name, value in spec.headers.items():
        headers[name] = _sendable(_expanded(value, environment), f"the header {name}")
    if spec.api_key_env:
        key = _expanded(f"${{{spec.api_key_env}}}", environment)
        headers["Authorization"] = f"Bearer {_sendable(key, spec.api_key_env)}"
    return headers


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    try:
        return expand(text, environment)
    except KeyError as error:
        raise ModelError(f"the environment variable {error.args[0]} is not set") from None


def _sendable(value: str, where: str) -> str:
    if not HEADER_FAULTS.isdisjoint(value):
        raise ModelError(f"{where} holds a line break or a zero character, which can't be sent in a header")
    return value
