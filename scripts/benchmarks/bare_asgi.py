"""A bare ASGI application behind uvicorn, as matchspec is: sends the same bytes for every request.

    python -m benchmarks.bare_asgi PORT FILE [--lines]

With --lines the file holds JSON values, one a line, which are joined to a document at each request (msgspec.Raw).
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvicorn
import uvloop

from service.api.asgi import App, Receive, Scope, Send


class Joined(msgspec.Struct):
    """A document of stored values."""

    examples: list[msgspec.Raw]


def joiner(lines: bytes) -> Callable[[], bytes]:
    """Joins stored values at each call."""
    stored = [msgspec.Raw(line) for line in lines.splitlines()]
    encoder = msgspec.json.Encoder()
    return lambda: encoder.encode(Joined(stored))


def make_app(body: Callable[[], bytes]) -> App:
    """The application."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        content = body()
        headers = [
            (b"content-type", b"application/json"),
            (b"etag", b'W/"bare"'),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


def main() -> None:
    """Serves until it is stopped."""
    content = Path(sys.argv[2]).read_bytes()
    body = joiner(content) if "--lines" in sys.argv else lambda: content
    config = uvicorn.Config(
        make_app(body),
        port=int(sys.argv[1]),
        lifespan="off",
        ws="none",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
