"""The model server that all are measured against: OpenAI's chat completions, answered with the prompt after a while.

    python -m benchmarks.peers.model PORT LATENCY_MS

A GET tells what was asked so far: `{"asked": 3, "answered": 2, "again": 0}`, `again` the answers to prompts that had
been answered before. An answer whose caller is gone does not count.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from live_server import SCRIPTS, ask, free_port, running
from openai_shape import CHAT_PATH

from benchmarks.http_answers import Answering


class Counts(msgspec.Struct):
    """What was asked, what was answered, and how many of the answers repeated an earlier one."""

    asked: int = 0
    answered: int = 0
    again: int = 0


class Message(msgspec.Struct):
    """One message of a request."""

    content: str


class Request(msgspec.Struct):
    """What is read of a request."""

    model: str
    messages: list[Message]


class Served:
    """What all connections share."""

    def __init__(self, latency_seconds: float) -> None:
        self.latency_seconds = latency_seconds
        self.counts = Counts()
        self.prompts: set[str] = set()

    def note_answer(self, prompt: str) -> None:
        """Count an answer."""
        self.counts.answered += 1
        self.counts.again += prompt in self.prompts
        self.prompts.add(prompt)


class Connection(Answering):
    """Answers calls after the latency."""

    def __init__(self, served: Served) -> None:
        super().__init__()
        self.served = served

    def take(self, body: bytes) -> None:
        """Answers a request."""
        if not body:
            self.write(msgspec.json.encode(self.served.counts))
            return
        request = msgspec.json.decode(body, type=Request)
        self.served.counts.asked += 1
        asyncio.get_running_loop().call_later(self.served.latency_seconds, self.answer, request)

    def answer(self, request: Request) -> None:
        """Writes the answer, unless nobody waits for it any more."""
        if self.transport.is_closing():
            return
        prompt = request.messages[-1].content
        self.write(msgspec.json.encode(completion(request.model, prompt)))
        self.served.note_answer(prompt)


def completion(model: str, prompt: str) -> dict[str, Any]:
    """The prompt as a chat completion, in OpenAI's shape (API reference, "Create chat completion")."""
    message = {"role": "assistant", "content": prompt}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 50, "completion_tokens": 50, "total_tokens": 100},
    }


async def serve(port: int, latency_seconds: float) -> None:
    """Listens on loopback for ever."""
    served = Served(latency_seconds)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(served), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


class Model:
    """A model server under way."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.endpoint = f"http://127.0.0.1:{port}{CHAT_PATH}"

    def counts(self) -> Counts:
        """What it was asked so far."""
        return msgspec.convert(ask(f"http://127.0.0.1:{self.port}/"), Counts)


@contextmanager
def model_server(folder: Path, latency_ms: int) -> Iterator[Model]:
    """The model server, for the time of a block, its counts at zero."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.model", str(port), str(latency_ms)]
    ready, log = f"http://127.0.0.1:{port}/", folder / f"model-{port}.log"
    with running("the model server", command, ready, log, PYTHONPATH=str(SCRIPTS)):
        yield Model(port)


def main() -> None:
    """Serves until it is stopped."""
    port, latency_ms = sys.argv[1:]
    uvloop.run(serve(int(port), int(latency_ms) / 1000))


if __name__ == "__main__":
    main()
