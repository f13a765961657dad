"""The most memory that a server takes for runs of many examples, beside the bare loop, which keeps nothing.

A million is measured by the part `million`.
"""

from collections.abc import Iterator
from operator import attrgetter

from benchmarks.figures import Figure, Goal
from benchmarks.processes import model_server
from benchmarks.rounds import each
from benchmarks.runs import run_both
from benchmarks.setting import Setting
from benchmarks.sizes import Case

AT_ONCE = 256


def measure(setting: Setting) -> Iterator[Figure]:
    """One figure a size, of one round: memory varies little."""
    with model_server(setting.folder, 0) as model:
        for examples in setting.sizes.memory:
            ours, bare = run_both(setting._replace(rounds=1), model.port, Case(examples, AT_ONCE, 0))
            what = f"memory, {examples:,} examples, {AT_ONCE} at once: peak"
            memory = attrgetter("memory")
            yield Figure(what, "MB", each(ours, memory), each(bare, memory), goal_of(examples))


def goal_of(examples: int) -> Goal:
    """At most so much: 100 MB up to 10,000 examples, 150 MB for any number."""
    return Goal(100 if examples <= 10_000 else 150)
