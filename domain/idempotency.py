"""`Idempotency-Key`: what a key may be, and what makes two requests the same.

The header is that of draft-ietf-httpapi-idempotency-key-header: a structured field's string (RFC 9651, `"a-1"`), or,
as most services take it, the same without quotes.
"""

import hashlib
import re

import msgspec

from domain.errors import InvalidRequest
from domain.mistakes import Mistake

HEADER = r'^(?:[\x21\x23-\x7e][\x21-\x7e]{0,254}|"(?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255}")$'
"""A pattern of the header's value: visible ASCII that does not begin with a quote, or a structured field's string."""

_ESCAPED = re.compile(r'\\(["\\])')


def read_key(sent: str) -> str:
    """Give the key that a header's value names: `"a-1"` and `a-1` are the same. InvalidRequest for any other value."""
    if not re.fullmatch(HEADER, sent):
        allowed = "must be 1 to 255 visible ASCII characters without spaces, with quotes around them or without"
        raise InvalidRequest([Mistake(allowed, field="Idempotency-Key")])
    return _ESCAPED.sub(r"\1", sent[1:-1]) if sent.startswith('"') else sent


def request_digest(request: msgspec.Struct) -> str:
    """SHA-256 in hex of a request as it was parsed: its fields as JSON, sorted by name, without those that are null."""
    given = {name: value for name, value in msgspec.structs.asdict(request).items() if value is not None}
    return hashlib.sha256(msgspec.json.encode(given, order="sorted")).hexdigest()
