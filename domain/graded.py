"""What a grader is asked and what it gives, where it needs more than the two texts."""

from typing import NamedTuple


class Asked(NamedTuple):
    """One answered example. `metadata` is the example's own, None where it has none."""

    input: str
    expected: str
    output: str
    metadata: dict[str, object] | None


class Graded(NamedTuple):
    """A score in 0-1, and what the grader tells about it: any JSON value, shown with the score."""

    score: float
    detail: object | None = None
