"""How a run is shared out: parts that different processes work on at the same time."""

from collections.abc import Iterator
from typing import NamedTuple

from domain.plan import Plan, PlannedHarness
from domain.run import Key, Run

MOST_CALLS = 4
"""A share asks no more examples at once, unless there are too few rows to cut it further."""


class Share(NamedTuple):
    """The `part`-th of so many `parts` of a run's askings, or of those of one harness, `calls` of them at once.

    The share of a run whose examples are not pinned yet is to pin them.
    """

    run_id: str
    harness: Key | None
    part: int
    parts: int
    calls: int

    @property
    def name(self) -> str:
        """What tells it apart from every other share."""
        return "/".join([self.run_id, *(self.harness or ("",)), f"{self.part} of {self.parts}"])

    def rows(self, total: int) -> range:
        """Its rows of a dataset: what the other parts have lies before and behind."""
        return range(total * self.part // self.parts, total * (self.part + 1) // self.parts)


class Left(NamedTuple):
    """A share that this process works on no longer, when so many askings of its run were recorded.

    `stopping`: because the process ends, or was taken for dead; else another run had the turn.
    """

    completed: int
    stopping: bool


class Refused(NamedTuple):
    """A share that this process can't work on, since it `lacks` something."""

    lacks: list[str]


Outcome = Left | Refused | None
"""How the work on a share ended; None where nothing is left of it to do."""


def share_out(run_id: str, run: Run, plan: Plan) -> list[Share]:
    """Give the shares in which a run can be worked on now: with `fail_fast`, those of one harness only."""
    if not run.pinned:
        return [Share(run_id, None, 0, 1, 1)]
    left = [key for key, tally in run.tallies.items() if tally.recorded < tally.examples * tally.repeats]
    if plan.concurrency is not None:
        together: list[Key | None] = [*left[:1]] if plan.fail_fast else [None]
        return [share for key in together for share in _cut(run_id, key, plan.concurrency, run)]
    asked = left[:1] if plan.fail_fast else left
    return [share for key in asked for share in _cut(run_id, key, _planned(plan, key).concurrency, run)]


def _cut(run_id: str, key: Key | None, calls: int, run: Run) -> Iterator[Share]:
    harnesses = [run.harnesses[name] for name in run.tallies if key in {None, name}]
    rows = max((harness.rows or 0 for harness in harnesses), default=0)
    parts = max(1, min(-(-calls // MOST_CALLS), rows))
    askings = sum(-(-(harness.rows or 0) // parts) * harness.repeats for harness in harnesses)
    for part in range(parts):
        share = calls * (part + 1) // parts - calls * part // parts
        yield Share(run_id, key, part, parts, max(1, min(share, askings)))


def _planned(plan: Plan, key: Key) -> PlannedHarness:
    return plan.harness(*key)[1]
