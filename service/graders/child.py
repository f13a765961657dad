"""The process in which a user's own grader runs: `python -P -m service.graders.child`.

Its standard input is a socket to the parent (`messages.py`). It imports little, since it starts anew after each crash.
"""

import asyncio
import os
import resource
import select
import signal
import sys
import threading
from collections.abc import Iterator

import msgspec

from service.graders.messages import Call, Opening, Ready, Reply
from service.graders.user_code import UserGrader, UserMistake, load

_CHUNK_BYTES = 2**18
_DETAIL_BYTES = 64_000
_UNWRITABLE = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)
_calls = msgspec.json.Decoder(Call)


def main() -> None:
    """Set the grader up, grade until the parent has no more, tear it down."""
    wire = _Wire()
    opening = msgspec.json.decode(next(wire.lines()), type=Opening)
    limit = opening.memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        grader = load(opening)
        grader.setup()
    except UserMistake as mistake:
        wire.send(msgspec.json.encode(Ready(error=str(mistake))))
        return
    wire.send(msgspec.json.encode(Ready(together=grader.together)))
    if grader.together:
        grader.run(_serve_together(wire, grader))
    else:
        _serve(wire, grader)
    try:
        grader.teardown()
    except UserMistake as mistake:
        sys.exit(str(mistake))  # printed, and an exit code of 1


class _Wire:
    """The way to the parent. What the grader reads and prints does not touch it; it ends with the parent."""

    def __init__(self) -> None:
        self.descriptor = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        self._begun = b""
        threading.Thread(target=self._end_with_parent, daemon=True).start()

    def lines(self) -> Iterator[bytes]:
        """Give the parent's messages as they come, until it has no more."""
        while (lines := self.read()) is not None:
            yield from lines

    def read(self) -> list[bytes] | None:
        """Wait for news, and give the messages that are whole by then; None when there will be no more."""
        chunk = os.read(self.descriptor, _CHUNK_BYTES)
        if not chunk:
            return None
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        return lines

    def send(self, message: bytes) -> None:
        """Write a message, whole."""
        left = memoryview(message + b"\n")
        while left:
            left = left[os.write(self.descriptor, left) :]

    def _end_with_parent(self) -> None:
        watch = select.poll()
        watch.register(self.descriptor, 0)  # a hang-up is told always
        watch.poll()
        os.killpg(0, signal.SIGKILL)


def _serve(wire: _Wire, grader: UserGrader) -> None:
    for line in wire.lines():
        call = _calls.decode(line)
        try:
            reply = Reply(call.number, *grader.grade(call))
        except UserMistake as mistake:
            reply = Reply(call.number, error=str(mistake))
        wire.send(_encode(reply))


async def _serve_together(wire: _Wire, grader: UserGrader) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    under_way = set[asyncio.Task[None]]()

    async def answer(call: Call) -> None:
        try:
            reply = Reply(call.number, *await grader.grade_async(call))
        except UserMistake as mistake:
            reply = Reply(call.number, error=str(mistake))
        wire.send(_encode(reply))

    def take() -> None:
        lines = wire.read()
        if lines is None:
            loop.remove_reader(wire.descriptor)
            over.set()
        for line in lines or []:
            task = loop.create_task(answer(_calls.decode(line)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    loop.add_reader(wire.descriptor, take)
    await over.wait()


def _encode(reply: Reply) -> bytes:
    try:
        message = msgspec.json.encode(reply, enc_hook=_plain)
    except _UNWRITABLE as error:
        return msgspec.json.encode(Reply(reply.number, error=f"the score's metadata can't be written as JSON: {error}"))
    if len(message) <= _DETAIL_BYTES or reply.error is not None:
        return message
    return msgspec.json.encode(Reply(reply.number, error=f"the score's metadata is over {_DETAIL_BYTES:,} bytes"))


def _plain(value: object) -> float:
    """Write what is a number to Python, such as numpy's, as one."""
    if not hasattr(value, "__float__"):
        raise TypeError(f"it holds a {type(value).__name__}")
    return float(value)


if __name__ == "__main__":
    main()
