"""Embeddings of a run: each distinct text is embedded once, many texts at a time, and kept within a bound."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from domain.errors import GraderError
from domain.similarity import Vector

GATHER_SECONDS = 0.005
"""How long the first text of a batch waits for others."""

KEPT_BYTES = 100_000_000
ABANDONED = "the embedding was abandoned"

Embed = Callable[[Sequence[str]], Awaitable[list[Vector | GraderError]]]
"""Gives, for each text, its vector or why it has none; GraderError where that holds for all of them."""


class _Wanted(NamedTuple):
    key: bytes
    text: str
    found: asyncio.Future[Vector | GraderError]


class Vectors:
    """Texts in, vectors out. Failures are not kept: the next example with the text asks again."""

    def __init__(self, embed: Embed, batch_size: int, kept_bytes: int = KEPT_BYTES) -> None:
        self._embed = embed
        self._batch_size = batch_size
        self._free = kept_bytes
        self._kept: OrderedDict[bytes, Vector] = OrderedDict()
        self._wanted: dict[bytes, _Wanted] = {}
        self._gathered: list[_Wanted] = []
        self._timer: asyncio.TimerHandle | None = None
        self._batches: set[asyncio.Task[None]] = set()
        self._closed = False

    async def of(self, text: str) -> Vector:
        """Give a text's vector, or raise GraderError. A caller that is cancelled leaves the batch to the others."""
        key = blake2b(text.encode(), digest_size=16).digest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if self._closed:
            raise GraderError(ABANDONED)
        wanted = self._wanted.get(key) or self._gather(key, text)
        found = await asyncio.shield(wanted.found)
        if isinstance(found, GraderError):
            raise GraderError(str(found))  # an error of its own for each that waited
        return found

    async def close(self) -> None:
        """End what is under way; whoever still waits gets a GraderError."""
        self._closed = True
        if self._timer:
            self._timer.cancel()
        left, self._gathered = self._gathered, []
        self._settle(left, [])
        for batch in self._batches:
            batch.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)

    def _gather(self, key: bytes, text: str) -> _Wanted:
        loop = asyncio.get_running_loop()
        wanted = self._wanted[key] = _Wanted(key, text, loop.create_future())
        self._gathered.append(wanted)
        if len(self._gathered) >= self._batch_size:
            self._send()
        elif self._timer is None:
            self._timer = loop.call_later(GATHER_SECONDS, self._send)
        return wanted

    def _send(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        batch, self._gathered = self._gathered, []
        task = asyncio.get_running_loop().create_task(self._fetch(batch))
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)

    async def _fetch(self, batch: Sequence[_Wanted]) -> None:
        found: list[Vector | GraderError] = []
        try:
            found = await self._embed([wanted.text for wanted in batch])
        except GraderError as error:
            found = [error] * len(batch)
        finally:
            self._settle(batch, found)

    def _settle(self, batch: Sequence[_Wanted], found: Sequence[Vector | GraderError]) -> None:
        """Tell those who wait; where nothing was found, that the embedding was abandoned."""
        answers = found or [GraderError(ABANDONED)] * len(batch)
        for wanted, answer in zip(batch, answers, strict=True):
            del self._wanted[wanted.key]
            wanted.found.set_result(answer)
            if not isinstance(answer, GraderError):
                self._keep(wanted.key, answer)

    def _keep(self, key: bytes, vector: Vector) -> None:
        self._kept[key] = vector
        self._free -= vector.nbytes
        while self._free < 0:
            self._free += self._kept.popitem(last=False)[1].nbytes
