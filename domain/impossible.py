"""Events that no run could have had where they stand: a log that was written by hand, or by a faulty program."""

from domain.codec import type_name
from domain.errors import LogUnreadable
from domain.events import Started
from domain.run import Run
from domain.stretch import Stretch
from domain.times import is_stamp

IMPOSSIBLE = (LookupError, ValueError, ArithmeticError, TypeError, MemoryError, StopIteration)
"""What folding such an event raises."""


def impossible(stretch: Stretch, place: int = 0) -> LogUnreadable:
    """Tell that a log can't be folded past an event, the one at a place in its stretch."""
    version, name = stretch.version + place, type_name(stretch.events[place])
    what = f"event {version} of {stretch.run_id} ({name})"
    return LogUnreadable(f"{what} can't follow what is before it; `matchspec verify` tells more")


def fold(run: Run, stretch: Stretch) -> None:
    """Take in a run's next events as they were read; LogUnreadable for one that can't be the next."""
    for place, event in enumerate(stretch.events):
        begins = type(event) is Started
        if run.finished or begins != (run.version == 0) or (begins and not is_stamp(stretch.at)):
            raise impossible(stretch, place)
        try:
            run.apply(stretch.at, event)
        except IMPOSSIBLE as error:
            raise impossible(stretch, place) from error
