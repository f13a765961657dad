"""A model, a judge and an embedding service in one place, each a Python function. Fake, within the test's process."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
from running import Answer, FakeModel

SHORT: dict[str, Any] = {"prompt_template": "{{expected}}|{{output}}"}
"""A setting of a judge whose prompts are easy to tell apart."""

Judge = Callable[[str], Awaitable[str | httpx.Response]]
Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]] | httpx.Response]]


class Services(FakeModel):
    """The model as `FakeModel` has it, and beside it a judge (prompt -> reply) and embeddings (texts -> vectors).

    `judged` and `embedded` hold what these were asked, in the order of the calls.
    """

    def __init__(self, answer: Answer | None = None, judge: Judge | None = None, embed: Embed | None = None) -> None:
        super().__init__(answer)
        self.judge = judge or _ten
        self.embed = embed or _all_alike
        self.judged: list[str] = []
        self.embedded: list[list[str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Take one call, of whichever kind its host says."""
        if request.url.host not in {"judge.test", "embed.test"}:
            return await super().handle_async_request(request)
        asked = json.loads(await request.aread())
        return await (self._judge(asked) if request.url.host == "judge.test" else self._embed(asked))

    async def _judge(self, asked: dict[str, list[dict[str, str]]]) -> httpx.Response:
        prompt = asked["messages"][0]["content"]
        self.judged.append(prompt)
        reply = await self.judge(prompt)
        if isinstance(reply, httpx.Response):
            return reply
        return httpx.Response(200, json={"choices": [{"message": {"role": "assistant", "content": reply}}]})

    async def _embed(self, asked: dict[str, list[str]]) -> httpx.Response:
        texts = asked["input"]
        self.embedded.append(texts)
        vectors = await self.embed(texts)
        if isinstance(vectors, httpx.Response):
            return vectors
        data = [{"index": index, "embedding": list(vector)} for index, vector in enumerate(vectors)]
        return httpx.Response(200, json={"data": data})


async def _ten(_prompt: str) -> str:
    return "10"


async def _all_alike(texts: Sequence[str]) -> list[list[float]]:
    return [[1.0, 0.0] for _ in texts]


def judge(*, threshold: float | None = None, **settings: object) -> dict[str, object]:
    """Give a grader that asks `Services.judge`, with these settings of its `config`."""
    config = {"endpoint": "http://judge.test/v1/chat/completions", "model": "judge-1", "timeout_seconds": 5} | settings
    return {"type": "llm_judge", "threshold": threshold, "config": config}


def similar(*, threshold: float | None = None, **settings: object) -> dict[str, object]:
    """Give a grader that asks `Services.embed`, with these settings of its `config`."""
    service = {"embedding_endpoint": "http://embed.test/v1/embeddings", "model": "embed-1", "timeout_seconds": 5}
    return {"type": "semantic_similarity", "threshold": threshold, "config": service | settings}
