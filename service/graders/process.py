"""One process of a user's own grader, seen from its parent: started, asked, ended, killed."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from domain.errors import GraderError
from domain.graded import Asked, Graded
from service.graders.messages import Call, Opening, Ready, Reply

COMMAND = [sys.executable, "-u", "-P", "-m", "service.graders.child"]
KEPT_BACK = "MATCHSPEC_API_KEY"
START_SECONDS = 60.0  # for imports, the factory and setup together, where timeout_seconds is not longer
SAID_BYTES = 2_000
Hiding = Callable[[str], str]
MESSAGE_BYTES = 1_000_000  # the child's own are shorter by far
AFTERMATH_SECONDS = 0.2  # for what is still in the pipes after the exit, when something left the group with them
REAP_SECONDS = 5

_readiness = msgspec.json.Decoder(Ready)
_replies = msgspec.json.Decoder(Reply)


class ProcessLost(GraderError):
    """The process ended over this grading, or was killed for it."""


class Interrupted(Exception):
    """The process ended, and it is not known that this grading was the reason."""


class _Waiting(NamedTuple):
    """A grading under way, with its deadline."""

    answer: asyncio.Future[Reply]
    deadline: asyncio.Timeout


class GraderProcess:
    """A running process. Nothing that it starts outlives it, but what left its process group."""

    def __init__(
        self, process: asyncio.SubprocessTransport, output: "_Output", wire: asyncio.Transport, hidden: Hiding
    ) -> None:
        self.together = False
        self._seconds = 0.0
        self._process = process
        self._output = output
        self._wire = wire
        self._hidden = hidden
        self._numbers = count(1)
        self._asked: dict[int, _Waiting] = {}
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._killed = False
        self._watching = asyncio.create_task(self._watch())

    @classmethod
    async def start(cls, folder: Path, environment: Mapping[str, str], hidden: Hiding) -> Self:
        """Start a process in the folder, in a session, and so a group, of its own; ProcessLost if that fails.

        `hidden` takes secrets out of what it prints.
        """
        starting = asyncio.ensure_future(cls._start(folder, environment, hidden))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with suppress(ProcessLost):
                await (await starting).kill()
            raise

    @classmethod
    async def _start(cls, folder: Path, environment: Mapping[str, str], hidden: Hiding) -> Self:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        wire, messages = await loop.create_unix_connection(_Messages, sock=ours)
        variables = {name: value for name, value in environment.items() if name != KEPT_BACK}
        try:
            process, output = await loop.subprocess_exec(
                _Output,
                *COMMAND,
                stdin=theirs.fileno(),
                stderr=asyncio.subprocess.STDOUT,
                cwd=folder,
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            wire.close()
            raise ProcessLost(f"the grader's process can't be started: {error.strerror}") from None
        finally:
            theirs.close()
        started = cls(process, output, wire, hidden)
        messages.receive, messages.ended = started._receive, started._cut_off
        return started

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not (self._killed or self._wire.is_closing() or self._output.exited.is_set())

    async def open(self, opening: Opening, call_seconds: float) -> None:
        """Have the grader loaded and set up; GraderError when that fails, ProcessLost when the process ends over it."""
        self._seconds = call_seconds
        seconds = max(START_SECONDS, call_seconds)
        try:
            self._wire.write(msgspec.json.encode(opening) + b"\n")
            async with asyncio.timeout(seconds):
                ready = await self._ready
        except TimeoutError:
            await self.kill()
            raise ProcessLost(f"not set up within {seconds:g} s; the grader's process was killed") from None
        if ready.error is not None:
            raise GraderError(ready.error)
        self.together = ready.together

    async def ask(self, asked: Asked) -> Graded:
        """Ask for a score. GraderError when the grader gives none, ProcessLost, Interrupted.

        The time of one that waits in the process for its turn begins with the turn.
        """
        if not self.alive:
            raise Interrupted
        number = next(self._numbers)
        message = _encode(number, asked)
        begins = self.together or not self._asked
        try:
            async with asyncio.timeout(self._seconds if begins else None) as deadline:
                answer = asyncio.get_running_loop().create_future()
                self._asked[number] = _Waiting(answer, deadline)
                self._wire.write(message)
                reply = await answer
        except TimeoutError:
            await self.kill()
            raise ProcessLost(f"no score within {self._seconds:g} s; the grader's process was killed") from None
        finally:
            self._asked.pop(number, None)
        if reply.error is not None:
            raise GraderError(reply.error)
        return Graded(reply.score, reply.detail)

    async def end(self, seconds: float) -> str | None:
        """Let the grader tear down within a time, then kill what is left. Tells what went wrong in the teardown."""
        try:
            if self.alive:
                self._wire.write_eof()
                async with asyncio.timeout(seconds):
                    await self._output.exited.wait()
        except TimeoutError:
            return f"not torn down within {seconds:g} s"
        finally:
            await self.kill()
        return self._ending() if self._process.get_returncode() else None

    async def kill(self) -> None:
        """Kill the process group, and wait until it is gone and all who wait for an answer know."""
        self._killed = True
        self._cut_off()
        with suppress(TimeoutError):  # stuck in the kernel; the loop reaps it when it can
            async with asyncio.timeout(REAP_SECONDS):
                await asyncio.shield(self._watching)

    def _cut_off(self) -> None:
        if not self._output.exited.is_set():
            self._signal()

    def _signal(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.get_pid(), signal.SIGKILL)

    async def _watch(self) -> None:
        """Wait for the end; then no process of the group is left, and nobody waits for an answer any more."""
        await self._output.exited.wait()
        self._signal()
        with suppress(TimeoutError):
            async with asyncio.timeout(AFTERMATH_SECONDS):
                await self._output.drained.wait()
        self._process.close()
        self._wire.close()
        self._bury()

    def _bury(self) -> None:
        lost = ProcessLost(f"the grader's process {self._ending()}")
        first = next(iter(self._asked.values()), None)
        is_known = not self._killed and (not self.together or len(self._asked) == 1)
        for waiting in self._asked.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(lost if is_known and waiting is first else Interrupted())
        if not self._ready.done():
            self._ready.set_exception(lost)
            self._ready.exception()  # it need not have been waited for

    def _ending(self) -> str:
        # Secrets first: the end of one at the beginning of what is left would not be known for what it is.
        said = self._hidden(self._output.said.decode(errors="replace"))[-SAID_BYTES:].strip()
        return f"{_ending(self._process.get_returncode())}{': ' if said else ''}{said}"

    def _receive(self, message: bytes) -> None:
        try:
            if not self._ready.done():
                self._ready.set_result(_readiness.decode(message))
                return
            reply = _replies.decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._signal()  # the user's code has written where it should not
            return
        waiting = self._asked.pop(reply.number, None)
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_result(reply)
        if not self.together and self._asked:
            first = next(iter(self._asked.values()))
            first.deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)


class _Output(asyncio.SubprocessProtocol):
    """The end of what the process prints, and its exit."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.exited = asyncio.Event()
        self.drained = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.said += data
        del self.said[: -10 * SAID_BYTES]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.drained.set()

    def process_exited(self) -> None:
        self.exited.set()


class _Messages(asyncio.Protocol):
    """Cuts what comes up the socket into messages."""

    def __init__(self) -> None:
        self.receive: Callable[[bytes], None] = lambda _message: None
        self.ended: Callable[[], None] = lambda: None
        self._begun = b""

    def data_received(self, data: bytes) -> None:
        self._begun += data
        if b"\n" in data:
            *messages, self._begun = self._begun.split(b"\n")
            for message in messages:
                self.receive(message)
        elif len(self._begun) > MESSAGE_BYTES:
            self.receive(self._begun)  # which is none

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended()


def _encode(number: int, asked: Asked) -> bytes:
    try:
        return msgspec.json.encode(Call(number, *asked)) + b"\n"
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise GraderError(f"the example can't be handed to the grader's process: {error}") from None


def _ending(code: int | None) -> str:
    if code is None:
        return "was killed"
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
