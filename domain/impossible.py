"""Events that no run could have had where they stand: a log that was written by hand, or by a faulty program."""

from collections.abc import Iterable

from domain.codec import type_name
from domain.errors import LogUnreadable
from domain.events import Recorded, Started
from domain.run import Run
from domain.times import is_stamp

IMPOSSIBLE = (LookupError, ValueError, ArithmeticError, TypeError, MemoryError, StopIteration)
"""What folding such an event raises."""


def impossible(recorded: Recorded) -> LogUnreadable:
    """Tell that a log can't be folded past an event."""
    what = f"event {recorded.position} ({recorded.run_id}, version {recorded.version}, {type_name(recorded.event)})"
    return LogUnreadable(f"{what} can't follow what is before it; `matchspec verify` tells more")


def fold(run: Run, events: Iterable[Recorded]) -> None:
    """Take in a run's next events as they were read; LogUnreadable for one that can't be the next."""
    for recorded in events:
        begins = type(recorded.event) is Started
        if run.finished or begins != (run.version == 0) or (begins and not is_stamp(recorded.at)):
            raise impossible(recorded)
        try:
            run.apply(recorded.at, recorded.event)
        except IMPOSSIBLE as error:
            raise impossible(recorded) from error
