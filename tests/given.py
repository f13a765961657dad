"""`given(*events).when(command).then(*events)`: the commands of a run, told by what has happened and what follows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from domain.events import Event
from domain.run import Run

START = "2026-03-15T14:30:22.000000Z"
HASH = bytes(range(32))
"""A link of the chain, for events that are only folded."""


class When(NamedTuple):
    """A command about to be decided."""

    decide: Callable[[], Sequence[Event]]

    def then(self, *events: Event) -> None:
        """These events follow, and no others."""
        assert list(self.decide()) == list(events)

    def raises(self, error: type[Exception]) -> None:
        """Nothing follows: the command is refused."""
        with pytest.raises(error):
            self.decide()


class Given(NamedTuple):
    """A run with a past."""

    run: Run

    def when(self, command: Callable[[Run], Sequence[Event]]) -> When:
        """Decide a command on the run as it stands."""
        return When(lambda: command(self.run))


def given(*events: Event) -> Given:
    """Fold a run from its events; all of them happen at START."""
    run = Run()
    for event in events:
        run.apply(START, event)
    return Given(run)
