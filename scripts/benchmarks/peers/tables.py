"""The tables, in Markdown: medians, ratios to `matchspec run` first."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks.peers.killing import Killed
from benchmarks.sizes import Case

REFERENCE = "matchspec run"
TAKEN_TITLES = ("", "CPU ratio", "wall ratio", "CPU ms/example", "wall s", "wall/ideal", "peak MB", "disk B/example")
KILLED_TITLES = ("", "answered before", "in its store", "lost", "answered again", "in the end", "to go on")


class Taken(NamedTuple):
    """What one run took: seconds of the clock and of CPU, the most memory in MB, bytes left on the disk."""

    wall: float
    cpu: float
    peak_mb: float
    stored: float


def taken_table(case: Case, found: Mapping[str, Sequence[Taken]], missing: Mapping[str, str]) -> Iterator[str]:
    """A line for each program, the medians of its rounds; then those that could not be measured, with the reason."""
    yield f"**{case}** (the model alone takes {case.ideal:.2f} s):"
    yield ""
    yield from head(TAKEN_TITLES)
    medians = {name: median(rounds) for name, rounds in found.items() if rounds}
    for name, taken in medians.items():
        yield line((name, *taken_cases(case, taken, medians[REFERENCE])))
    for name, reason in missing.items():
        yield line((name, f"not measured: {reason}", *[""] * (len(TAKEN_TITLES) - 2)))


def taken_cases(case: Case, taken: Taken, reference: Taken) -> tuple[str, ...]:
    """The figures of a line."""
    return (
        f"{taken.cpu / reference.cpu:.3g}",
        f"{taken.wall / reference.wall:.3g}",
        f"{taken.cpu / case.examples * 1000:.3g}",
        f"{taken.wall:.2f}",
        f"{taken.wall / case.ideal:.3g}",
        f"{taken.peak_mb:.0f}",
        f"{taken.stored / case.examples:,.0f}",
    )


def median(rounds: Sequence[Taken]) -> Taken:
    """The median of each figure."""
    return Taken._make(statistics.median(values) for values in zip(*rounds, strict=True))


def killed_table(case: Case, found: Mapping[str, Sequence[Killed]]) -> Iterator[str]:
    """A line for each program that was killed; where there were several rounds, each figure of them."""
    yield f"**`kill -9` when half of {case} were answered:**"
    yield ""
    yield from head(KILLED_TITLES)
    for name, rounds in found.items():
        columns = zip(*((one.answered, one.stored, one.lost, one.again, one.final) for one in rounds), strict=True)
        yield line((name, *(", ".join(f"{value:,}" for value in column) for column in columns), rounds[0].by_hand))


def head(titles: Iterable[str]) -> tuple[str, str]:
    """The first two lines of a table."""
    return line(titles), line("---" for _ in titles)


def line(cases: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cases)} |"
