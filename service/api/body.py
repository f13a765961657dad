"""What a request brings: who asks, and its body, decoded by the same rules as files."""

import asyncio
import json
from collections import Counter
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State

from domain.errors import InvalidRequest, UnsupportedMedia
from domain.idempotency import read_key
from domain.mistakes import Mistake
from domain.not_json import why_not_json
from service.api.media import JSON
from service.execution.starting import Caller
from service.files.mistake_list import LISTED_MISTAKES
from service.files.tree import from_json
from service.files.typed import convert

T = TypeVar("T")


class NoFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that takes none: nothing, or `{}`."""


def read_caller(request: Request[Any, Any, State]) -> Caller:
    """Tell who asks, and with which `Idempotency-Key`."""
    keys = request.headers.getall("idempotency-key", [])
    if len(keys) > 1:
        raise InvalidRequest([Mistake("may be there once only", field="Idempotency-Key")])
    client = request.client.host if request.client else None
    return Caller(client, request.headers.get("user-agent"), read_key(keys[0]) if keys else None)


async def read_body(request: Request[Any, Any, State], wanted: type[T]) -> T:
    """Decode a body, in a thread: one of half a million mistakes takes seconds. InvalidRequest, UnsupportedMedia."""
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
