"""A misbehaving judge or embedding server costs a grader error: in time, with bounded memory."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from hostile_server import BEHAVIOURS, HostileServer, answer, gzip_bomb, hostile_server, says

from domain.errors import GraderError
from domain.graded import Asked
from domain.grader_spec import LlmJudgeConfig, LlmJudgeGrader, SemanticSimilarityConfig, SemanticSimilarityGrader
from domain.secrets import Secrets
from service.graders import service_call
from service.graders.judge import Judge, open_judge
from service.graders.similarity import Similarity, open_similarity
from service.models.transport import Transport

ASKED = Asked("in", "expected", "output", None)
KINDS = ["judge", "similarity"]
NOT_HTTP = "the answer is not valid HTTP, or its header is over 64 kB"
LIMIT = 0.5

TOLD = {
    "good": "'s reply is not a ",
    "never-answers": f"{{url}}: no answer within {LIMIT} s",
    "one-byte-a-second": f"{{url}}: no answer within {LIMIT} s",
    "closes-at-once": "{url}: connection closed before the answer",
    "cut-off": "{url}: answer cut off",
    "cut-off-chunk": "{url}: answer cut off",
    "broken-chunk": f"{{url}}: {NOT_HTTP}",
    "garbage": f"{{url}}: {NOT_HTTP}",
    "endless": "reply over ",
    "endless-refusal": "{url} answered 500 Internal Server Error: xxx",
    "length-too-small": f"{{url}}: {NOT_HTTP}",
    "length-nonsense": f"{{url}}: {NOT_HTTP}",
    "redirect": "{url} answered 302 Found",
    "too-many": "{url} answered 429 Too Many Requests: slow down",
    "lone-surrogate": "'s reply is not a ",
    "nan": "'s reply is not a ",
    "empty": "'s reply is not a ",
    "deep": "'s reply is JSON nested too deep",
    "bomb": "reply over 8 MB",
    "long-header": f"{{url}}: {NOT_HTTP}",
    "many-headers": f"{{url}}: {NOT_HTTP}",
}

CROWDED = {
    "many-numbers": b'{"data": [{"index": 0, "embedding": [' + b"0," * 3_900_000 + b"0]}]}",
    "many-items": b'{"data": [' + b"0," * 3_900_000 + b"0]}",
    "many-choices": b'{"choices": [' + b'{"message":{"content":""}},' * 290_000 + b"0]}",
}


@asynccontextmanager
async def grader_at(
    kind: str, path: str, server: HostileServer, seconds: float = LIMIT
) -> AsyncIterator[Judge | Similarity]:
    """Open a grader whose service is the hostile server at a path."""
    url = f"{server.url}/{path}"
    transport = Transport()
    judge = LlmJudgeGrader(config=LlmJudgeConfig(endpoint=url, model="m", timeout_seconds=seconds))
    config = SemanticSimilarityConfig(embedding_endpoint=url, model="m", timeout_seconds=seconds)
    similarity = SemanticSimilarityGrader(config=config)
    grader: Judge | Similarity = (
        open_judge(judge, {}, transport.send, lambda _below: 1, Secrets({}))
        if kind == "judge"
        else open_similarity(similarity, {}, transport.send, Secrets({}))
    )
    try:
        yield grader
    finally:
        await grader.close()
        await transport.aclose()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", TOLD)
async def test_a_misbehaving_service_is_a_grader_error_in_time(kind: str, path: str) -> None:
    """Each misbehaviour ends within the grader's time and a second, as a GraderError that says what it was."""
    gzip_bomb()
    async with hostile_server() as server, grader_at(kind, path, server) as grader:
        began = monotonic()
        with pytest.raises(GraderError) as caught:
            await grader.grade(ASKED)
        took = monotonic() - began

    assert TOLD[path].format(url=f"{server.url}/{path}") in str(caught.value)
    assert took < LIMIT + 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["endless", "endless-refusal", "bomb", "long-header", "many-headers", *CROWDED])
async def test_memory_stays_bounded(kind: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a huge body, nor one of very many small values, is taken in: at most 50 MB are held."""
    monkeypatch.setattr(service_call, "PAUSES", ())
    for name, body in CROWDED.items():
        monkeypatch.setitem(BEHAVIOURS, name, says(answer(body)))
    gzip_bomb()  # made before memory is looked at: this process is the server, too
    async with hostile_server() as server, grader_at(kind, path, server, seconds=20) as grader:
        tracemalloc.start()
        try:
            with pytest.raises(GraderError):
                await grader.grade(ASKED)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert server.sent < 20_000_000
    assert peak < 50_000_000


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_grading_closes_its_connection(kind: str) -> None:
    """Once the grader is closed, the server has no connection of ours left."""
    async with hostile_server() as server, grader_at(kind, "never-answers", server, seconds=20) as grader:
        grading = asyncio.ensure_future(grader.grade(ASKED))
        await asyncio.sleep(0.1)
        assert server.open_connections == 1
        grading.cancel()
        await grader.close()
        with pytest.raises(asyncio.CancelledError):
            await grading
        await server.all_hung_up()
