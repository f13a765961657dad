"""Embeddings of a run: compared, shared by those who wait for them, and kept within a bound."""

import asyncio
import math
from collections.abc import Sequence

import numpy as np
import pytest

from domain.errors import GraderError
from domain.similarity import Vector, similarity
from service.graders.vectors import Vectors

VECTORS: dict[str, list[float]] = {"east": [1, 0], "north": [0, 1], "west": [-1, 0]}


def vector(*numbers: float) -> Vector:
    """Make a vector."""
    return np.array(numbers, np.float32)


async def errors_of(vectors: Vectors, *texts: str) -> list[str]:
    """Ask for texts all at once; give what came back, as messages."""
    return [str(one) for one in await asyncio.gather(*map(vectors.of, texts), return_exceptions=True)]


@pytest.mark.parametrize(
    ("first", "second", "score"),
    [
        (vector(1, 0), vector(1, 0), 1.0),
        (vector(1, 0), vector(0, 1), 0.0),
        (vector(1, 0), vector(-1, 0), 0.0),
        (vector(1, 0), vector(7, 0), 1.0),
        (vector(3, 4), vector(4, 3), 0.96),
        (vector(1e30, 0), vector(1e30, 1e30), math.sqrt(0.5)),
        (vector(1e-30, 0), vector(1e-30, 1e-30), math.sqrt(0.5)),
    ],
)
def test_the_score_is_the_cosine_clipped_to_0_1(first: Vector, second: Vector, score: float) -> None:
    """Lengths do not matter, opposite is 0, and neither large nor small numbers overflow."""
    assert similarity(first, second) == pytest.approx(score, abs=1e-12)
    assert 0 <= similarity(first, second) <= 1


def test_a_text_is_fully_similar_to_itself() -> None:
    """Exactly 1, whatever the numbers."""
    same = np.random.default_rng(1).normal(size=1_536).astype(np.float32)

    assert similarity(same, same.copy()) == 1.0


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (vector(0, 0), vector(1, 0), "an embedding is zero, so that it has no direction to compare"),
        (vector(1, 0), vector(0, 0), "an embedding is zero, so that it has no direction to compare"),
        (vector(1, 0), vector(1, 0, 0), "the two embeddings are of different lengths, 2 and 3 numbers"),
    ],
)
def test_vectors_that_can_not_be_compared_are_an_error(first: Vector, second: Vector, told: str) -> None:
    """A zero vector has no direction; vectors of different lengths come from different models."""
    with pytest.raises(GraderError) as caught:
        similarity(first, second)

    assert str(caught.value) == told


async def test_a_cancelled_example_leaves_its_batch_to_the_others() -> None:
    """One of two that wait for the same request goes away; the other gets its vector."""
    answered = asyncio.Event()

    async def embed(texts: Sequence[str]) -> list[Vector | GraderError]:
        await answered.wait()
        return [vector(*VECTORS[text]) for text in texts]

    vectors = Vectors(embed, 32)
    gone, stays = (asyncio.ensure_future(vectors.of("east")) for _ in range(2))
    await asyncio.sleep(0.02)
    gone.cancel()
    await asyncio.sleep(0)
    answered.set()

    assert list(await stays) == [1, 0]
    assert gone.cancelled()


async def test_closing_ends_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples that wait, for a batch in flight or one not yet sent, get an error, and no request is left."""
    ended: list[str] = []

    async def embed(_texts: Sequence[str]) -> list[Vector | GraderError]:
        try:
            return await asyncio.Future()
        finally:
            ended.append("request")

    vectors = Vectors(embed, 32)
    in_flight = asyncio.ensure_future(errors_of(vectors, "east", "north"))
    await asyncio.sleep(0.02)
    monkeypatch.setattr("service.graders.vectors.GATHER_SECONDS", 60)
    not_sent = asyncio.ensure_future(errors_of(vectors, "west"))
    for _ in range(5):  # turns of the loop, so that the texts are gathered
        await asyncio.sleep(0)
    await vectors.close()

    assert await in_flight == ["the embedding was abandoned"] * 2
    assert await not_sent == ["the embedding was abandoned"]
    assert ended == ["request"]


async def test_what_is_kept_is_bounded_and_the_longest_unused_goes_first() -> None:
    """Two vectors of 8 bytes fit in 16: after a third, the one that was not used again is asked for again."""
    asked: list[str] = []

    async def embed(texts: Sequence[str]) -> list[Vector | GraderError]:
        asked.extend(texts)
        return [vector(*VECTORS[text]) for text in texts]

    vectors = Vectors(embed, 1, kept_bytes=16)
    for text in ["east", "north", "east", "west", "east", "north"]:
        await vectors.of(text)

    assert asked == ["east", "north", "west", "north"]
