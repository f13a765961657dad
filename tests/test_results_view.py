"""What came out of a run: its parts, where its examples stand, and an example's entry."""

import json

import pytest
from given import HASH, START
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from run_events import answered, finished, graded, pinned, scored, started

from domain.codec import encode
from domain.errors import LogUnreadable
from domain.events import Event, ExamplesPinned, PinnedHarness, Recorded, Resumed
from domain.examples import Example, encode_line
from domain.stretch import stretches
from projections import results
from projections.entries import Asking
from projections.entries import example_entry as entry_of
from projections.results import Place, Result, Results
from projections.views import Views

END = "2026-03-15T14:31:05.000000Z"


def recorded(run_id: str, *events: Event) -> list[Recorded]:
    """The events of one run, the last of which happens at END."""
    times = [START] * (len(events) - 1) + [END]
    return [
        Recorded(v + 1, run_id, v, at, event, HASH) for v, (at, event) in enumerate(zip(times, events, strict=True), 1)
    ]


def example_entry(line: bytes, scored: bytes) -> bytes:
    """The entry of an example whose whole answer is in one event."""
    return entry_of(line, Asking(scored, None))


def result_of(*events: Event) -> Result:
    """A result folded from these events."""
    result = Result()
    for stretch in stretches(recorded("run-1", *events)):
        result.apply(stretch)
    return result


def test_examples_stand_in_the_dataset_s_order_whatever_the_order_of_completion() -> None:
    """Rows 4, 0 and 2 of one harness and row 1 of another were recorded, in versions 2 to 5."""
    a, b = pinned("a", 5), pinned("b", 3)
    result = result_of(started(a, b), scored(4, "a"), scored(0, "a"), scored(1, "b"), scored(2, "a"))
    assert list(result.places(a)) == [Place(0, 3, 0), Place(2, 5, 0), Place(4, 2, 0)]
    assert list(result.places(b)) == [Place(1, 4, 0)]


def test_a_start_with_more_rows_than_any_memory_holds_is_told_as_impossible() -> None:
    """A log that was written by hand; what folds it says where it can't go on."""
    with pytest.raises(LogUnreadable, match=r"^event 1 of run-1 \(started\) can't follow"):
        result_of(started(pinned("a", 10**18)))


def test_a_harness_without_recorded_examples_has_no_places() -> None:
    """Also one that is not pinned yet."""
    assert list(result_of(started(pinned())).places(pinned())) == []
    unpinned = PinnedHarness(suite="qa", harness="a")
    assert list(result_of(started(unpinned)).places(unpinned)) == []


def test_repeats_of_an_example_stand_together_with_their_answers() -> None:
    """Versions 2 to 6: an answer without a score has no place yet; a score whose answer came before has two."""
    a = pinned("a", 2, repeats=2)
    result = result_of(
        started(a),
        answered(1, repeat=1),
        scored(1, repeat=0),
        answered(0, repeat=1),
        graded(1, repeat=1),
        scored(0, repeat=0),
    )
    places = list(result.places(a))
    assert [(place.row, place.scored) for place in places] == [(0, 6), (1, 3), (1, 5)]
    assert [place.versions for place in places[1:]] == [(3,), (5, 2)]


def test_harnesses_of_one_name_in_two_suites_are_two() -> None:
    """Each suite asks for itself."""
    one, other = pinned("a", 2, suite="qa"), pinned("a", 2, suite="more")
    result = result_of(started(one, other), scored(0, suite="more"), scored(1, suite="qa"))
    assert list(result.places(one)) == [Place(1, 3, 0)]
    assert list(result.places(other)) == [Place(0, 2, 0)]


def test_warnings_are_gathered_in_the_order_they_came_up() -> None:
    """From the start, the pinning, what had changed at a take-over (once), and the end."""
    result = result_of(
        started(PinnedHarness(suite="qa", harness="a"), warnings=["left out"]),
        ExamplesPinned(harnesses=[pinned(rows=1)], warnings=["late"]),
        Resumed(process="p", left=1, after="crash", changed=["ask.py has changed"]),
        Resumed(process="p", left=1, after="crash", changed=["ask.py has changed", "b.py has changed"]),
        scored(0),
        finished(warnings=["low confidence"]),
    )
    assert result.warnings == ["left out", "late", "ask.py has changed", "b.py has changed", "low confidence"]
    assert (result.started_at, result.finished_at) == (START, END)
    assert result.harnesses == [pinned(rows=1)]


def ended(view: Results, run_id: str, rows: int = 1) -> None:
    """Let a run of one recorded example begin and end."""
    for stretch in stretches(recorded(run_id, started(pinned(rows=rows)), scored(0), finished())):
        view.apply(stretch)


def test_a_run_that_has_ended_is_answered_from_memory() -> None:
    """The first readers come right then."""
    view = Results()
    ended(view, "run-1")
    result = view.get("run-1")
    assert result is not None
    assert result.finished == finished()
    assert view.get("run-2") is None


def test_a_run_of_which_only_the_ends_were_read_is_not_answered_from_memory() -> None:
    """A start reads no more of a finished run: what lies between is folded when somebody asks."""
    views = Views()
    first, *_, last = recorded("run-1", started(pinned(rows=1)), scored(0), finished())
    views.apply_end(first)
    views.apply_end(last)
    assert (views.listing.unfinished(), views.progress.get("run-1"), views.results.get("run-1")) == ([], None, None)


def test_a_run_ends_once() -> None:
    """A start does not open a log in which one ends twice."""
    views = Views()
    first, end = recorded("run-1", started(pinned(rows=1)), finished(examples=0))
    views.apply_end(first)
    views.apply_end(end)
    with pytest.raises(LogUnreadable, match=r"^event 3 of run-1 \(finished\) can't follow"):
        views.apply_end(replace(end, position=3, version=3))


def test_an_asking_that_cannot_follow_is_named_among_those_around_it() -> None:
    """The third asking of a stretch stands in row 9 of 5: the error has its version, and a result read alone, too."""
    begun, askings = stretches(recorded("run-1", started(pinned(rows=5)), scored(0), scored(1), scored(9), scored(2)))
    for apply in (Views().take, Result().apply):
        apply(begun)
        with pytest.raises(LogUnreadable, match=r"^event 4 of run-1 \(example_scored\) can't follow"):
            apply(askings)


def test_an_asking_of_a_run_without_a_start_is_named() -> None:
    """The first of a stretch: nothing is known of its run."""
    _, first, second = recorded("run-1", started(pinned(rows=5)), scored(0), scored(1))
    with pytest.raises(LogUnreadable, match=r"^event 2 of run-1 \(example_scored\) can't follow"):
        Views().apply([first, second])


def test_watchers_are_told_of_each_event_of_a_stretch() -> None:
    """In order, once the whole stretch is shown; the start comes by itself."""
    views = Views()
    seen: list[tuple[int, int]] = []

    def watch(one: Recorded) -> None:
        progress = views.progress.get("run-1")
        seen.append((one.version, progress.completed if progress else -1))

    views.watchers.append(watch)
    views.apply(recorded("run-1", started(pinned(rows=5)), scored(0), scored(1)))
    assert seen == [(1, 0), (2, 2), (3, 2)]


def test_only_the_runs_looked_at_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three kept runs the one not asked for longest makes room for a fourth."""
    monkeypatch.setattr(results, "KEPT_RUNS", 3)
    view = Results()
    for run_id in ("run-1", "run-2", "run-3"):
        ended(view, run_id)
    view.get("run-1")
    ended(view, "run-4")
    kept = [run_id for run_id in ("run-1", "run-2", "run-3", "run-4") if view.get(run_id)]
    assert kept == ["run-1", "run-3", "run-4"]


def test_memory_for_finished_runs_is_bounded_by_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of 40 rows fit into 100, three do not; the last one stays, however large."""
    monkeypatch.setattr(results, "KEPT_ROWS", 100)
    view = Results()
    for run_id in ("run-1", "run-2", "run-3"):
        ended(view, run_id, rows=40)
    assert [bool(view.get(run_id)) for run_id in ("run-1", "run-2", "run-3")] == [False, True, True]
    ended(view, "run-4", rows=1_000)
    assert [bool(view.get(run_id)) for run_id in ("run-2", "run-3", "run-4")] == [False, False, True]


def test_an_unfinished_run_is_never_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many have ended since."""
    monkeypatch.setattr(results, "KEPT_RUNS", 1)
    view = Results()
    view.apply(*stretches(recorded("run-0", started(pinned()))))
    for number in range(1, 4):
        ended(view, f"run-{number}")
    assert view.get("run-0") is not None


def test_an_entry_has_the_fields_of_the_contract_first_and_in_its_order() -> None:
    """id, input, expected, output, scores, passed, tags; then ours, and what there is of metadata."""
    line = b'{"id":"ex-1","input":"2+2?","expected":"4","tags":["math"],"metadata":{"source":"b"}}\n'
    body = (
        b'{"suite":"qa","harness":"a","example":"ex-1","repeat":0,"row":7,"output":"4","scores":{"exact_match":1.0},'
        b'"passed":true,"latency_ms":1.5,"attempts":1}'
    )
    assert example_entry(line, body) == (
        b'{"id":"ex-1","input":"2+2?","expected":"4","output":"4","scores":{"exact_match":1.0},"passed":true,'
        b'"tags":["math"],"suite":"qa","harness":"a","latency_ms":1.5,"attempts":1,"metadata":{"source":"b"}}'
    )


def test_an_entry_of_a_failed_call_has_a_null_output_no_scores_and_the_error() -> None:
    """Tags are there even where there are none; metadata is not."""
    line = b'{"id":"ex-1","input":"2+2?","expected":"4"}\n'
    body = encode(scored(0, output=None, passed=False, attempts=3, error="timed out", secrets=["KEY"]))
    assert json.loads(example_entry(line, body)) == {
        "id": "ex-1",
        "input": "2+2?",
        "expected": "4",
        "output": None,
        "scores": {},
        "passed": False,
        "tags": [],
        "suite": "qa",
        "harness": "a",
        "latency_ms": 5,
        "attempts": 3,
        "error": "timed out",
        "secrets": ["KEY"],
    }


def test_an_entry_tells_which_grader_failed_and_why() -> None:
    """Its key is missing in `scores`."""
    line = b'{"id":"ex-1","input":"","expected":""}\n'
    body = encode(scored(0, scores={"contains": 1.0}, errors={"regex": "no pattern"}, passed=False))
    entry = json.loads(example_entry(line, body))
    assert (entry["scores"], entry["errors"]) == ({"contains": 1.0}, {"regex": "no pattern"})


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.dictionaries(st.text(), st.text() | st.none(), min_size=1, max_size=3))
def test_texts_of_any_script_pass_through_an_entry(
    question: str, expected: str, output: str, metadata: dict[str, object]
) -> None:
    """What was pinned and what was recorded is what is shown."""
    line = encode_line(Example("ex-1", question, expected, ("größe",), metadata))
    entry = json.loads(example_entry(line, encode(scored(0, output=output))))
    shown = {name: entry[name] for name in ("input", "expected", "output", "tags", "metadata")}
    assert shown == {
        "input": question,
        "expected": expected,
        "output": output,
        "tags": ["größe"],
        "metadata": metadata,
    }
