"""Commands that wait for the writer, and how many of them share a commit."""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

import msgspec

from domain.events import Event
from domain.run import Run
from domain.share import Share
from service.log.event_log import Content

Command = Callable[[Run, str], Sequence[Event]]
"""(the run's state, the time) -> the events that follow; raises where they can't."""

GROUP = 1_000
GROUP_BYTES = 8_000_000

ANSWERED_AT_ONCE = 8
"""So many callers go on in a turn of the loop: each asks its model for the next example, and whoever polls waits."""


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A command, or only contents to pin, with the shares that are to be worked on after it, and whom to answer."""

    run_id: str
    command: Command | None
    contents: Sequence[Content]
    shares: Sequence[Share]
    answer: asyncio.Future[None]


def tell(answer: asyncio.Future[None], error: Exception | None = None) -> None:
    """Answer whoever waits, if anybody still does: it is committed and shown, or why it is not."""
    if answer.done():
        return
    if error:
        answer.set_exception(error)
    else:
        answer.set_result(None)


async def tell_in_turns(accepted: Sequence[Pending]) -> None:
    """Answer all whose commands are committed and shown, some in a turn of the loop."""
    for number, pending in enumerate(accepted, 1):
        tell(pending.answer)
        if number % ANSWERED_AT_ONCE == 0:
            await asyncio.sleep(0)


class Waiting:
    """What waits to be decided, the oldest first."""

    def __init__(self) -> None:
        self._pending: list[Pending] = []
        self._since: float | None = None

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def lag(self) -> float:
        """For how many seconds something has waited, or is being written."""
        return 0.0 if self._since is None else monotonic() - self._since

    def put(self, pending: Pending) -> None:
        """Add one."""
        self._pending.append(pending)
        if self._since is None:
            self._since = monotonic()

    def take_group(self) -> list[Pending]:
        """Take those that go into one commit; there are none where nothing waits."""
        count = size = 0
        for pending in self._pending[:GROUP]:
            for content in pending.contents:
                size += len(content.content)
            if count and size > GROUP_BYTES:
                break
            count += 1
        group, self._pending = self._pending[:count], self._pending[count:]
        return group

    def take_all(self) -> list[Pending]:
        """Take all, to be refused."""
        taken, self._pending = self._pending, []
        return taken

    def note_written(self, began: float) -> None:
        """A group that was taken at this time is written: what waits has come since."""
        self._since = began if self._pending else None
