"""The demo's model server: `demo_reader` behind an OpenAI-shaped HTTP endpoint, with the standard library only.

python3 scripts/demo_model.py [--port 8091] [--latency-ms 0]
"""

import argparse
import contextlib
import itertools
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from demo_reader import answer
from openai_shape import (
    CHAT_PATH,
    MODELS_PATH,
    BadRequestError,
    completion,
    error_body,
    model_list,
    parse_chat_request,
)

MODEL_NAME = "demo-reader"
MAX_BODY_BYTES = 1_000_000


class ModelServer(ThreadingHTTPServer):
    """Listens on loopback; `latency_seconds` is waited before each answer, to look like a larger model."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, latency_seconds: float) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.latency_seconds = latency_seconds
        self.numbers = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    server: ModelServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one packet
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """`GET /v1/models`."""
        if self.path == MODELS_PATH:
            self.reply(200, model_list(MODEL_NAME))
        else:
            self.reply(404, error_body(f"no such path: {self.path}; there are POST {CHAT_PATH} and GET {MODELS_PATH}"))

    def do_POST(self) -> None:
        """`POST /v1/chat/completions`."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self.reply(400, error_body(f"Content-Length: must be a number up to {MAX_BODY_BYTES}"))
            return
        body = self.rfile.read(int(length))
        if self.path == CHAT_PATH:
            self.reply(*self.complete(body))
        else:
            self.reply(404, error_body(f"no such path: {self.path}; post to {CHAT_PATH}"))

    def complete(self, body: bytes) -> tuple[int, bytes]:
        """Status and body that answer a chat completion request."""
        try:
            request = parse_chat_request(body)
        except BadRequestError as error:
            return 400, error_body(str(error))
        time.sleep(self.server.latency_seconds)
        number = next(self.server.numbers)
        return 200, completion(request, answer(request.prompt), number=number, created=int(time.time()))

    def reply(self, status: int, body: bytes) -> None:
        """Sends a JSON body."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's signature
        """Says nothing: a line a request would hide what matters."""


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description="The demo's model, behind an OpenAI-shaped endpoint on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8091, help="8091 if left out; 0 takes any free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="waited before each answer (0)")
    options = parser.parse_args()
    try:
        server = ModelServer(options.port, options.latency_ms / 1000)
    except OSError as error:
        raise SystemExit(f"cannot listen on 127.0.0.1:{options.port}: {error.strerror}") from None
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
