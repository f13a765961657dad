"""A run decided anew from its events: nothing differs in a true log, and what can't be is found."""

from typing import Any

import pytest
from given import START
from planned import contains, exact, harness, plan, suite
from run_events import answered, graded, pinned, scored, started

from domain.events import Event, ExampleScored, ExamplesPinned, Finished, PinnedHarness, Resumed
from domain.plan import Plan
from domain.replay import KEPT, Replay
from domain.run import Run, abandon, finish
from domain.spec import Statistics

END = "2026-03-15T14:31:05.000000Z"
PLAN = plan(suite("qa", harness("a", exact(0.5))))
HIT: dict[str, Any] = {"scores": {"exact_match": 1.0}, "passed": True}
MISS: dict[str, Any] = {"scores": {"exact_match": 0.0}, "passed": False}


def replayed(*events: Event, by: Plan = PLAN) -> Replay:
    """Replay a run whose events happen at START, and the last of them at END."""
    replay = Replay(by)
    times = [START] * (len(events) - 1) + [END]
    for at, event in zip(times, events, strict=True):
        replay.apply(at, event)
    return replay


def ended(*events: Event, by: Plan = PLAN, error: str | None = None) -> Finished:
    """The end that follows from these events; given up for a reason, if one is named."""
    run = Run()
    for event in events:
        run.apply(START, event)
    (end,) = abandon(run, by, error, END) if error else finish(run, by, END)
    return end


def differences(replay: Replay) -> list[tuple[int, str]]:
    """Where it differs: the event's version and the field."""
    return [(one.version, one.field) for one in replay.differences]


def test_a_true_run_replays() -> None:
    """Pinned late, answered before it was graded, resumed, a model error, repeats, weights: nothing differs."""
    graders = harness("a", exact(0.5, weight=3), contains(weight=1), repeats=2)
    weighted = plan(suite("qa", graders, statistics=Statistics(max_error_rate=1)))
    both = {"exact_match": 1.0, "contains": 1.0}
    a = pinned(rows=2, repeats=2)
    events: list[Event] = [
        started(PinnedHarness(suite="qa", harness="a", repeats=2)),
        ExamplesPinned(harnesses=[a]),
        answered(0),
        scored(1, scores=both, repeat=1),
        Resumed(process="p", left=3, after="crash"),
        graded(0, scores=both),
        scored(0, repeat=1, output=None, passed=False, error="timed out"),
        scored(1, scores={"exact_match": 1.0}, errors={"contains": "?"}, passed=False),
    ]
    replay = replayed(*events, ended(*events, by=weighted), by=weighted)
    assert (differences(replay), replay.stuck, replay.reason_open) == ([], False, False)
    assert replay.end is not None
    assert replay.end.status == "passed"


def test_an_unfinished_run_replays_as_far_as_it_goes() -> None:
    """There is no end to compare."""
    replay = replayed(started(pinned()), scored(2, **HIT))
    assert (differences(replay), replay.end, replay.run.version) == ([], None, 2)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"status": "passed"}, "status"),
        ({"verdict": None}, "verdict"),
        ({"examples": 3}, "examples"),
        ({"passed": 2}, "passed"),
        ({"model_errors": 1}, "model_errors"),
        ({"grader_errors": 1}, "grader_errors"),
        ({"duration_seconds": 42.999}, "duration_seconds"),
        ({"error": "e"}, "error"),
        ({"warnings": ["w"]}, "warnings"),
        ({"cost": 0.1}, "cost"),
        ({"rows": []}, "rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_field_of_the_end_is_compared(changed: dict[str, object], field: str) -> None:
    """One changed field of `finished` is named, with both values."""
    events: list[Event] = [started(pinned(rows=2)), scored(0, **HIT), scored(1, **MISS)]
    suites = plan(suite("qa", harness("a", exact(0.9))))
    end = ended(*events, by=suites)
    fields = {name: getattr(end, name) for name in Finished.__struct_fields__} | changed
    replay = replayed(*events, Finished(**fields), by=suites)
    assert differences(replay) == [(4, field)]
    assert replay.differences[0].recorded == changed[field]
    assert replay.differences[0].again == getattr(end, field)


def test_a_number_within_a_row_is_named() -> None:
    """As deep down as the recorded value and the one decided anew are alike."""
    events: list[Event] = [started(pinned(rows=1)), scored(0, **HIT)]
    end = ended(*events)
    (row,) = end.rows
    changed = {name: getattr(row, name) for name in row.__struct_fields__} | {"ci_lower": 0.9}
    fields = {name: getattr(end, name) for name in Finished.__struct_fields__} | {"rows": [type(row)(**changed)]}
    assert differences(replayed(*events, Finished(**fields))) == [(3, "rows[0].ci_lower")]


@pytest.mark.parametrize(
    "score",
    [
        scored(0, scores={"exact_match": 0.4}, passed=True),
        scored(0, scores={"exact_match": 0.5}, passed=False),
        scored(0, scores={}, errors={"exact_match": "?"}, passed=True),
        scored(0, scores={"exact_match": 1.0}, error="e", output=None, passed=True),
    ],
    ids=["below", "at", "grader error", "model error"],
)
def test_whether_an_example_passed_is_decided_anew(score: ExampleScored) -> None:
    """By its scores and its mark, 0.5 here; after an error it never did."""
    assert differences(replayed(started(pinned()), score)) == [(2, "passed")]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (scored(0, scores={"exact_match": 1.5}), "ValueError: a score must be in 0-1"),
        (scored(3, **HIT), "IndexError"),
        (scored(0, harness="b", **HIT), "KeyError"),
        (started(pinned()), "WrongVersion"),
        (ended(started(pinned(rows=1)), scored(0, **HIT)), "WrongVersion: examples are missing"),
    ],
    ids=["score", "row", "harness", "start", "end"],
)
def test_an_event_that_can_not_follow_stops_the_replay(event: Event, why: str) -> None:
    """A score outside 0-1, an example that there is not, a second start, an end too soon."""
    replay = replayed(started(pinned()), event)
    assert replay.stuck
    assert [one.why.startswith(why) for one in replay.differences] == [True]


def test_nothing_follows_an_end() -> None:
    """Neither a score nor a second end, whatever that says."""
    events: list[Event] = [started(pinned(rows=1)), scored(0, **HIT)]
    for late in (scored(0, **HIT), ended(*events), ended(*events, error="e")):
        replay = replayed(*events, ended(*events), late)
        assert replay.stuck
        assert replay.differences[-1].why.startswith("RunClosed")


def test_what_is_recorded_twice_is_told() -> None:
    """The same asking scored again: its command would have recorded nothing."""
    replay = replayed(started(pinned()), scored(0, **HIT), scored(0, **HIT))
    assert [(one.version, one.why) for one in replay.differences] == [(3, "it was recorded before")]


def test_what_was_left_at_a_restart_is_counted_anew() -> None:
    """Three examples, one scored: two were left."""
    replay = replayed(started(pinned()), scored(0, **HIT), Resumed(process="p", left=3, after="stop"))
    assert [(one.version, one.field, one.recorded, one.again) for one in replay.differences] == [(3, "left", 3, 2)]


def test_a_run_that_was_given_up_has_the_rows_of_its_scores() -> None:
    """Why it was is no matter of scores; what they came to is."""
    events: list[Event] = [started(pinned()), scored(0, **HIT)]
    end = ended(*events, error="the variable KEY is not set")
    replay = replayed(*events, end)
    assert (differences(replay), replay.reason_open) == ([], True)

    fields = {name: getattr(end, name) for name in Finished.__struct_fields__} | {"passed": 0}
    assert differences(replayed(*events, Finished(**fields))) == [(3, "passed")]


def test_a_run_without_a_verdict_by_its_scores_is_decided_anew() -> None:
    """Every model call failed: that is decided, and another reason in its place is a difference."""
    events: list[Event] = [started(pinned(rows=1)), scored(0, output=None, passed=False, error="timed out")]
    end = ended(*events)
    replay = replayed(*events, end)
    assert (end.status, differences(replay), replay.reason_open) == ("error", [], False)

    fields = {name: getattr(end, name) for name in Finished.__struct_fields__} | {"error": "the disk is full"}
    assert differences(replayed(*events, Finished(**fields))) == [(3, "error")]


def test_a_run_given_up_after_its_last_score_is_no_difference() -> None:
    """A grader that fails as it is closed, say."""
    events: list[Event] = [started(pinned(rows=1)), scored(0, **HIT)]
    replay = replayed(*events, ended(*events, error="internal error: OSError"))
    assert (differences(replay), replay.reason_open) == ([], True)


def test_many_differences_are_counted_and_some_kept() -> None:
    """A log that is wrong throughout takes no memory."""
    wrong = [scored(row, scores={"exact_match": 1.0}, passed=False) for row in range(KEPT + 30)]
    replay = replayed(started(pinned(rows=KEPT + 30)), *wrong)
    assert (replay.count, len(replay.differences)) == (KEPT + 30, KEPT)
