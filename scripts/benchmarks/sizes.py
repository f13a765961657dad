"""How much is measured: all of it, a tenth for a quick look, next to nothing for a test of the benchmark itself."""

from typing import NamedTuple


class Case(NamedTuple):
    """A run: so many examples, so many calls at once, so many milliseconds that the model waits before it answers."""

    examples: int
    concurrency: int
    latency_ms: int

    @property
    def ideal(self) -> float:
        """Seconds that the model alone takes."""
        return self.examples * self.latency_ms / 1000 / self.concurrency

    def __str__(self) -> str:
        return f"{self.examples:,} examples, {self.concurrency} at once, {self.latency_ms} ms"


class Sizes(NamedTuple):
    """Counts. `appended` has the events for so many producers, `shared` those that several processes append to one log,
    `replayed` a log's runs and the scores in each, `listed` the runs of a listing, `watched` the examples of a run that
    is polled, `calls` those of the client alone.
    """

    cases: tuple[Case, ...]
    memory: tuple[int, ...]
    appended: dict[int, int]
    shared: int
    replayed: tuple[int, int]
    listed: int
    document: int
    million: int
    watched: int
    calls: int
    poll_seconds: float


def _cases(*counts: int) -> tuple[Case, ...]:
    return tuple(
        Case(examples, at_once, latency) for latency in (50, 0) for examples in counts for at_once in (256, 32, 1)
    )


LONG_CASE = Case(10_000, 1, 50)
"""500 seconds of waiting for the model: measured with --long only."""

FULL = Sizes(
    cases=tuple(case for case in _cases(2_000, 10_000) if case != LONG_CASE),
    memory=(10_000, 100_000),
    appended={1: 3_000, 32: 60_000, 256: 150_000},
    shared=60_000,
    replayed=(2_000, 498),
    listed=100_000,
    document=10_000,
    million=1_000_000,
    watched=100_000,
    calls=40_000,
    poll_seconds=4.0,
)
LONG = FULL._replace(cases=(*FULL.cases, LONG_CASE))
QUICK = Sizes(
    cases=tuple(case for case in _cases(2_000) if case.concurrency > 1),
    memory=(10_000,),
    appended={1: 1_000, 32: 20_000, 256: 50_000},
    shared=20_000,
    replayed=(200, 498),
    listed=10_000,
    document=10_000,
    million=100_004,
    watched=40_000,
    calls=10_000,
    poll_seconds=1.5,
)
TINY = Sizes(
    cases=(Case(40, 8, 5), Case(40, 8, 0)),
    memory=(40,),
    appended={4: 40},
    shared=1_024,
    replayed=(3, 4),
    listed=20,
    document=40,
    million=200,
    watched=20_000,
    calls=200,
    poll_seconds=0.2,
)
