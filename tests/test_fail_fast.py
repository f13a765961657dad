"""`--fail-fast`: harnesses one after another, and none after the first with which the run would not pass."""

from pathlib import Path

import msgspec
import pytest
from calling import call, document_of
from given import given
from planned import exact, harness, plan, suite
from project import examples, write_config, write_harness
from project import suite as written_suite
from run_events import pinned, scored, started

from domain.errors import WrongVersion
from domain.events import Event, ExampleScored, Finished
from domain.plan import Plan
from domain.run import finish, is_done
from domain.spec import Statistics
from domain.tally import Tally
from domain.verdict import fails

END = "2026-03-15T14:31:05.000000Z"


def fast(*harnesses: str, threshold: float = 1.0, statistics: Statistics | None = None) -> Plan:
    """A plan of the suite `qa` that stops at the first failure; its harnesses are pooled into one row."""
    planned = [harness(name, exact()) for name in harnesses]
    whole = plan(suite("qa", *planned, thresholds={"overall": threshold}, statistics=statistics))
    return msgspec.structs.replace(whole, fail_fast=True)


def hit(row: int, name: str) -> ExampleScored:
    """A right answer."""
    return scored(row, name, scores={"exact_match": 1.0})


def miss(row: int, name: str) -> ExampleScored:
    """A wrong one."""
    return scored(row, name, scores={"exact_match": 0.0}, passed=False)


def begun(*events: Event) -> list[Event]:
    """A run of `a`, `b` and `c`, two examples each, and what happened in it."""
    return [started(pinned("a", 2), pinned("b", 2), pinned("c", 2)), *events]


@pytest.mark.parametrize(
    ("events", "done"),
    [
        ([], False),
        ([miss(0, "a")], False),
        ([hit(0, "a"), hit(1, "a")], False),
        ([hit(0, "a"), miss(1, "a")], True),
        ([hit(0, "a"), hit(1, "a"), miss(0, "b")], False),
        ([hit(0, "a"), hit(1, "a"), miss(0, "b"), hit(1, "b")], True),
        ([hit(0, "a"), hit(1, "a"), hit(0, "b"), hit(1, "b")], False),
        ([hit(row, name) for name in "abc" for row in (0, 1)], True),
    ],
)
def test_a_run_is_done_when_a_whole_harness_has_made_it_fail(events: list[Event], done: bool) -> None:
    """Not before anything is asked, not within a harness, not while all is well, and always at the end."""
    assert is_done(given(*begun(*events)).run, fast("a", "b", "c")) is done


def test_without_fail_fast_a_run_goes_on() -> None:
    """The same failure ends nothing where it was not asked to."""
    run = given(*begun(miss(0, "a"), miss(1, "a"))).run
    patient = msgspec.structs.replace(fast("a", "b", "c"), fail_fast=False)
    assert not is_done(run, patient)
    with pytest.raises(WrongVersion):
        finish(run, patient, END)


def test_what_was_not_run_is_named_and_the_verdict_is_fail() -> None:
    """Half of `a` is wrong: FAIL, with the row of `a` alone, and `b` and `c` named in the warnings."""
    (end,) = finish(given(*begun(hit(0, "a"), miss(1, "a"))).run, fast("a", "b", "c"), END)
    assert isinstance(end, Finished)
    assert (end.status, end.verdict, end.examples) == ("failed", "FAIL", 2)
    assert [(row.score, row.n, row.passed) for row in end.rows] == [(0.5, 2, False)]
    assert end.warnings == [
        "harness 'b' of suite 'qa' was not run: an earlier one failed",
        "harness 'c' of suite 'qa' was not run: an earlier one failed",
    ]


def test_a_run_that_stops_early_never_passes() -> None:
    """`b` alone is below 0.5, but with `a` 2 of 4 are right: the pooled row passes, so `c` is asked."""
    events = begun(hit(0, "a"), hit(1, "a"), miss(0, "b"), miss(1, "b"))
    assert not is_done(given(*events).run, fast("a", "b", "c", threshold=0.5))
    assert is_done(given(*events).run, fast("a", "b", "c", threshold=0.51))


def test_a_harness_whose_model_never_answered_fails() -> None:
    """No score is no pass: the run ends without a verdict, and the rest is not asked."""
    lost = [scored(row, "a", output=None, error="down", scores={}, passed=False) for row in (0, 1)]
    (end,) = finish(given(*begun(*lost)).run, fast("a", "b", "c"), END)
    assert isinstance(end, Finished)
    assert (end.status, end.verdict, end.error) == ("error", None, "every model call failed (2 of 2)")


@pytest.mark.parametrize(
    ("events", "threshold", "failed"),
    [([hit(0, "a"), hit(1, "a")], 1.0, False), ([hit(0, "a"), miss(1, "a")], 0.5, False), ([miss(0, "a")], 0.5, True)],
)
def test_what_fails_is_what_would_not_pass(events: list[ExampleScored], threshold: float, failed: bool) -> None:
    """The rule is the verdict's own, over the harnesses asked so far."""
    tally = Tally(len(events), 2, 1)
    for event in events:
        tally.add(event)
    assert fails(fast("a", "b", threshold=threshold), {("qa", "a"): tally}) is failed


def test_the_lower_bound_decides_also_here() -> None:
    """Two of two right has the lower bound 0.34, which 0.5 does not allow."""
    strict = fast("a", "b", threshold=0.5, statistics=Statistics(use_lower_bound=True))
    assert is_done(given(*begun(hit(0, "a"), hit(1, "a"))).run, strict)


def write_three(folder: Path, *, wrong: str) -> None:
    """A project of three harnesses `one`, `two`, `three` in two suites; the answers of one are wrong."""
    for name in ("one", "two", "three"):
        expected = {"expected": "another"} if name == wrong else {}
        write_harness(folder, name, examples=examples(3, **expected))
    write_config(folder, [written_suite("first", "one", "two"), written_suite("second", "three")])


def test_the_rest_is_not_asked(tmp_path: Path) -> None:
    """The second harness fails: exit code 1, six examples, and the third, of another suite, is named."""
    write_three(tmp_path, wrong="two")
    called = call(tmp_path, "run", "--fail-fast")
    document = document_of(tmp_path, called)
    assert (called.code, document["verdict"], len(document["examples"])) == (1, "FAIL", 6)
    assert document["warnings"] == ["harness 'three' of suite 'second' was not run: an earlier one failed"]
    assert "three" in called.stdout


def test_all_is_asked_where_nothing_fails(tmp_path: Path) -> None:
    """A failure in the last harness stops nothing that is left, and no failure at all passes."""
    write_three(tmp_path, wrong="three")
    document = document_of(tmp_path, call(tmp_path, "run", "--fail-fast"))
    assert (document["verdict"], len(document["examples"]), document.get("warnings")) == ("FAIL", 9, None)
    write_three(tmp_path, wrong="none")
    called = call(tmp_path, "run", "--fail-fast")
    assert (called.code, document_of(tmp_path, called)["verdict"]) == (0, "PASS")


def test_harnesses_go_one_after_another(tmp_path: Path) -> None:
    """With many calls at once, no example of the second harness is scored before the last of the first."""
    write_three(tmp_path, wrong="none")
    called = call(tmp_path, "run", "--fail-fast", "-v", "-c", "50")
    scored_in = [line[1:].partition("]")[0] for line in called.stdout.splitlines() if line.startswith("[")]
    assert scored_in == ["one"] * 3 + ["two"] * 3 + ["three"] * 3
