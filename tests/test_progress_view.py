"""How far an unfinished run is."""

import pytest
from given import HASH, START
from hypothesis import given
from hypothesis import strategies as st
from run_events import answered, finished, pinned, scored, started

from domain.events import Event, ExamplesPinned, PinnedHarness, Resumed
from domain.stretch import Stretch
from projections.progress import Progress, ProgressView

UNPINNED = PinnedHarness(suite="qa", harness="a")


def progress(*events: Event) -> Progress | None:
    """The progress of a run with these events."""
    view = ProgressView()
    for version, event in enumerate(events, 1):
        view.apply(Stretch("run-1", version, version + 1, [event], START, HASH))
    return view.get("run-1")


def test_every_repeat_counts() -> None:
    """Two examples asked three times are six; an answer without its score is none."""
    asked = pinned(rows=2, repeats=3)
    assert progress(started(asked), scored(0), answered(0, repeat=1), scored(0, repeat=2)) == Progress(
        completed=2, percent=33.3, total=6
    )


def after(completed: int, total: int) -> Progress:
    """The progress of a run of so many examples once so many are recorded."""
    view = ProgressView()
    view.apply(Stretch("run-1", 1, 2, [started(pinned(rows=total))], START, HASH))
    if completed:
        view.apply(Stretch("run-1", 2, completed + 2, [scored()] * completed))
    found = view.get("run-1")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("completed", "total", "percent"),
    [
        (0, 120, 0.0),
        (47, 120, 39.2),
        (1, 3, 33.3),
        (2, 3, 66.7),
        (119, 120, 99.2),
        (1_999, 2_000, 99.9),  # 99.95, which would round to 100
        (9_999, 10_000, 99.9),
        (120, 120, 100.0),
        (1, 1, 100.0),
    ],
)
def test_percent_has_one_decimal_and_is_below_100_until_all_are_recorded(
    completed: int, total: int, percent: float
) -> None:
    """47 of 120 are 39.2."""
    assert after(completed, total) == Progress(completed=completed, percent=percent, total=total)


@given(total=st.integers(1, 300), data=st.data())
def test_percent_is_100_only_for_a_whole_run(total: int, data: st.DataObject) -> None:
    """Whatever the numbers."""
    completed = data.draw(st.integers(0, total))
    percent = after(completed, total).percent
    assert (percent == 100.0) == (completed == total)
    assert abs(percent - 100 * completed / total) <= 0.1
    assert round(percent, 1) == percent


def test_all_harnesses_count_with_the_examples_that_take_part() -> None:
    """3 of 10 rows and 2 of 2: a total of 5. An example whose call failed is recorded as well."""
    begun = started(pinned("a", 10, examples=3), pinned("b", 2))
    failed = scored(0, "b", output=None, error="timed out", passed=False)
    assert progress(begun, scored(4), failed) == Progress(completed=2, percent=40.0, total=5)


def test_a_total_is_absent_until_all_examples_are_pinned() -> None:
    """Also where one harness of two is known; then nothing is recorded yet, and 0 percent."""
    begun = started(UNPINNED, pinned("b", 2))
    assert progress(begun) == Progress(completed=0, percent=0.0)
    assert progress(begun, ExamplesPinned(harnesses=[pinned("a", 3), pinned("b", 2)])) == Progress(
        completed=0, percent=0.0, total=5
    )


def test_a_take_over_does_not_change_progress() -> None:
    """What is recorded stays recorded."""
    taken_over = Resumed(process="p", left=2, after="crash")
    assert progress(started(pinned(rows=4)), scored(0), scored(1), taken_over) == Progress(2, 50.0, 4)


def test_a_run_that_is_over_or_unknown_has_no_progress() -> None:
    """Its document tells how it ended instead."""
    assert progress(started(pinned(rows=1)), scored(0), finished()) is None
    assert progress() is None
