"""A user's own grader, run in a process of its own that is started again when it is lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from domain.errors import GraderError
from domain.graded import Asked, Graded
from domain.grader_spec import PythonGrader, RegisteredGrader
from domain.python_config import PythonConfig, split_config
from domain.secrets import Secrets
from service.graders.factories import find_factory
from service.graders.messages import Opening
from service.graders.process import GraderProcess, Interrupted, ProcessLost
from service.graders.turns import Turns

logger = logging.getLogger("matchspec.grader")

CALLS_AHEAD = 4  # handed to a grader that takes one after another, so that it need not wait for the next
ASYNC_CALLS = 256
TEARDOWN_SECONDS = 10.0
LAST_CALLS_SECONDS = 1.0
SHOWN_CHARACTERS = 2_000  # of the beginning of a long message, and of its end
LOST_STARTS, LOST_GRADINGS = 3, 25  # so many in a row, and the grader is given up


def open_python_grader(
    spec: PythonGrader | RegisteredGrader, folder: Path, environment: Mapping[str, str], secrets: Secrets
) -> "UserGrader":
    """Prepare a user's own grader. `folder` is the harness file's; the process starts with the first example.

    Raises GraderError for a registered grader that is not installed.
    """
    config = split_config(spec)
    factory = find_factory(spec, folder)
    opening = Opening(*factory, config=config.own, memory_mb=config.memory_mb)
    return UserGrader(opening, config, folder, environment, secrets)


class UserGrader:
    """Grades one example at a time, an async grader several. Close it after the last."""

    def __init__(
        self,
        opening: Opening,
        config: PythonConfig,
        folder: Path,
        environment: Mapping[str, str],
        secrets: Secrets,
    ) -> None:
        self._opening = opening
        self._secrets = secrets
        self._seconds = config.timeout_seconds
        self._folder = folder
        self._environment = environment
        self._turns: Turns | None = None
        self._process: GraderProcess | None = None
        self._starting: asyncio.Task[GraderProcess] | None = None
        self._under_way = set[asyncio.Task[Graded]]()
        self._lost_starts = self._lost_gradings = 0
        self._given_up: str | None = None

    async def grade(self, asked: Asked) -> Graded:
        """Give the score. Raises GraderError, with the reason.

        An example that was under way beside others when the process was lost is asked once more, alone, unless it is
        known to be the culprit: the only one, the first in line of a grader that is not async, or one out of time.
        """
        try:
            return await self._graded(asked)
        except GraderError as error:
            raise GraderError(self._shown(str(error))) from None

    async def _graded(self, asked: Asked) -> Graded:
        process = await self._running()
        if self._turns is None:
            self._turns = Turns(ASYNC_CALLS if process.together else CALLS_AHEAD)
        for take in (self._turns.together, self._turns.alone):
            try:
                return await self._in_turn(asked, take)
            except Interrupted:
                continue
        raise GraderError("the grader's process was ended")

    async def close(self) -> None:
        """Tear the grader down; calls still under way get a moment. No process is left, also when this is cancelled."""
        self._given_up = "the grader is closed"
        patience = 0.0
        try:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=LAST_CALLS_SECONDS)
            if not self._under_way:
                patience = TEARDOWN_SECONDS
        finally:
            await self._end(patience)

    async def _end(self, patience: float) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._process is None:
            return
        if not patience:
            await self._process.kill()
        elif problem := await self._process.end(patience):
            logger.warning("grader %s: %s", self._opening.name, self._shown(problem))

    def _hidden(self, text: str) -> str:
        return self._secrets.replace(text)[0]

    def _shown(self, message: str) -> str:
        """Give a message without secrets; of a long one, which is cut only then, the beginning and the end."""
        message = self._hidden(message)
        if len(message) <= 2 * SHOWN_CHARACTERS:
            return message
        return f"{message[:SHOWN_CHARACTERS]} ... {message[-SHOWN_CHARACTERS:]}"

    async def _in_turn(self, asked: Asked, take: Callable[[], Awaitable[Callable[[], None]]]) -> Graded:
        """Ask when it is our turn. A caller who no longer waits leaves the turn taken until the answer is there."""
        give_back = await take()
        asking = asyncio.create_task(self._ask(asked))
        self._under_way.add(asking)
        asking.add_done_callback(lambda _: give_back())
        asking.add_done_callback(self._forget)
        await asyncio.wait([asking])
        return asking.result()

    def _forget(self, asking: asyncio.Task[Graded]) -> None:
        self._under_way.discard(asking)
        if not asking.cancelled():
            asking.exception()  # its caller may be gone

    async def _ask(self, asked: Asked) -> Graded:
        process = await self._running()
        try:
            return await process.ask(asked)
        except ProcessLost as lost:
            self._lost_gradings += 1
            if self._lost_gradings >= LOST_GRADINGS:
                self._give_up(f"{LOST_GRADINGS} gradings in a row have ended its process, the last: {lost}")
            raise
        finally:
            if process.alive:
                self._lost_gradings = 0

    async def _running(self) -> GraderProcess:
        """Give the process, after starting one if none is alive. All who wait for a start share what comes of it."""
        if self._given_up is not None:
            raise GraderError(self._given_up)
        if self._starting is None:
            if self._process is not None and self._process.alive:
                return self._process
            self._starting = asyncio.create_task(self._start())
        starting = self._starting
        await asyncio.wait([starting])
        if starting.cancelled():
            raise GraderError("the grader is closed")
        if error := starting.exception():
            raise GraderError(str(error)) from None
        return starting.result()

    async def _start(self) -> GraderProcess:
        try:
            if self._process is not None:
                await self._process.kill()
            self._process = await GraderProcess.start(self._folder, self._environment, self._hidden)
            await self._process.open(self._opening, self._seconds)
        except ProcessLost as lost:
            self._lost_starts += 1
            if self._lost_starts >= LOST_STARTS:
                self._give_up(f"{LOST_STARTS} starts in a row have failed, the last: {lost}")
            raise
        except GraderError as error:
            self._give_up(str(error))  # it would say so again
            raise
        finally:
            self._starting = None
        self._lost_starts = 0
        return self._process

    def _give_up(self, reason: str) -> None:
        self._given_up = self._given_up or reason
