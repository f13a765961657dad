"""Checkpoints written as a log grows: in a thread beside the appends, about once a second and at the end of each run.

A checkpoint says what is synced, never more: it is told of commits that are over. A fault here stops nothing.
"""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from domain.checkpoint import Checkpoint, Note
from service.log.checkpoint_file import write_checkpoint
from service.log.signing import Signer

logger = logging.getLogger("matchspec.log")

SECONDS = 1.0
SHORTEST_SECONDS = 0.1
"""Between two checkpoints, however many runs end."""


class Checkpoints:
    """Keeps the checkpoint file of one log up to its growth."""

    def __init__(self, path: Path, signer: Signer | None) -> None:
        self._path = path
        self._signer = signer
        self._latest: Checkpoint | None = None
        self._written: Checkpoint | None = None
        self._urgent = asyncio.Event()
        self._closing = asyncio.Event()
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def grow(self, checkpoint: Checkpoint, *, at_once: bool) -> None:
        """Take in that the log was synced up to here; `at_once` where the next second is too late."""
        self._latest = checkpoint
        if at_once:
            self._urgent.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_up(), name="checkpoints")

    async def close(self) -> None:
        """Write the last one."""
        self._closing.set()
        self._urgent.set()
        if self._task:
            await self._task
        if self._latest != self._written:
            await self._write()

    async def _keep_up(self) -> None:
        while self._latest != self._written and not self._closing.is_set():
            self._urgent.clear()
            await self._write()
            await _pause(self._closing, SHORTEST_SECONDS)
            await _pause(self._urgent, SECONDS - SHORTEST_SECONDS)

    async def _write(self) -> None:
        checkpoint = self._latest
        assert checkpoint is not None
        try:
            await asyncio.to_thread(self._sign_and_write, checkpoint)
        except OSError as error:
            if not self._failing:
                logger.warning("the checkpoint can't be written, and is tried again: %s", error)
            self._failing = True
            return
        if self._failing:
            logger.warning("the checkpoint can be written again")
        self._failing = False
        self._written = checkpoint

    def _sign_and_write(self, checkpoint: Checkpoint) -> None:
        write_checkpoint(self._path, self._signer.sign(checkpoint) if self._signer else Note(checkpoint))


async def _pause(until: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
