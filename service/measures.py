"""What a process has done since it began, in numbers: cheap to note, for `GET /metrics` to tell."""

from bisect import bisect_left
from typing import Literal

from domain.events import ExampleScored, Recorded

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)

Kind = Literal["model", "judge", "embedding"]
"""Whom is called: the model under test, or a grader's service."""

MOST_ENDPOINTS = 100
OTHERS = "(others)"


class Histogram:
    """How many values were at most as large as each bound; the last count is of those above all bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Take in one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Calls:
    """The calls of one endpoint: how long they took, and how many gave no answer."""

    def __init__(self) -> None:
        self.seconds = Histogram(SECONDS)
        self.errors = 0

    def note(self, seconds: float, *, failed: bool) -> None:
        """Take in one call."""
        self.seconds.observe(seconds)
        self.errors += failed


class Measures:
    """All that is counted."""

    def __init__(self) -> None:
        self.examples = 0
        self.append_seconds = Histogram(SECONDS)
        self.append_commands = Histogram(SIZES)
        self.calls: dict[tuple[Kind, str], Calls] = {}

    def note(self, recorded: Recorded) -> None:
        """Take in an event that is shown."""
        if isinstance(recorded.event, ExampleScored):
            self.examples += 1

    def calls_of(self, kind: Kind, endpoint: str) -> Calls:
        """Those of an endpoint, named as it is written; beyond the first hundred all of a kind are one."""
        known = (kind, endpoint) in self.calls or len(self.calls) < MOST_ENDPOINTS
        return self.calls.setdefault((kind, endpoint if known else OTHERS), Calls())
