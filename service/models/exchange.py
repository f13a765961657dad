"""One HTTP exchange with a service that answers from outside: where it goes, what it carries, what is taken in."""

from collections.abc import Mapping

import httpx

from domain.errors import ModelError
from domain.variables import expand
from service.models.message import Answer, Send, Target
from service.version import VERSION

USER_AGENT = f"matchspec/{VERSION}"
HEADER_FAULTS = frozenset("\r\n\0")


async def exchange(send: Send, target: Target, body: bytes, endpoint: str, limit: int) -> Answer:
    """Send a request; take in one byte more than `limit` at most, of a refusal 4 kB.

    Raises ModelError, to be retried, where the network failed; `endpoint` is the address as messages show it.
    """
    try:
        return await send(target, body, limit)
    except httpx.TransportError as error:
        # What was seen on the way may hold the expanded address: only its kind is told.
        raise ModelError(f"{endpoint}: {error}", retry=True) from None


def status_line(answer: Answer) -> str:
    """Name a status: `503 Service Unavailable`."""
    return f"{answer.status} {httpx.codes.get_reason_phrase(answer.status)}".strip()


def make_url(endpoint: str, environment: Mapping[str, str]) -> httpx.URL:
    """Expand an address. Raises ModelError where a variable is not set or no usable address comes of it."""
    try:
        url = httpx.URL(expanded(endpoint, environment))
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise ModelError(
            f"{endpoint} is not an http:// or https:// URL without user and password, once its variables are replaced"
        )
    return url.copy_with(fragment=None)


def make_headers(written: Mapping[str, str], api_key_env: str | None, environment: Mapping[str, str]) -> httpx.Headers:
    """Expand headers, and add ours and the key's. Raises ModelError: a variable not set, a value that can't be sent."""
    headers = httpx.Headers(
        {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        },
        encoding="utf-8",
    )
    for name, value in written.items():
        headers[name] = _sendable(expanded(value, environment), f"the header {name}")
    if api_key_env:
        key = expanded(f"${{{api_key_env}}}", environment)
        headers["Authorization"] = f"Bearer {_sendable(key, api_key_env)}"
    return headers


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """Put variables in. Raises ModelError where one is not set."""
    try:
        return expand(text, environment)
    except KeyError as error:
        raise ModelError(f"the environment variable {error.args[0]} is not set") from None


def _sendable(value: str, where: str) -> str:
    if not HEADER_FAULTS.isdisjoint(value):
        raise ModelError(f"{where} holds a line break or a zero character, which can't be sent in a header")
    return value
