"""What a regrade is made of: the old run's outputs and settings, today's graders, and what is left out."""

from collections.abc import Mapping

import pytest
from given import HASH, START
from hypothesis import given
from logs import streams
from msgspec.structs import replace
from planned import contains, exact, harness, plan, suite
from run_events import answered, graded, pinned, scored, started

from domain.errors import LogUnreadable, NoExamples, SuiteNotFound
from domain.events import Event, PinnedHarness, Usage
from domain.model_spec import HttpModel, Prices
from domain.plan import Plan
from domain.regrade import Key, Old, plan_regrade, recorded_outcome
from domain.run import Run
from domain.spec import Statistics
from domain.stretch import Stretch
from projections.results import Result

NAME = "run-20260315-143022-a3f7"


def old(before: Plan, *harnesses: PinnedHarness, whole: Mapping[Key, int], asked: str | None = None) -> Old:
    """A run that is over, of all suites unless one is named."""
    return Old(NAME, asked, before, harnesses, whole)


def result_of(*events: Event) -> Result:
    """A result folded from these events."""
    result = Result()
    for version, event in enumerate(events, 1):
        result.apply(Stretch(NAME, version, version + 1, [event], START, HASH))
    return result


def test_what_the_outputs_came_from_is_the_old_run_s() -> None:
    """Model without prices, time limits, repeats and tags; graders, file, code, thresholds, statistics are today's."""
    model = HttpModel(endpoint="http://m.test", prices=Prices(input=1, output=2))
    first = replace(harness("a", exact(), model=model, repeats=2), code={"ask.py": "00"}, timeout_seconds=7, retries=5)
    before = replace(plan(replace(suite("qa", first, thresholds={"overall": 0.5}), tags=["smoke"])), tags=["t"])
    now = replace(harness("a", contains(0.3), repeats=9), file="moved.yml", code={"own.py": "11"}, concurrency=2)
    statistics = Statistics(use_lower_bound=True)
    today = replace(suite("qa", now, thresholds={"overall": 0.9}, statistics=statistics), tags=["other"])
    regrade = plan_regrade(old(before, pinned("a", 3, repeats=2), whole={("qa", "a"): 3}), [today], "matchspec.yml")

    expected = replace(
        first,
        file="moved.yml",
        model=HttpModel(endpoint="http://m.test"),
        graders=[contains(0.3)],
        concurrency=2,
        code={"own.py": "11"},
    )
    (planned,) = regrade.plan.suites
    assert planned == replace(today, tags=["smoke"], harnesses=[expected])
    assert (regrade.plan.tags, regrade.plan.concurrency, regrade.plan.fail_fast) == (["t"], None, False)
    assert (regrade.harnesses, regrade.warnings) == ([pinned("a", 3, repeats=2)], [])


def test_harnesses_come_in_today_s_order_with_the_examples_they_have() -> None:
    """What is not recorded whole does not take part, and is told."""
    before = plan(suite("qa", harness("a"), harness("b"), harness("c"), harness("gone")))
    pins = [pinned("a", 3), pinned("b", 4), pinned("c", 2), pinned("gone", 1)]
    whole = {("qa", "a"): 3, ("qa", "b"): 1, ("qa", "c"): 0, ("qa", "gone"): 1}
    today = [suite("qa", harness("b"), harness("new"), harness("c"), harness("a"))]
    regrade = plan_regrade(old(before, *pins, whole=whole), today, "matchspec.yml")

    assert [one.name for one in regrade.plan.suites[0].harnesses] == ["b", "a"]
    assert regrade.harnesses == [pinned("b", 4, examples=1), pinned("a", 3)]
    assert regrade.warnings == [
        f"3 of 4 examples of harness 'b' of suite 'qa' are left out: {NAME} did not record them",
        f"harness 'c' of suite 'qa' is left out: {NAME} recorded no answer for any of its examples",
        "harness 'gone' of suite 'qa' is left out: today's files have it no more",
        f"harness 'new' of suite 'qa' is left out: {NAME} did not ask it",
    ]


def test_a_suite_that_is_gone() -> None:
    """Left out beside others, an error where it was the one asked for or the last one."""
    before = plan(suite("x", harness("a")), suite("y", harness("b")))
    pins, whole = [pinned("a", suite="x"), pinned("b", suite="y")], {("x", "a"): 3, ("y", "b"): 3}
    regrade = plan_regrade(old(before, *pins, whole=whole), [suite("y", harness("b"))], "matchspec.yml")
    assert [one.name for one in regrade.plan.suites] == ["y"]
    assert regrade.warnings == ["suite 'x' is left out: today's files have it no more"]
    with pytest.raises(SuiteNotFound, match=r"suite 'x' of run-.* is not in matchspec\.yml any more"):
        plan_regrade(old(before, *pins, whole=whole, asked="x"), [suite("y", harness("b"))], "matchspec.yml")
    with pytest.raises(NoExamples, match=r"suite 'x' is left out: .*; suite 'y' is left out"):
        plan_regrade(old(before, *pins, whole=whole), [], "matchspec.yml")


def test_a_harness_that_the_tags_left_empty_is_not_told_again() -> None:
    """The old run said so, and nothing of it is there to be graded."""
    before = plan(suite("qa", harness("a"), harness("b")))
    pins, whole = [pinned("a"), pinned("b", examples=0)], {("qa", "a"): 3, ("qa", "b"): 0}
    regrade = plan_regrade(old(before, *pins, whole=whole), before.suites, "matchspec.yml")
    assert (regrade.harnesses, regrade.warnings) == ([pinned("a")], [])


def test_the_outcome_of_an_asking() -> None:
    """An answer by itself, the answer out of a score, or the event that tells why there is none."""
    usage = Usage(input_tokens=1, output_tokens=2)
    answer = answered(1, output="y", usage=usage, secrets=["KEY"])
    assert recorded_outcome(answer) is answer
    whole = scored(1, output="y", usage=usage, secrets=["KEY"], scores={"exact_match": 1.0}, errors={"j": "no"})
    assert recorded_outcome(whole) == answer
    failed = scored(1, output=None, error="timed out", passed=False)
    assert recorded_outcome(failed) is failed
    with pytest.raises(LogUnreadable, match="neither an output nor an error of example 'ex-1'"):
        recorded_outcome(graded(1))


def test_rows_that_are_not_whole_are_marked() -> None:
    """Of three rows asked twice, the first is whole, the second half, the third missing; and of two never begun."""
    a, b = pinned("a", 3, repeats=2), pinned("b", 2)
    waiting = PinnedHarness(suite="qa", harness="waiting")
    events = [scored(0, repeat=1), scored(1, repeat=0), scored(0, repeat=0)]
    result = result_of(started(a, b, waiting), *events)
    assert result.incomplete(a) == bytes([0, 0, 1, 1, 1, 1])
    assert result.incomplete(b) == bytes([1, 1])
    assert result.incomplete(waiting) == b""


@given(streams())
def test_what_takes_part_is_what_is_found(events: list[Event]) -> None:
    """Of any run, every asking of a row that is not marked is found where it is recorded, and no row is marked that
    has all of its own.
    """
    result, run = result_of(*events), Run()
    for event in events:
        run.apply(START, event)
    for one in result.harnesses:
        marks = result.incomplete(one)
        recorded = run.recorded.get((one.suite, one.harness), bytearray((one.rows or 0) * one.repeats))
        for row in range(one.rows or 0):
            places = range(row * one.repeats, (row + 1) * one.repeats)
            assert {marks[place] for place in places} == {0 if all(recorded[place] for place in places) else 1}
            for repeat in range(one.repeats) if not marks[places[0]] else ():
                versions = result.find(one, row, repeat).versions
                found = [events[version - 1] for version in versions]
                assert {(event.row, event.repeat) for event in found} == {(row, repeat)}  # type: ignore[union-attr]
