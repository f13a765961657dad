"""What a run of very many examples holds in memory: some bytes a row, whatever is made of them."""

import sys
import tracemalloc
from collections.abc import Callable

import pytest
from planned import exact, harness, plan, suite
from run_events import scored

from domain.plan import PlannedHarness
from domain.run import Key
from domain.tally import Tally
from domain.verdict import decide
from service.files.mistake_list import MistakeList
from service.files.seen_ids import SeenIds

ROWS = 20_000
ARRAY = 8
"""Bytes that a row's score, or the digest of its id, takes in an array."""

HARNESSES = [
    harness("pooled", exact(name="a"), exact(name="b"), exact(name="c")),
    harness("counted", exact(0.5, "a", pass_at=0.5), exact(0.5, "b", pass_at=0.5), exact(0.5, "c", pass_at=0.5)),
    harness("weighted", exact(name="a", weight=1.0), exact(name="b", weight=2.0), exact(name="c", weight=3.0)),
    harness("repeated", exact(name="a"), exact(name="b"), exact(name="c"), repeats=2),
    harness("repeated-and-weighted", exact(name="a", weight=1.0), exact(name="b", weight=2.0), repeats=2),
]


def peak(work: Callable[[], object]) -> int:
    """The most bytes that some work held."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def tally_of(asked: PlannedHarness) -> dict[Key, Tally]:
    """All examples of a harness, with many different scores."""
    tally = Tally(ROWS, ROWS, asked.repeats)
    for row in range(ROWS):
        for repeat in range(asked.repeats):
            scores = {name: (row + place) % 997 / 997 for place, name in enumerate("abc")}
            tally.add(scored(row, asked.name, scores=scores, repeat=repeat))
    return {("qa", asked.name): tally}


@pytest.mark.parametrize("asked", HARNESSES, ids=lambda asked: asked.name)
def test_a_verdict_holds_the_scores_of_one_row_at_a_time(asked: PlannedHarness) -> None:
    """One array, and less than one more; a list of numbers would take four times as much, for each grader."""
    to_do, tallies = plan(suite("qa", asked)), tally_of(asked)
    assert decide(to_do, tallies).verdict == "FAIL"  # what is made once, as by imports, is made by now
    assert peak(lambda: decide(to_do, tallies)) < 2 * ARRAY * ROWS


def test_ids_that_are_all_different_are_checked_in_two_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numpy, which alone takes 20 MB: it is asked only where ids seem to be there twice."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    ids = [f"example {row}" for row in range(ROWS)]

    def check() -> None:
        seen, mistakes = SeenIds(), MistakeList("d.jsonl")
        for example_id in ids:
            seen.add(example_id)
        seen.tell_repeated((pytest.fail("the file was read again") for _ in ids), mistakes)
        assert not mistakes

    assert peak(check) < 3 * ARRAY * ROWS
