"""A model server that replays recorded answers: a real model, frozen.

    python scripts/replay_model.py ANSWERS.jsonl [--port 8092] [--latency-ms 0]

ANSWERS.jsonl holds `{"input": ..., "output": ...}` a line; other fields are ignored. The last user message of a chat
completion is looked up as an input, and its output is the answer; an unknown input is answered with 404.
`GET /calls` tells how often the server was asked; `GET /calls?detail=1` adds the calls of each input.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import httptools
import uvloop
from openai_shape import (
    CHAT_PATH,
    MODELS_PATH,
    BadRequestError,
    ChatRequest,
    completion,
    error_body,
    model_list,
    parse_chat_request,
)

REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found"}


class RecordedModel:
    """The recorded outputs by input, and the count of what was asked."""

    def __init__(self, name: str, outputs: dict[str, str], latency_seconds: float) -> None:
        self.name = name
        self.outputs = outputs
        self.latency_seconds = latency_seconds
        self.calls: Counter[str] = Counter()
        self.unknown = 0
        self.in_flight = 0
        self.peak_in_flight = 0
        self._numbers = itertools.count(1)

    def begin(self, request: ChatRequest) -> bool:
        """Counts a call; False where its input was never recorded."""
        if request.prompt not in self.outputs:
            self.unknown += 1
            return False
        self.calls[request.prompt] += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        return True

    def end(self) -> None:
        """Notes that a call was answered, or that its caller went away."""
        self.in_flight -= 1

    def answer(self, request: ChatRequest) -> bytes:
        """The completion for a known input."""
        output = self.outputs[request.prompt]
        return completion(request, output, number=next(self._numbers), created=int(time.time()))

    def counts(self, *, detail: bool) -> bytes:
        """The JSON body of `GET /calls`: `total` and `unknown` since the start, `in_flight` now and at its peak."""
        document: dict[str, object] = {
            "total": self.calls.total(),
            "distinct": len(self.calls),
            "unknown": self.unknown,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
        }
        return json.dumps(document | ({"inputs": self.calls} if detail else {})).encode()


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests are answered one after another, as HTTP clients send them."""

    def __init__(self, model: RecordedModel) -> None:
        self.model = model
        self.parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport
        self.waiting: dict[int, asyncio.TimerHandle] = {}
        self.number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drops the calls that nobody waits for any more."""
        for timer in self.waiting.values():
            timer.cancel()
            self.model.end()
        self.waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, which calls the `on_` methods."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.reply(400, error_body(f"not HTTP: {error}"))
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begins a request."""
        self.target, self.body = b"", b""

    def on_url(self, url: bytes) -> None:
        """Collects the request's target."""
        self.target += url

    def on_body(self, body: bytes) -> None:
        """Collects the request's body."""
        self.body += body

    def on_message_complete(self) -> None:
        """Answers a whole request."""
        method, target = self.parser.get_method(), urlsplit(self.target.decode("latin-1"))
        match method, target.path:
            case b"POST", path if path == CHAT_PATH:
                self.complete()
            case b"GET", "/calls":
                self.reply(200, self.model.counts(detail=parse_qs(target.query).get("detail") == ["1"]))
            case b"GET", path if path == MODELS_PATH:
                self.reply(200, model_list(self.model.name))
            case _, path:
                known = f"POST {CHAT_PATH}, GET {MODELS_PATH} and GET /calls"
                self.reply(404, error_body(f"no such path: {method.decode()} {path}; there are {known}"))

    def complete(self) -> None:
        """Answers a chat completion, after the latency."""
        try:
            request = parse_chat_request(self.body)
        except BadRequestError as error:
            self.reply(400, error_body(str(error)))
            return
        if not self.model.begin(request):
            self.reply(404, error_body(f"no answer is recorded for the input {request.prompt[:200]!r}"))
        elif self.model.latency_seconds:
            self.number += 1
            loop = asyncio.get_running_loop()
            self.waiting[self.number] = loop.call_later(self.model.latency_seconds, self.finish, self.number, request)
        else:
            self.finish(0, request)

    def finish(self, number: int, request: ChatRequest) -> None:
        """Sends the answer of a call whose latency is over."""
        self.waiting.pop(number, None)
        self.model.end()
        self.reply(200, self.model.answer(request))

    def reply(self, status: int, body: bytes) -> None:
        """Sends a JSON body; closes where the client asked for it."""
        head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, REASONS[status], len(body)) + body)
        if not self.parser.should_keep_alive():
            self.transport.close()


def read_answers(path: Path) -> dict[str, str]:
    """The outputs by input; raises SystemExit with the line that can't be read, or that records an input twice."""
    outputs: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            asked, output = record["input"], record["output"]
        except (ValueError, KeyError, TypeError):
            asked = output = None
        if not isinstance(asked, str) or not isinstance(output, str):
            raise SystemExit(f'{path}:{number}: must be an object with texts as "input" and "output"')
        if outputs.setdefault(asked, output) != output:
            raise SystemExit(f"{path}:{number}: this input stands on an earlier line with another output")
    return outputs


async def serve(model: RecordedModel, port: int) -> None:
    """Listens on loopback for ever; says where."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(model), "127.0.0.1", port, backlog=1024)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description="Replays recorded answers behind an OpenAI-shaped endpoint.")
    parser.add_argument("answers", type=Path, help='JSON Lines of {"input": ..., "output": ...}')
    parser.add_argument("--port", type=int, default=8092, help="8092 if left out; 0 takes any free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="from the request to its answer (0)")
    options = parser.parse_args()
    try:
        model = RecordedModel(options.answers.stem, read_answers(options.answers), options.latency_ms / 1000)
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve(model, options.port))
    except OSError as error:
        raise SystemExit(f"cannot replay {options.answers} on port {options.port}: {error.strerror}") from None


if __name__ == "__main__":
    main()
