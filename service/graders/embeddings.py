"""Embeddings from a service whose endpoint has the shape of OpenAI's."""

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
import numpy as np

from domain.errors import GraderError
from domain.grader_spec import SemanticSimilarityConfig
from domain.secrets import Secrets
from domain.similarity import Vector
from service.graders.service_call import ServiceAddress, ServiceCall, UnsuitedError
from service.measures import Calls
from service.models.message import REFUSAL_BYTES, Send
from service.models.reply import MAX_BYTES, on_one_line

MAX_NUMBERS = 12_288  # of one embedding; a reply with more would only fill the memory


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Place(msgspec.Struct):
    index: int


class _Reply(msgspec.Struct):
    data: list[msgspec.Raw]


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_place = msgspec.json.Decoder(_Place).decode
_decode_item = msgspec.json.Decoder(_Item).decode


class EmbeddingService:
    """Turns texts into vectors, one request for all texts of a call."""

    def __init__(self, config: SemanticSimilarityConfig, call: ServiceCall) -> None:
        self._model = config.model
        self._call = call

    async def embed(self, texts: Sequence[str]) -> list[Vector | GraderError]:
        """Give each text's vector or why it has none; GraderError where the whole request failed.

        What the service finds unsuited (an empty text, one too long) is asked for in halves, so that the others of a
        batch do not suffer from it; all within the time of one call.
        """
        return await self._embed(texts, self._call.deadline())

    async def _embed(self, texts: Sequence[str], deadline: float) -> list[Vector | GraderError]:
        request = {"model": self._model, "input": texts}
        read = partial(self._vectors, wanted=len(texts))
        try:
            return await self._call.post(msgspec.json.encode(request), read, deadline)
        except UnsuitedError as error:
            if len(texts) == 1:
                return [error]
            half = len(texts) // 2
            return [*await self._embed(texts[:half], deadline), *await self._embed(texts[half:], deadline)]

    def _vectors(self, body: bytes, wanted: int) -> list[Vector | GraderError]:
        vectors: list[Vector | GraderError] = [
            GraderError(f"the embedding service gave none for this text (index {index} of {wanted} is missing)")
            for index in range(wanted)
        ]
        taken: set[int] = set()
        for item in self._items(body, wanted):
            index = self._place(item)
            if not 0 <= index < wanted or index in taken:
                raise GraderError(f"the embedding service gave the index {index} for {wanted} texts, or gave it twice")
            taken.add(index)
            vectors[index] = _vector(item)
        return vectors

    def _items(self, body: bytes, wanted: int) -> list[msgspec.Raw]:
        if body.count(b",") > wanted * MAX_NUMBERS:
            raise GraderError(f"the embedding service's reply holds more than {MAX_NUMBERS:,} numbers for each text")
        try:
            return _decode_reply(body.removeprefix(b"\xef\xbb\xbf")).data
        except RecursionError:
            raise GraderError("the embedding service's reply is JSON nested too deep") from None
        except ValueError as error:
            raise self._malformed(body, error) from None

    def _place(self, item: msgspec.Raw) -> int:
        try:
            return _decode_place(item).index
        except ValueError as error:
            raise self._malformed(bytes(item), error) from None

    def _malformed(self, body: bytes, error: ValueError) -> GraderError:
        start = on_one_line(self._call.hidden(body[:REFUSAL_BYTES].decode(errors="replace")))
        message = f"the embedding service's reply is not a list of embeddings ({error}): {start}"
        return GraderError(message.removesuffix(": "))


def _vector(item: msgspec.Raw) -> Vector | GraderError:
    """Read one embedding. What is wrong with it is the error of its text only."""
    try:
        numbers = _decode_item(item).embedding
    except ValueError as error:
        return GraderError(f"the embedding service gave no list of numbers for this text ({error})")
    with np.errstate(over="ignore"):
        vector = np.array(numbers, np.float64).astype(np.float32)
    if not len(vector):
        return GraderError("the embedding service gave an empty list of numbers for this text")
    if not np.isfinite(vector).all():
        return GraderError("the embedding of this text holds numbers that are not finite in 32 bits")
    return vector


def open_embedding_service(
    config: SemanticSimilarityConfig,
    endpoint: str,
    environment: Mapping[str, str],
    send: Send,
    secrets: Secrets,
    calls: Calls | None = None,
) -> EmbeddingService:
    """Prepare a service; its calls are noted in `calls`.

    GraderError where a variable is not set, or makes an address or header that can't be sent.
    """
    address = ServiceAddress(endpoint, config.api_key_env, config.timeout_seconds, MAX_BYTES)
    return EmbeddingService(config, ServiceCall(address, environment, send, secrets, calls or Calls()))
