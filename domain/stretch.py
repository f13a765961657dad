"""Events of one run that follow each other, as they are folded: nearly all of a log are askings, many in a row."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from domain.events import Event, ExampleAnswered, ExampleScored, Recorded, Score

ASKINGS = frozenset({ExampleAnswered, ExampleScored, Score})


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """Askings of one run that follow each other, one at least, or one event of any other kind.

    The events have the versions from `version` on; none stands behind `position` in the log, one that is no asking
    stands there. `at` and `hash` are as `Recorded` has them; they are empty for several askings, of which nothing is
    folded from them.
    """

    run_id: str
    version: int
    position: int
    events: Sequence[Event | Score]
    at: str = ""
    hash: bytes = b""


def alone(recorded: Recorded) -> Stretch:
    """Give the stretch of one event."""
    return Stretch(recorded.run_id, recorded.version, recorded.position, (recorded.event,), recorded.at, recorded.hash)


def stretches(events: Iterable[Recorded]) -> Iterator[Stretch]:
    """Give the log's next events by the stretch; a run's are in their order."""
    for _, same in groupby(events, _stretch):
        some = list(same)
        first = some[0]
        if len(some) == 1:
            yield alone(first)
        else:
            yield Stretch(first.run_id, first.version, some[-1].position, [one.event for one in some])


def _stretch(recorded: Recorded) -> str | int:
    """Give what the events of a stretch have in common: their run, or of an event by itself its position."""
    return recorded.run_id if type(recorded.event) in ASKINGS else recorded.position
