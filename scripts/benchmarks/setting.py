"""What every part of the benchmark is given."""

from pathlib import Path
from typing import NamedTuple

from benchmarks.sizes import Sizes


class Asked:
    """The most a second that was asked of the benchmark's own model server and client."""

    def __init__(self) -> None:
        self.calls = 0.0
        self.polls = 0.0

    def note_calls(self, rate: float) -> None:
        """Take in a run that made so many calls a second."""
        self.calls = max(rate, self.calls)

    def note_polls(self, rate: float) -> None:
        """Take in so many polls a second."""
        self.polls = max(rate, self.polls)


class Setting(NamedTuple):
    """A folder of its own, how much, how often, and where to note what was asked of the benchmark's own programs."""

    folder: Path
    sizes: Sizes
    rounds: int
    asked: Asked
