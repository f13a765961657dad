"""The commands of a run: what follows from what has happened."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from given import START, given
from planned import contains, exact, harness, plan, suite
from run_events import answered, finished, graded, pinned, scored, started

from domain.errors import RunClosed, WrongVersion
from domain.events import Event, ExamplesPinned, Finished, PinnedHarness, Resumed, Row
from domain.run import (
    MAX_CRASHES,
    Run,
    abandon,
    crashes_too_often,
    finish,
    pin_examples,
    record_answer,
    record_score,
    resume,
    start,
)

UNPINNED = PinnedHarness(suite="qa", harness="a")
END = "2026-03-15T14:31:05.000000Z"  # 43 seconds after START


def crash(left: int = 3) -> Resumed:
    """Another process took over from one that crashed."""
    return Resumed(process="p", left=left, after="crash")


def stop(left: int = 3) -> Resumed:
    """Another process took over from one that was stopped."""
    return Resumed(process="p", left=left, after="stop")


def hit(row: int, harness: str = "a", score: float = 1.0, **fields: object) -> Event:
    """An example with a score of exact_match."""
    return scored(row, harness, scores={"exact_match": score}, passed=score >= 1.0, **fields)


def test_a_new_run_starts() -> None:
    """Nothing has happened; a start is recorded as it came."""
    given().when(lambda run: start(run, started(pinned()))).then(started(pinned()))


def test_a_run_does_not_start_twice() -> None:
    """An id that is taken is refused, so that another can be drawn."""
    given(started(pinned())).when(lambda run: start(run, started(pinned()))).raises(WrongVersion)


def test_examples_are_pinned_after_a_start_that_could_not_hold_them() -> None:
    """A large dataset's examples are named by an event of their own."""
    pinning = ExamplesPinned(harnesses=[pinned(rows=200_000)])
    given(started(UNPINNED)).when(lambda run: pin_examples(run, pinning)).then(pinning)


@pytest.mark.parametrize(
    "events", [[started(pinned())], [started(UNPINNED), ExamplesPinned(harnesses=[pinned()])]], ids=["start", "later"]
)
def test_examples_are_pinned_once(events: list[Event]) -> None:
    """Whatever was pinned first stays: a repeat changes nothing."""
    given(*events).when(lambda run: pin_examples(run, ExamplesPinned(harnesses=[pinned(rows=9)]))).then()


def test_an_example_is_recorded() -> None:
    """The first score of a row is recorded as it came."""
    given(started(pinned())).when(lambda run: record_score(run, scored(1))).then(scored(1))


def test_an_example_is_recorded_once() -> None:
    """A second answer to the same row changes nothing, even where it differs."""
    second = scored(1, output="another", passed=False)
    given(started(pinned()), scored(1)).when(lambda run: record_score(run, second)).then()


def test_an_answer_is_recorded_once_and_only_before_its_score() -> None:
    """A second answer changes nothing, even where it differs; nor does one that comes after the score."""
    another = answered(1, output="another")
    given(started(pinned())).when(lambda run: record_answer(run, answered(1))).then(answered(1))
    given(started(pinned()), answered(1)).when(lambda run: record_answer(run, another)).then()
    given(started(pinned()), scored(1)).when(lambda run: record_answer(run, another)).then()
    given(started(pinned()), answered(1), graded(1)).when(lambda run: record_answer(run, another)).then()


def test_an_answer_is_followed_by_its_score() -> None:
    """Until then it is known where the answer stands, and the asking is not complete."""
    run = given(started(pinned()), answered(1), answered(2)).run
    assert (run.completed, run.answered["qa", "a"]) == (0, {1: 2, 2: 3})
    given(started(pinned()), answered(1)).when(lambda run: record_score(run, graded(1))).then(graded(1))
    run = given(started(pinned()), answered(1), answered(2), graded(1)).run
    assert (run.completed, run.answered["qa", "a"]) == (1, {2: 3})


def test_repeats_of_an_example_are_different_askings() -> None:
    """Each is answered and scored once; the run has examples times repeats of them."""
    begun = given(started(pinned(rows=2, repeats=3)), scored(0, repeat=0), answered(0, repeat=1))
    assert (begun.run.total, begun.run.completed) == (6, 1)
    assert begun.run.answered["qa", "a"] == {1: 3}
    begun.when(lambda run: record_score(run, scored(0, repeat=0))).then()
    begun.when(lambda run: record_score(run, scored(0, repeat=2))).then(scored(0, repeat=2))
    begun.when(lambda run: record_answer(run, answered(0, repeat=1))).then()
    begun.when(lambda run: record_answer(run, answered(1, repeat=1))).then(answered(1, repeat=1))
    begun.when(lambda run: resume(run, "p", True, [])).then(crash(left=5))


def test_a_run_with_a_repeat_missing_does_not_finish() -> None:
    """Also where it is answered already."""
    asked = plan(suite("qa", harness("a", repeats=2)))
    events: list[Event] = [started(pinned(rows=1, repeats=2)), hit(0), answered(0, repeat=1)]
    given(*events).when(lambda run: finish(run, asked, END)).raises(WrongVersion)
    (end,) = finish(given(*events, graded(0, repeat=1, scores={"exact_match": 0.5})).run, asked, END)
    assert isinstance(end, Finished)
    assert (end.examples, [(row.n, row.score) for row in end.rows]) == (2, [(1, 0.75)])


def test_an_answer_is_no_new_score() -> None:
    """Crashes on both sides of it are in a row: what is answered and never graded must not go on for ever."""
    events: list[Event] = [started(pinned()), *[crash()] * 4, answered(0)]
    assert crashes_too_often(given(*events).run, crashed=True)


def test_rows_of_two_harnesses_and_two_suites_are_different_examples() -> None:
    """An example is known by its suite, its harness and its row together."""
    begun = given(started(pinned("a"), pinned("b"), pinned("a", suite="more")), scored(0, "a"))
    begun.when(lambda run: record_score(run, scored(0, "b"))).then(scored(0, "b"))
    begun.when(lambda run: record_score(run, scored(0, "a", suite="more"))).then(scored(0, "a", suite="more"))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.001, 1.001])
def test_a_score_outside_0_to_1_is_never_recorded(score: float) -> None:
    """JSON can't hold NaN, and a mean of such scores would mean nothing: the command is refused."""
    impossible = scored(scores={"exact_match": 1.0, "other": score})
    given(started(pinned())).when(lambda run: record_score(run, impossible)).raises(ValueError)


@pytest.mark.parametrize(("crashed", "after"), [(True, crash), (False, stop)])
def test_a_take_over_tells_what_is_left_and_how_the_last_process_ended(
    crashed: bool, after: Callable[[int], Resumed]
) -> None:
    """Of three examples one is recorded, so two are left."""
    given(started(pinned()), scored(0)).when(lambda run: resume(run, "p", crashed, [])).then(after(2))


def test_a_take_over_tells_what_has_changed() -> None:
    """What differs from the start is recorded with the take-over."""
    changed = Resumed(process="p", left=3, after="stop", changed=["ask.py has changed"])
    given(started(pinned())).when(lambda run: resume(run, "p", False, ["ask.py has changed"])).then(changed)


def test_the_fifth_crash_in_a_row_is_one_too_many() -> None:
    """Four take-overs after crashes are on record; the fifth crash ends the run, the fourth did not."""
    assert MAX_CRASHES == 5
    assert not crashes_too_often(given(started(pinned()), *[crash()] * 3).run, crashed=True)
    assert crashes_too_often(given(started(pinned()), *[crash()] * 4).run, crashed=True)


def test_a_new_score_starts_the_count_of_crashes_again() -> None:
    """Only crashes without one new score in between count."""
    events: list[Event] = [started(pinned()), *[crash()] * 4, scored(0), *[crash(2)] * 3]
    assert not crashes_too_often(given(*events).run, crashed=True)
    assert crashes_too_often(given(*events, crash(2)).run, crashed=True)


def test_clean_stops_are_no_crashes() -> None:
    """Any number of stops never ends a run, and a stop after four crashes is not the fifth."""
    assert not crashes_too_often(given(started(pinned()), *[stop()] * 50).run, crashed=True)
    assert not crashes_too_often(given(started(pinned()), *[crash()] * 4).run, crashed=False)


def test_clean_stops_between_crashes_do_not_hide_them() -> None:
    """A stop is no new score: crashes on both sides of it are in a row."""
    events: list[Event] = [started(pinned()), crash(), stop(), crash(), stop(), crash(), crash()]
    assert crashes_too_often(given(*events).run, crashed=True)


def test_a_complete_run_ends_with_its_verdict() -> None:
    """Three of four right against 0.7 is a PASS; the counts are those of the examples. Wilson's interval by hand."""
    events: list[Event] = [started(pinned(rows=4)), hit(0), hit(1), hit(2), hit(3, score=0.0)]
    ended = given(*events).when(lambda run: finish(run, plan(suite("qa", harness("a", exact(0.7)))), END)).decide()
    assert len(ended) == 1
    end = ended[0]
    assert isinstance(end, Finished)
    assert (end.status, end.verdict, end.error, end.warnings) == ("passed", "PASS", None, [])
    assert (end.examples, end.passed, end.model_errors, end.grader_errors) == (4, 3, 0, 0)
    assert end.duration_seconds == 43.0
    (row,) = end.rows
    assert (row.name, row.suite, row.harness, row.n) == ("exact_match", "qa", "a", 4)
    assert (row.score, row.threshold, row.passed, row.pass_rate) == (0.75, 0.7, True, 0.75)
    assert [row.ci_lower, row.ci_upper] == pytest.approx([0.30064, 0.95441], abs=5e-6)


def test_model_and_grader_errors_are_counted() -> None:
    """Each failed call and each grader that failed counts once, in the end and not in the scores."""
    events: list[Event] = [
        started(pinned(rows=3)),
        scored(0, output=None, error="timed out", passed=False),
        scored(1, errors={"exact_match": "?", "contains": "?"}, passed=False),
        scored(2, scores={"exact_match": 1.0, "contains": 1.0}),
    ]
    (end,) = finish(given(*events).run, plan(suite("qa", harness("a", exact(), contains()))), END)
    assert isinstance(end, Finished)
    assert (end.examples, end.passed, end.model_errors, end.grader_errors) == (3, 1, 1, 2)


@pytest.mark.parametrize(
    "events",
    [
        [started(pinned())],
        [started(pinned()), hit(0), hit(2)],
        [started(pinned(rows=1), pinned("b", rows=1)), hit(0)],
        [started(UNPINNED)],
        [started(pinned(rows=1), PinnedHarness(suite="qa", harness="b")), hit(0)],
    ],
    ids=["nothing", "a row missing", "a harness missing", "not pinned", "one of two not pinned"],
)
def test_a_run_with_examples_missing_does_not_finish(events: list[Event]) -> None:
    """A verdict needs every example that takes part, also of a harness whose examples are not known yet."""
    two = plan(suite("qa", harness("a"), harness("b")))
    given(*events).when(lambda run: finish(run, two, END)).raises(WrongVersion)


def test_only_the_examples_that_take_part_are_waited_for() -> None:
    """Two of ten rows carry the tags: the run is complete with them, and a harness without any is not missed."""
    begun = given(started(pinned(rows=10, examples=2), pinned("b", rows=10, examples=0)))
    assert (begun.run.total, begun.run.completed) == (2, 0)
    begun = given(started(pinned(rows=10, examples=2), pinned("b", rows=10, examples=0)), hit(4), hit(9))
    (end,) = finish(begun.run, plan(suite("qa", harness("a"), harness("b"))), END)
    assert isinstance(end, Finished)
    assert (end.status, end.examples, [row.n for row in end.rows]) == ("passed", 2, [2])


def test_a_run_that_can_not_go_on_ends_as_an_error_with_the_rows_it_has() -> None:
    """No verdict, the reason, and the row of the one score there is."""
    events: list[Event] = [started(pinned()), hit(0)]
    (end,) = abandon(given(*events).run, plan(), "KEY is not set", END)
    assert isinstance(end, Finished)
    assert (end.status, end.verdict, end.error, end.examples) == ("error", None, "KEY is not set", 1)
    assert [(row.name, row.n, row.score) for row in end.rows] == [("exact_match", 1, 1.0)]


def test_a_run_abandoned_before_its_first_score_has_a_row_without_one() -> None:
    """n = 0 has neither score nor interval and has not passed."""
    (end,) = abandon(given(started(pinned())).run, plan(), "no", END)
    assert isinstance(end, Finished)
    assert end.rows == [Row(name="exact_match", threshold=1.0, passed=False, n=0, suite="qa", harness=None)]


def test_a_run_whose_plan_can_not_be_read_is_abandoned_without_rows() -> None:
    """The plan's contents are missing: the reason is recorded all the same."""
    given(started(UNPINNED)).when(lambda run: abandon(run, None, "the plan is lost", END)).then(
        finished(status="error", examples=0, passed=0, error="the plan is lost")
    )


def test_a_run_that_is_over_is_not_abandoned() -> None:
    """Whatever went wrong afterwards, the verdict stands."""
    given(started(pinned()), finished()).when(lambda run: abandon(run, plan(), "late", END)).then()


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (START, 0.0),
        ("2026-03-15T14:30:22.000499Z", 0.0),
        ("2026-03-15T14:30:23.234567Z", 1.235),
        ("2026-03-16T14:30:22.000000Z", 86_400.0),
        ("2026-03-15T13:59:59.000000Z", 0.0),
    ],
    ids=["at once", "below a millisecond", "milliseconds", "a day", "the clock was set back"],
)
def test_a_duration_has_milliseconds_and_is_never_negative(at: str, seconds: float) -> None:
    """It counts from the start to the end as the clock had them."""
    (end,) = finish(given(started(pinned(rows=1)), hit(0)).run, plan(), at)
    assert isinstance(end, Finished)
    assert end.duration_seconds == seconds


COMMANDS: dict[str, Callable[[Run], Sequence[Event]]] = {
    "pin_examples": lambda run: pin_examples(run, ExamplesPinned(harnesses=[pinned()])),
    "record_answer": lambda run: record_answer(run, answered(0)),
    "record_score": lambda run: record_score(run, scored(0)),
    "resume": lambda run: resume(run, "p", True, []),
    "finish": partial(finish, plan=plan(), at=END),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_recorded_for_a_run_that_is_over(name: str) -> None:
    """Every command is refused after the end."""
    given(started(pinned(rows=1)), hit(0), finished()).when(COMMANDS[name]).raises(RunClosed)


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_recorded_for_a_run_that_never_began(name: str) -> None:
    """Only a start may come first."""
    given().when(COMMANDS[name]).raises(RunClosed)


def test_commands_do_not_change_the_run_they_are_decided_on() -> None:
    """A command answers events; only applying them changes the state."""
    run = given(started(pinned()), scored(0)).run
    record_score(run, scored(1))
    resume(run, "p", True, [])
    abandon(run, plan(), "no", END)
    assert (run.version, run.completed, run.crashes, run.finished) == (2, 1, 0, False)
