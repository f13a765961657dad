"""What came back over HTTP: bounded bytes, then text that can be stored."""

import codecs
import re
import zlib

from domain.errors import ModelError
from service.models.message import Answer

MAX_BYTES = 8_000_000
SHOWN_CHARACTERS = 200

# Python also knows codecs that are no character sets (hex), quadratic (punycode), or give text that can't be stored.
CHARSETS = frozenset(
    {"utf-8", "ascii", "iso8859-1", "iso8859-2", "iso8859-15", "cp1250", "cp1251", "cp1252", "koi8-r"}
    | {"utf-16", "utf-16-le", "utf-16-be", "shift_jis", "euc_jp", "euc_kr", "big5", "gbk", "gb18030"}
)
_surrogates = re.compile("[\ud800-\udfff]")


def decoded(answer: Answer, *, whole: bool = True) -> bytes:
    """Undo the body's Content-Encoding, within the cap. Raises ModelError: over the cap, cut off, unknown encoding.

    We ask for none, but some servers compress all the same. `whole=False` takes a body that was cut off.
    """
    body, encoding = answer.body, answer.header(b"content-encoding").strip().lower()
    if encoding in {"gzip", "x-gzip", "deflate"}:
        body = _inflated(body, whole=whole)
    elif encoding not in {"", "identity"}:
        raise ModelError("the reply's encoding is neither gzip nor deflate", said=encoding, shorten=on_one_line)
    if len(body) > MAX_BYTES:
        raise ModelError("reply over 8 MB")
    return body


def _inflated(body: bytes, *, whole: bool) -> bytes:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, as the first bytes say
    try:
        content = inflater.decompress(body[: MAX_BYTES + 1], MAX_BYTES + 1)
    except zlib.error:
        raise ModelError("the reply is not in the encoding that it names") from None
    if whole and not inflater.eof and len(content) <= MAX_BYTES:
        raise ModelError("the compressed reply was cut off", retry=True)
    return content


def text_of(body: bytes, answer: Answer) -> str:
    """Read a body as text, in the charset of its header, else as UTF-8; what is not text becomes U+FFFD."""
    return storable(body.decode(_charset(answer), "replace"))


def storable(text: str) -> str:
    """Put U+FFFD for lone surrogates, which can't be encoded as UTF-8."""
    return text if text.isascii() else _surrogates.sub("\ufffd", text)


def on_one_line(text: str) -> str:
    """Show the beginning of a text in a message: its first 200 characters, without line breaks and control codes."""
    line = " ".join(text[: 4 * SHOWN_CHARACTERS].split())
    return "".join(letter for letter in line if letter.isprintable())[:SHOWN_CHARACTERS]


def _charset(answer: Answer) -> str:
    try:
        name = codecs.lookup(answer.charset or "utf-8").name
    except (LookupError, ValueError):
        return "utf-8"
    return name if name in CHARSETS else "utf-8"
