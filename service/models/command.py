"""The `command` model: one subprocess per example, without a shell."""

import asyncio
import errno
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

from domain.errors import ModelError
from domain.model_spec import CommandModel
from service.models.ask import Ask, Reply
from service.models.reply import MAX_BYTES

STDERR_BYTES = 8_000  # kept, so that a secret is whole when it is replaced
STDERR_SHOWN = 2_000
AFTERMATH_SECONDS = 0.2  # for output still in the pipes after the exit, when a grandchild keeps them open
REAP_SECONDS = 5
KEPT_BACK = "MATCHSPEC_API_KEY"


def open_command(spec: CommandModel, *, folder: Path, environment: Mapping[str, str]) -> Ask:
    """Prepare the model. Nothing that a call starts outlives it, but what left its process group."""
    inherited = {name: value for name, value in environment.items() if name != KEPT_BACK}

    async def ask(text: str) -> Reply:
        if spec.input_via != "stdin" and "\0" in text:
            raise ModelError("the input holds a zero character, which only `input_via: stdin` can carry")
        argv = [*spec.command, text] if spec.input_via == "arg" else spec.command
        variables = {**inherited, "INPUT": text} if spec.input_via == "env" else inherited
        transport, call = await _start(argv, folder, variables)
        try:
            _feed(transport, text if spec.input_via == "stdin" else "")
            await call.ended()
        finally:
            await _sweep(transport, call)
        return Reply(_output(call, transport.get_returncode()))

    return ask


class _Call(asyncio.SubprocessProtocol):
    """One process under way: collects what it says, within bounds."""

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.exited = asyncio.Event()
        self._over = asyncio.Event()
        self._drained = asyncio.Event()
        self._open = {1, 2}

    @property
    def too_long(self) -> bool:
        return len(self.stdout) > MAX_BYTES

    async def ended(self) -> None:
        """Wait until the process has exited and what it said is here, or it said too much."""
        await self._over.wait()
        if self.too_long:
            return
        try:
            async with asyncio.timeout(AFTERMATH_SECONDS):
                await self._drained.wait()
        except TimeoutError:
            pass  # a grandchild holds the pipes; what was said so far counts

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self.stderr += data
            del self.stderr[:-STDERR_BYTES]
        elif len(self.stdout) <= MAX_BYTES:
            self.stdout += data
            if self.too_long:
                self._over.set()

    def pipe_connection_lost(self, fd: int, _exc: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open:
            self._drained.set()

    def process_exited(self) -> None:
        self.exited.set()
        self._over.set()


async def _start(
    argv: list[str], folder: Path, environment: Mapping[str, str]
) -> tuple[asyncio.SubprocessTransport, _Call]:
    """Start the process in a session, and so a group, of its own. Shielded: a cancelled start is swept up too."""
    start = asyncio.get_running_loop().subprocess_exec(
        _Call, *argv, cwd=folder, env=environment, start_new_session=True
    )
    starting = asyncio.ensure_future(start)
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError):
            await _sweep(*await starting)
        raise
    except OSError as error:
        raise _not_started(argv[0], folder, error) from None


def _feed(transport: asyncio.SubprocessTransport, text: str) -> None:
    """Write the input and close; a process that does not read it is fine."""
    stdin = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
    if not stdin.is_closing():
        stdin.write(text.encode())
        stdin.close()


async def _sweep(transport: asyncio.SubprocessTransport, call: _Call) -> None:
    """Kill what is left of the process group, and wait until the process is reaped."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(transport.get_pid(), signal.SIGKILL)
    try:
        async with asyncio.timeout(REAP_SECONDS):
            await call.exited.wait()
    except TimeoutError:
        pass  # stuck in the kernel; the loop reaps it when it can
    finally:
        transport.close()


def _not_started(program: str, folder: Path, error: OSError) -> ModelError:
    if not folder.is_dir():
        return ModelError(f"command {program!r} can't be started: the harness file's folder is gone")
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            reason = "not found (the program, or the interpreter that its first line names)"
        case errno.EACCES:
            reason = "not executable"
        case errno.E2BIG:
            reason = "the input is too long for an argument or a variable; use `input_via: stdin`"
        case errno.ENOEXEC:
            reason = "not a program (a script needs a first line such as #!/bin/sh)"
        case _:
            retry = error.errno in {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
            return ModelError(f"command {program!r} can't be started: {error.strerror}", retry=retry)
    return ModelError(f"command {program!r} can't be started: {reason}")


def _output(call: _Call, code: int | None) -> str:
    if call.too_long:
        raise ModelError("reply over 8 MB")
    if code:
        end = _ending(code)
        said = call.stderr.decode(errors="replace")
        raise ModelError(f"command {end}", said=said, shorten=_end_of, retry=True)
    text = call.stdout.decode(errors="replace")
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")


def _end_of(text: str) -> str:
    return text[-STDERR_SHOWN:].strip()


def _ending(code: int) -> str:
    if code > 0:
        return f"exited with {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
