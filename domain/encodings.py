"""The forms in which programs hand a text on: in JSON, in an address, in HTML, in base64, in hex."""

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_ESCAPED_BYTE = re.compile("%[0-9A-F]{2}")


def forms(text: str) -> set[str]:
    """Give the text as it is, and every form that it has within others' text. Half a surrogate counts as `?`."""
    data = text.encode(errors="replace")
    found = {text, text.lower(), html.escape(text), repr(text)[1:-1], data.hex(), data.hex().upper()}
    found |= {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    for in_address in _in_addresses(text):
        found |= {in_address, _ESCAPED_BYTE.sub(lambda escaped: escaped[0].lower(), in_address)}
    return found | set(_in_base64(data))


def _in_addresses(text: str) -> Iterator[str]:
    yield quote(text, errors="replace")
    yield quote(text, safe="", errors="replace")
    yield quote_plus(text, errors="replace")
    yield quote(text, safe="!#$%&'()*+,/:;=?@[]~\\^`{|}", errors="replace")  # only what an address can't hold


def _in_base64(data: bytes) -> Iterator[str]:
    """Give what base64 makes of the bytes after 0, 1 or 2 others (modulo 3), less what depends on their neighbours.

    So `Bearer KEY`, `user:KEY` and KEY alone are all found.
    """
    for before, mixed in enumerate((0, 2, 3)):
        whole = (before + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + data)[mixed:whole].decode()
