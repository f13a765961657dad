"""`semantic_similarity`: how near output and expected text are in meaning, as embeddings have it."""

import asyncio
from collections.abc import Mapping

from domain.errors import GraderError
from domain.graded import Asked, Graded
from domain.grader_spec import SemanticSimilarityGrader
from domain.secrets import Secrets
from domain.similarity import similarity
from service.graders.embeddings import open_embedding_service
from service.graders.local_embeddings import PACKAGE, embed_locally, local_model_missing, local_model_version
from service.graders.vectors import Vectors
from service.measures import Calls
from service.models.message import Send


class Similarity:
    """Compares embeddings. `detail` says whose they are."""

    def __init__(self, vectors: Vectors, detail: Mapping[str, str]) -> None:
        self._vectors = vectors
        self._detail = dict(detail)

    async def grade(self, asked: Asked) -> Graded:
        """Give the cosine of the two embeddings, clipped to 0-1; GraderError where one can't be had."""
        expected, output = await asyncio.gather(self._vectors.of(asked.expected), self._vectors.of(asked.output))
        return Graded(similarity(expected, output), self._detail)

    async def close(self) -> None:
        """End requests under way; the transport is the caller's."""
        await self._vectors.close()


def open_similarity(
    spec: SemanticSimilarityGrader,
    environment: Mapping[str, str],
    send: Send,
    secrets: Secrets,
    calls: Calls | None = None,
) -> Similarity:
    """Prepare a grader. To embed each text once a run, open one for all harnesses with the same config.

    Calls of a service are noted in `calls`.

    Raises GraderError where a variable is not set, makes an address or a header that can't be sent, or where the
    local model is needed and not installed.
    """
    config = spec.config
    if config.embedding_endpoint is not None:
        service = open_embedding_service(config, config.embedding_endpoint, environment, send, secrets, calls)
        return Similarity(Vectors(service.embed, config.batch_size), {"model": config.model or ""})
    missing = local_model_missing()
    if missing:
        raise GraderError(missing)
    detail = {"model": PACKAGE, "version": local_model_version()}
    return Similarity(Vectors(embed_locally, config.batch_size), detail)
