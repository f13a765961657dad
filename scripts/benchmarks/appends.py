"""Events appended with acknowledgement, synced and chained, by 1, 32 and 256 producers, beside a bare group commit."""

import tempfile
from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path

from live_server import Document

from benchmarks.figures import Figure, Goal
from benchmarks.processes import run_program
from benchmarks.rounds import alternate, each
from benchmarks.setting import Setting

RATE, ACKNOWLEDGED = Goal(80_000, bound="at least"), Goal(10)


def measure(setting: Setting) -> Iterator[Figure]:
    """Rates, CPU and waits of the writer and of the log alone."""
    for producers, events in setting.sizes.appended.items():
        sides = (partial(append, setting.folder, way, producers, events) for way in ("writer", "log", "bare"))
        writer, log, bare = alternate(setting.rounds, *sides)
        many = producers == 256
        for what, side, goals in (("writer", writer, (None, ACKNOWLEDGED)), ("log alone", log, (RATE, ACKNOWLEDGED))):
            yield from _figures(f"log, {producers} at once, {what}", side, bare, goals if many else (None, None))


def append(folder: Path, way: str, producers: int, events: int) -> Document:
    """One round in a process and with a log of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        return run_program("appending", way, producers, events, Path(home) / "log.db")


def _figures(
    what: str, ours: tuple[Document, ...], bare: tuple[Document, ...], goals: tuple[Goal | None, Goal | None]
) -> Iterator[Figure]:
    for name, unit, told, goal in (
        ("rate", "events/s", "appends", goals[0]),
        ("cpu_us", "µs", "CPU an event", None),
        ("p50_ms", "ms", "acknowledged, p50", None),
        ("p99_ms", "ms", "acknowledged, p99", goals[1]),
    ):
        yield Figure(f"{what}: {told}", unit, each(ours, itemgetter(name)), each(bare, itemgetter(name)), goal)
