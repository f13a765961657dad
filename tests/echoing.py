"""A server that gives the key it is sent back, in the way that the path of a request names."""

import asyncio
import base64
import gzip
import html
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote

from hostile_server import answer

Echo = Callable[[str], bytes]


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """Run the server; gives its port."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n") if ": " in line)
        name = head.split()[1].rpartition("/")[2]
        secret = fields.get("X-Odd") or fields.get("Authorization", "").removeprefix("Bearer ")
        await reader.readexactly(int(fields.get("Content-Length", 0)))
        writer.write(ECHOES.get(name, ECHOES["unauthorized"])(secret))
        await writer.drain()
        if name == "hangs":
            await reader.read()
    writer.close()


def _json(value: object, status: str = "200 OK") -> bytes:
    return answer(json.dumps(value).encode(), "Content-Type: application/json", status=status)


def _refusal(text: str, *headers: str) -> bytes:
    return answer(text.encode(), *headers, status="401 Unauthorized")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ECHOES: dict[str, Echo] = {
    "output": lambda key: _json({"a": {"b": f"your key is {key}"}}),
    "unauthorized": lambda key: _refusal(f"Incorrect API key provided: {key}."),
    "server-error": lambda key: answer(key.encode(), status="500 Internal Server Error"),
    "bad-request": lambda key: _json({"error": {"message": f"key {key}"}}, "400 Bad Request"),
    "unprocessable": lambda key: _json({"detail": [{"headers": {"authorization": f"Bearer {key}"}}]}, "422 Unsuited"),
    "json-in-json": lambda key: _json({"a": {"b": json.dumps({"key": key})}}),
    "keys": lambda key: _json({key: 1, f"x-{key}": 2}),
    "number": lambda key: _json({"a": {"b": [key]}}),
    "not-json": lambda key: answer(f'{{"a": {{"b": "{key}'.encode()),
    "nan": lambda key: answer(f'{{"a": NaN, "{key}": 1}}'.encode()),
    "deep": lambda key: answer(b"[" * 100_000 + key.encode()),
    "percent": lambda key: _refusal(f"?key={quote(key, safe='')}&again={quote(key)}"),
    "percent-small": lambda key: _refusal("".join(f"%{byte:02x}" if byte < 48 else chr(byte) for byte in key.encode())),
    "base64": lambda key: _refusal(_base64(key)),
    "base64-bearer": lambda key: _refusal(_base64(f"Bearer {key}")),
    "base64-basic": lambda key: _refusal(f"{_base64(f'user:{key}')} {_base64(f'ab:{key}:c')} {_base64(f'abc:{key}')}"),
    "base64-url": lambda key: _refusal(base64.urlsafe_b64encode(key.encode()).decode()),
    "hex": lambda key: _refusal(f"{key.encode().hex()} {key.encode().hex().upper()}"),
    "html": lambda key: _refusal(f"<p>{html.escape(key)}</p>"),
    "repr": lambda key: _refusal(repr({"key": key})),
    "small-letters": lambda key: _refusal(f"no such host: {key.lower()}.test"),
    "cut-at-200": lambda key: _refusal("x" * 190 + key),
    "cut-at-800": lambda key: _refusal(" " * 790 + key),
    "cut-at-1000": lambda key: answer(("\U0010fffd" * 245 + key + " " * 9_000).encode()),
    "cut-at-4000": lambda key: _refusal("\U0010fffd" * 995 + key),
    "status-line": lambda key: b"HTTP/1.1 401 " + key.encode() + b"\r\nContent-Length: 0\r\n\r\n",
    "location": lambda key: answer(b"", f"Location: http://127.0.0.1:1/{key}", status="302 Found"),
    "cookie": lambda key: _refusal("no", f"Set-Cookie: key={key}", f"WWW-Authenticate: Bearer {key}"),
    "charset": lambda key: answer(b"\xff", f"Content-Type: text/plain; charset={key}"),
    "encoding": lambda key: answer(b"x", f"Content-Encoding: {key}"),
    "encoding-cut": lambda key: answer(b"x", f"Content-Encoding: {'x' * 190}{key}"),
    "retry-after": lambda key: answer(b"", f"Retry-After: {key}", status="429 Too Many Requests"),
    "length": lambda key: b"HTTP/1.1 200 OK\r\nContent-Length: " + key.encode() + b"\r\n\r\n",
    "chunk": lambda key: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + key.encode() + b"\r\n",
    "header": lambda key: b"HTTP/1.1 200 OK\r\n" + key.encode() + b"\0\r\n\r\n",
    "not-http": lambda key: key.encode() + b"\r\n\r\n",
    "cut-off": lambda key: answer(key.encode(), length=1_000),
    "hangs": lambda key: answer(key.encode(), length=1_000),
    "too-large": lambda key: answer(key.encode() * 300_000),
    "gzip": lambda key: answer(gzip.compress(key.encode()), "Content-Encoding: gzip", status="403 Forbidden"),
    "gzip-broken": lambda key: answer(key.encode(), "Content-Encoding: gzip"),
    "utf-16": lambda key: answer(
        key.encode("utf-16"), "Content-Type: text/plain; charset=utf-16", status="403 Forbidden"
    ),
    "usage": lambda key: _json({"a": {"b": "fine"}, "usage": {"prompt_tokens": key, key: 1}}),
    "chat": lambda key: _json({"choices": [{"message": {"content": f"10, and the key is {key}"}}]}),
    "finish": lambda key: _json({"choices": [{"message": {"content": "1"}, "finish_reason": key}]}),
    "embedding": lambda key: _json({"data": [{"index": 0, "embedding": [key]}, {"index": key}]}),
}
