"""What must never change how a run ends, for any answers."""

import random

import hypothesis
import msgspec
from answers import Answer, Answers, events_of, outcome
from hypothesis import settings
from hypothesis import strategies as st
from planned import contains, exact, harness, plan, suite

from domain.marks import marks_of
from domain.plan import Plan
from domain.spec import Statistics

SCORE = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.7, 0.9, 1.0])
ANSWER = st.none() | st.fixed_dictionaries({}, optional={"exact_match": SCORE, "contains": SCORE})
ANSWERS = st.lists(ANSWER, min_size=1, max_size=8)
STATISTICS = st.builds(
    Statistics,
    confidence_level=st.sampled_from([0.5, 0.95]),
    use_lower_bound=st.booleans(),
    min_sample_size=st.integers(0, 5),
    min_sample_action=st.sampled_from(["warn", "fail"]),
    max_error_rate=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
THRESHOLD = st.none() | SCORE


@st.composite
def runs(draw: st.DrawFn) -> tuple[Plan, Answers]:
    """Two suites over three harnesses with two graders each, and their answers."""
    harnesses = [harness(name, exact(draw(THRESHOLD)), contains(draw(THRESHOLD))) for name in ("a", "b", "c")]
    overall = {"overall": draw(SCORE)}
    to_do = plan(
        suite("qa", *harnesses[:2], thresholds=overall, statistics=draw(STATISTICS)),
        suite("more", *harnesses[1:], statistics=draw(STATISTICS)),
    )
    keys = [("qa", "a"), ("qa", "b"), ("more", "b"), ("more", "c")]
    return to_do, {key: draw(ANSWERS) for key in keys}


@settings(deadline=None)
@hypothesis.given(run=runs(), chance=st.randoms())
def test_the_order_of_completion_never_changes_how_a_run_ends(run: tuple[Plan, Answers], chance: random.Random) -> None:
    """Examples and harnesses may finish in any order: rows, verdict, counts and warnings are the same."""
    to_do, answers = run
    shuffled = events_of(to_do, answers)
    chance.shuffle(shuffled)
    assert outcome(to_do, answers, shuffled) == outcome(to_do, answers)


@settings(deadline=None)
@hypothesis.given(run=runs(), chance=st.randoms())
def test_the_order_of_examples_in_a_dataset_never_changes_how_a_run_ends(
    run: tuple[Plan, Answers], chance: random.Random
) -> None:
    """Rows may stand in any order in the file."""
    to_do, answers = run
    moved = {key: chance.sample(rows, len(rows)) for key, rows in answers.items()}
    assert outcome(to_do, moved) == outcome(to_do, answers)


@st.composite
def marked_runs(draw: st.DrawFn) -> tuple[Plan, Answers]:
    """A suite over two harnesses without weights, with marks and repeats, and their answers."""
    mark = draw(THRESHOLD)
    harnesses = [
        harness(name, exact(draw(THRESHOLD), pass_at=mark), contains(draw(THRESHOLD)), repeats=draw(st.integers(1, 3)))
        for name in ("a", "b")
    ]
    statistics = msgspec.structs.replace(draw(STATISTICS), use_lower_bound=False)
    to_do = plan(suite("qa", *harnesses, thresholds={"overall": draw(SCORE)}, statistics=statistics))
    return to_do, {("qa", one.name): draw(repeated(one.repeats)) for one in harnesses}


def repeated(repeats: int) -> st.SearchStrategy[list[Answer | list[Answer]]]:
    """Examples that are asked so many times."""
    asked = st.lists(ANSWER, min_size=repeats, max_size=repeats)
    return st.lists(asked, min_size=1, max_size=6)


@settings(deadline=None, max_examples=300)
@hypothesis.given(run=marked_runs(), data=st.data())
def test_a_passing_example_never_turns_a_pass_into_a_fail(run: tuple[Plan, Answers], data: st.DataObject) -> None:
    """One that every grader scores at or above its mark. (The lower bound may fall: a middling score adds doubt.)"""
    to_do, answers = run
    key = data.draw(st.sampled_from(sorted(answers)))
    asked_suite, asked = to_do.harness(*key)
    marks = marks_of(asked_suite, asked)
    right: Answer = {name: data.draw(st.floats(mark, 1)) for name, mark in marks.graders.items()}
    assert right is not None
    assert marks.passes(right)
    before = outcome(to_do, answers)
    after = outcome(to_do, {**answers, key: [*answers[key], [right] * asked.repeats]})
    if before.verdict == "PASS":
        assert after.verdict == "PASS"
    for old, new in zip(before.rows, after.rows, strict=True):
        assert new.passed >= old.passed
    assert after.passed == before.passed + 1


@settings(deadline=None, max_examples=300)
@hypothesis.given(run=runs(), data=st.data())
def test_a_further_right_answer_never_turns_a_pass_into_a_fail(run: tuple[Plan, Answers], data: st.DataObject) -> None:
    """An example that every grader scores 1 helps or does nothing, with and without the lower bound."""
    to_do, answers = run
    before = outcome(to_do, answers)
    key = data.draw(st.sampled_from(sorted(answers)))
    right: Answer = {"exact_match": 1.0, "contains": 1.0}
    after = outcome(to_do, {**answers, key: [*answers[key], right]})
    if before.verdict == "PASS":
        assert after.verdict == "PASS"
    for old, new in zip(before.rows, after.rows, strict=True):
        assert new.passed >= old.passed
