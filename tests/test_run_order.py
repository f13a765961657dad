"""Which events may stand where in a log: in their run, and in the run `log`."""

import pytest
from hypothesis import given
from logs import streams
from run_events import answered, finished, graded, pinned, scored, started

from domain.events import CancelRequested, Event, ExamplesPinned, LogAccepted, PinnedHarness, Resumed
from domain.run_order import RunOrder

RUN = "run-20260315-143022-a3f7"
OTHER = "run-20260315-143022-ffff"
RESUMED = Resumed(process="pid 1", left=1, after="stop")
ACCEPTED = LogAccepted(position=1, hash="00" * 32)
LARGE = PinnedHarness(suite="qa", harness="a")

BEGUN = started(pinned(rows=2, repeats=2))
OVER = [BEGUN, finished()]


def take(*events: Event, run_id: str = RUN) -> str | None:
    """Give what is said of the last event of a run; nothing may be said of those before it."""
    order = RunOrder()
    said = [order.take(run_id, version, event) for version, event in enumerate(events, 1)]
    assert not any(said[:-1])
    return said[-1]


@given(streams())
def test_what_commands_decide_is_in_order(events: list[Event]) -> None:
    """Nothing is said of any run that a service could have recorded."""
    assert take(*events) is None


ASKED = "its run does not ask that: suite 'qa', harness"


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([finished()], "the first event of a run is started"),
        ([scored()], "the first event of a run is started"),
        ([ACCEPTED], "the first event of a run is started"),
        ([BEGUN, BEGUN], "only the first event of a run is started"),
        ([BEGUN, ACCEPTED], "it belongs into the run log"),
        ([*OVER, finished()], "its run is over: nothing follows finished"),
        ([*OVER, RESUMED], "its run is over: nothing follows finished"),
        ([BEGUN, CancelRequested(), RESUMED], "its run was cancelled: only finished follows"),
        ([BEGUN, ExamplesPinned(harnesses=[pinned()])], "its run has its examples already"),
        ([started(LARGE), scored()], f"{ASKED} 'a', row 0, repeat 0"),
        ([BEGUN, scored(2)], f"{ASKED} 'a', row 2, repeat 0"),
        ([BEGUN, scored(-1)], f"{ASKED} 'a', row -1, repeat 0"),
        ([BEGUN, scored(1, repeat=2)], f"{ASKED} 'a', row 1, repeat 2"),
        ([BEGUN, answered(1, repeat=-1)], f"{ASKED} 'a', row 1, repeat -1"),
        ([BEGUN, graded(0, "b")], f"{ASKED} 'b', row 0, repeat 0"),
        ([started(pinned(examples=0)), scored()], f"{ASKED} 'a', row 0, repeat 0"),
    ],
)
def test_what_no_command_decides_is_told(events: list[Event], said: str) -> None:
    """Each event that can't follow those before it."""
    assert take(*events) == said


@pytest.mark.parametrize("run_id", ["run-1", "run-20260315-143022-A3F7", f"{RUN} ", "Log", "", f"x{RUN}"])
def test_a_run_has_a_name_of_the_form(run_id: str) -> None:
    """No other spelling."""
    assert take(BEGUN, run_id=run_id) == "its run_id is not of the form run-YYYYMMDD-HHMMSS-xxxx"


def test_the_run_log_has_no_facts_of_runs() -> None:
    """Only those about the log."""
    assert take(ACCEPTED, ACCEPTED, BEGUN, run_id="log") == "the run log holds no facts of runs"


def test_a_key_has_one_run() -> None:
    """The second run with an idempotency key is told with the first; a run without one is none of its business."""
    order = RunOrder()
    keyed = started(pinned(), idempotency_key="a-1")
    assert order.take(RUN, 1, keyed) is None
    assert order.take("run-20260315-143022-0000", 1, started(pinned())) is None
    assert order.take(OTHER, 1, keyed) == f"its idempotency_key is that of {RUN}"
