"""`semantic_similarity` over an embeddings endpoint: scores, batches, what is asked once, and whose error is whose."""

import asyncio
import json
import math
from collections.abc import Callable

import httpx
import pytest
from over_httpx import sending_to

from domain.errors import GraderError
from domain.graded import Asked, Graded
from domain.grader_rules import find_service_faults, find_service_variables
from domain.grader_spec import SemanticSimilarityConfig, SemanticSimilarityGrader
from domain.secrets import Secrets
from service.graders import service_call
from service.graders.similarity import Similarity, open_similarity

ENDPOINT = "http://embed.test/v1/embeddings"
EAST, NORTH, WEST = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]
VECTORS: dict[str, list[float]] = {
    "east": EAST,
    "north": NORTH,
    "west": WEST,
    "far east": [3.0, 0.0],
    "north-east": [1.0, 1.0],
    "nil": [0, 0],
}

Handler = Callable[[httpx.Request], httpx.Response]


class EmbeddingServer:
    """Embeds the texts it knows; refuses a request that holds another. Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.keys: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        texts = json.loads(request.content)["input"]
        self.asked.append(texts)
        self.keys.append(request.headers.get("authorization"))
        if not all(text in VECTORS for text in texts):
            return httpx.Response(400, text="unknown text")
        items = [{"object": "embedding", "index": i, "embedding": VECTORS[text]} for i, text in enumerate(texts)]
        return httpx.Response(200, json={"object": "list", "data": items[::-1], "model": "m"})


def grader_at(handler: Handler, secrets: Secrets | None = None, /, **settings: object) -> Similarity:
    """Open a grader whose service is a function."""
    written = {"embedding_endpoint": ENDPOINT, "model": "embed-1"} | settings
    spec = SemanticSimilarityGrader(config=SemanticSimilarityConfig(**written))  # type: ignore[arg-type]
    environment = {"HOST": "embed.test", "KEY": "sk-12345678"}
    return open_similarity(spec, environment, sending_to(httpx.MockTransport(handler)), secrets or Secrets({}))


def pair(expected: str, output: str) -> Asked:
    """Make an answered example of two texts."""
    return Asked("?", expected, output, None)


def replying(text: str) -> Handler:
    """Make a service that always sends the same body."""
    return lambda _request: httpx.Response(200, text=text)


async def outcomes(grader: Similarity, *pairs: Asked) -> list[float | str]:
    """Grade all at once; give the score or the message of each."""
    found = await asyncio.gather(*(grader.grade(one) for one in pairs), return_exceptions=True)
    return [one.score if isinstance(one, Graded) else str(one) for one in found]


async def test_examples_in_flight_share_one_request() -> None:
    """Four examples of three texts make one request that holds each once; the answer's order does not matter."""
    server = EmbeddingServer()
    grader = grader_at(server, api_key_env="KEY")
    pairs = [pair("east", "east"), pair("east", "north"), pair("east", "west"), pair("north", "east")]

    assert await outcomes(grader, *pairs) == [1.0, 0.0, 0.0, 0.0]
    await grader.close()
    assert [sorted(texts) for texts in server.asked] == [["east", "north", "west"]]
    assert server.keys == ["Bearer sk-12345678"]


async def test_the_detail_names_the_model() -> None:
    """Thresholds are per model, so that a reader must see which one it was."""
    assert await grader_at(EmbeddingServer()).grade(pair("east", "far east")) == Graded(1.0, {"model": "embed-1"})


async def test_a_text_is_embedded_once_a_run() -> None:
    """Later examples ask only for what is new."""
    server = EmbeddingServer()
    grader = grader_at(server)

    await grader.grade(pair("east", "north"))
    await grader.grade(pair("east", "north"))
    await grader.grade(pair("east", "west"))

    assert server.asked == [["east", "north"], ["west"]]


async def test_a_request_holds_at_most_a_batch() -> None:
    """With `batch_size: 2`, three texts make two requests."""
    server = EmbeddingServer()

    await outcomes(grader_at(server, batch_size=2), pair("east", "north"), pair("west", "west"))

    assert server.asked == [["east", "north"], ["west"]]


async def test_a_text_that_the_service_refuses_costs_only_its_own_example() -> None:
    """A 400 for a batch is asked for in halves, until the text that it is about stands alone."""
    server = EmbeddingServer()
    pairs = [pair("east", "east"), pair("north", "unknown"), pair("west", "far east")]

    assert await outcomes(grader_at(server), *pairs) == [
        1.0,
        f"{ENDPOINT} answered 400 Bad Request: unknown text",
        0.0,
    ]
    assert len(server.asked) <= 1 + 2 + 2 + 2


async def test_a_batch_that_fails_is_the_error_of_its_examples_only() -> None:
    """The examples of another batch are scored, and a later example with the same text asks again."""
    good = EmbeddingServer()
    calls: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        return httpx.Response(401, text="no") if len(calls) == 1 else good(request)

    grader = grader_at(handler, batch_size=2)
    refused = f"{ENDPOINT} answered 401 Unauthorized: no"

    assert await outcomes(grader, pair("east", "far east"), pair("north", "north-east")) == [
        refused,
        pytest.approx(math.sqrt(0.5)),
    ]
    assert await outcomes(grader, pair("east", "far east")) == [1.0]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"data": []}', "the embedding service gave none for this text (index 0 of 2 is missing)"),
        (
            '{"data": [{"index": 0, "embedding": [1, 0]}]}',
            "the embedding service gave none for this text (index 1 of 2 is missing)",
        ),
        (
            '{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}',
            "the two embeddings are of different lengths, 1 and 2 numbers",
        ),
        (
            '{"data": [{"index": 0, "embedding": [0, 0]}, {"index": 1, "embedding": [1, 2]}]}',
            "an embedding is zero, so that it has no direction to compare",
        ),
        (
            '{"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": [1, 2]}]}',
            "the embedding service gave an empty list of numbers for this text",
        ),
        (
            '{"data": [{"index": 0, "embedding": ["1"]}, {"index": 1, "embedding": [1, 2]}]}',
            "the embedding service gave no list of numbers for this text "
            "(Expected `float`, got `str` - at `$.embedding[0]`)",
        ),
        (
            '{"data": [{"index": 0, "embedding": null}, {"index": 1, "embedding": [1, 2]}]}',
            "the embedding service gave no list of numbers for this text "
            "(Expected `array`, got `null` - at `$.embedding`)",
        ),
        (
            '{"data": [{"index": 0, "embedding": [1e300]}, {"index": 1, "embedding": [1, 2]}]}',
            "the embedding of this text holds numbers that are not finite in 32 bits",
        ),
        (
            '{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}',
            "the embedding service gave the index 0 for 2 texts, or gave it twice",
        ),
        (
            '{"data": [{"index": 2, "embedding": [1]}]}',
            "the embedding service gave the index 2 for 2 texts, or gave it twice",
        ),
        (
            '{"data": [{"index": -1, "embedding": [1]}]}',
            "the embedding service gave the index -1 for 2 texts, or gave it twice",
        ),
        (
            '{"data": [{"embedding": [1]}]}',
            "the embedding service's reply is not a list of embeddings (Object missing required field `index`): "
            '{"embedding": [1]}',
        ),
        (
            '{"error": "no"}',
            "the embedding service's reply is not a list of embeddings (Object missing required field `data`): "
            '{"error": "no"}',
        ),
        (
            '{"data": [{"index": 0, "embedding": [NaN]}]}',
            "the embedding service's reply is not a list of embeddings "
            '(JSON is malformed: invalid character (byte 37)): {"data": [{"index": 0, "embedding": [NaN]}]}',
        ),
        (
            '{"data": [' + "0," * 30_000 + "0]}",
            "the embedding service's reply holds more than 12,288 numbers for each text",
        ),
    ],
)
async def test_an_embedding_that_can_not_be_used_is_a_grader_error(body: str, told: str) -> None:
    """Missing, empty, zero, not numbers, of another length, or not for the texts that were sent."""
    assert await outcomes(grader_at(replying(body)), pair("a", "b")) == [told]


async def test_a_bad_embedding_is_the_error_of_the_examples_with_its_text() -> None:
    """The other examples of the batch are scored."""
    items = [
        {"index": 0, "embedding": EAST},
        {"index": 1, "embedding": "none"},
        {"index": 2, "embedding": NORTH},
        {"index": 3, "embedding": NORTH},
    ]
    grader = grader_at(replying(json.dumps({"data": items})))

    assert await outcomes(grader, pair("a", "b"), pair("c", "d")) == [
        "the embedding service gave no list of numbers for this text (Expected `array`, got `str` - at `$.embedding`)",
        1.0,
    ]


@pytest.mark.parametrize(
    "handler",
    [replying('{"detail": "sk-12345678"}'), lambda _request: httpx.Response(400, text="sk-12345678")],
    ids=["garbage", "refusal"],
)
async def test_no_error_tells_a_secret(handler: Handler) -> None:
    """What a service says about a failure is shown with its secrets replaced."""
    grader = grader_at(handler, Secrets({"KEY": "sk-12345678"}), api_key_env="KEY")
    (message,) = await outcomes(grader, pair("a", "b"))

    assert "[secret KEY]" in str(message)
    assert "sk-1" not in str(message)


async def test_a_passing_failure_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503 costs a second attempt, not an example."""
    monkeypatch.setattr(service_call, "PAUSES", (0.001, 0.001))
    good = EmbeddingServer()
    calls: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        return httpx.Response(503) if len(calls) == 1 else good(request)

    assert await outcomes(grader_at(handler), pair("east", "far east")) == [1.0]


def test_a_variable_that_is_not_set_is_told_when_the_grader_is_opened() -> None:
    """By name, before anything is asked."""
    with pytest.raises(GraderError) as caught:
        grader_at(EmbeddingServer(), api_key_env="GONE")

    assert str(caught.value) == "the environment variable GONE is not set"


def test_mistakes_in_the_config_are_found_in_the_file() -> None:
    """An endpoint needs a model; a model or a key without an endpoint would be ignored."""
    with_endpoint = SemanticSimilarityConfig(embedding_endpoint="http://${HOST}/v1", api_key_env="KEY")
    without = SemanticSimilarityConfig(model="m", api_key_env="a b")

    def faults(config: SemanticSimilarityConfig) -> list[tuple[str | int, str]]:
        found = find_service_faults(SemanticSimilarityGrader(config=config), ("graders", 0))
        return [(fault.place[-1], fault.message) for fault in found]

    assert faults(with_endpoint) == [("model", "missing; with an embedding_endpoint it must name the model to ask for")]
    assert faults(without) == [
        ("model", "is for an embedding_endpoint; without one the local model is used"),
        ("api_key_env", "is for an embedding_endpoint; without one the local model is used"),
        ("api_key_env", "must be the name of an environment variable, such as OPENAI_API_KEY"),
    ]
    assert faults(SemanticSimilarityConfig()) == []
    assert find_service_variables(SemanticSimilarityGrader(config=with_endpoint), ("graders", 0)) == [
        (("graders", 0, "config", "embedding_endpoint"), "HOST"),
        (("graders", 0, "config", "api_key_env"), "KEY"),
    ]
