"""One figure of a benchmark: what was measured in each round, beside what its floor took, and the goal for it."""

import math
import statistics
from typing import Literal, NamedTuple


class Goal(NamedTuple):
    """What is to be reached: by the figure itself, or by its ratio to the floor."""

    value: float
    of: Literal["figure", "ratio"] = "figure"
    bound: Literal["at most", "at least"] = "at most"

    def is_reached(self, found: float) -> bool:
        """Whether a figure, or a ratio, is on the right side."""
        return found <= self.value if self.bound == "at most" else found >= self.value

    def __str__(self) -> str:
        sign = "≤" if self.bound == "at most" else "≥"
        return f"{sign} {short(self.value)}{' x floor' if self.of == 'ratio' else ''}"


class Figure(NamedTuple):
    """What was measured: `ours` and `floor` hold one value of the unit for each round."""

    what: str
    unit: str
    ours: tuple[float, ...]
    floor: tuple[float, ...] = ()
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """The median over the floor's median; None where there is no floor."""
        below = statistics.median(self.floor) if self.floor else 0.0
        return statistics.median(self.ours) / below if below else None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none to tell by."""
        if self.goal is None:
            return None
        found = statistics.median(self.ours) if self.goal.of == "figure" else self.ratio
        return None if found is None else self.goal.is_reached(found)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so large a share of all are not above (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def short(value: float) -> str:
    """A number in three digits or so."""
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:,.{digits}f}"
