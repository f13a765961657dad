"""Runs told by their answers: from scores per harness to the event that ends the run."""

from collections.abc import Mapping, Sequence

from given import START, given
from planned import harness, plan, suite
from run_events import pinned, scored, started

from domain.events import Event, ExampleScored, Finished
from domain.grader_spec import Grader, grader_name
from domain.marks import marks_of
from domain.plan import Plan, PlannedSuite
from domain.run import finish
from domain.spec import Statistics

Answer = dict[str, float] | None
"""Scores by grader, a missing one being a grader error; None is a model error."""

Answers = Mapping[tuple[str, str], Sequence[Answer | list[Answer]]]
"""By suite and harness; an example that is asked several times has a list."""

MODEL_ERROR: Answer = None

Case = tuple[tuple[Plan, Answers], str | None, list[tuple[object, ...]]]
"""A run's plan and answers, the verdict it ends with, and its rows as `ends_as` takes them."""


def ones_and_zeros(right: int, wrong: int = 0, grader: str = "exact_match") -> list[Answer]:
    """Examples that score 1 and examples that score 0."""
    return [*[{grader: 1.0}] * right, *[{grader: 0.0}] * wrong]


def scores(*values: float, grader: str = "exact_match") -> list[Answer]:
    """One example per score."""
    return [{grader: value} for value in values]


def events_of(to_do: Plan, answers: Answers) -> list[ExampleScored]:
    """The examples of a run as they would be recorded, harness after harness."""
    return [
        scored_as(to_do, key, row, repeat, answer)
        for key, rows in answers.items()
        for row, asked in enumerate(rows)
        for repeat, answer in enumerate(asked if isinstance(asked, list) else [asked])
    ]


def scored_as(to_do: Plan, key: tuple[str, str], row: int, repeat: int, answer: Answer) -> ExampleScored:
    """One asking, passed by the marks of its harness."""
    suite_name, name = key
    asked_suite, asked = to_do.harness(*key)
    if answer is None:
        return scored(row, name, suite=suite_name, repeat=repeat, output=None, error="timed out", passed=False)
    graders = [grader_name(grader) for grader in asked.graders]
    errors = {grader: "no" for grader in graders if grader not in answer}
    passed = marks_of(asked_suite, asked).passes(answer)
    return scored(row, name, suite=suite_name, repeat=repeat, scores=dict(answer), errors=errors, passed=passed)


def outcome(to_do: Plan, answers: Answers, events: Sequence[Event] | None = None) -> Finished:
    """How a run of these answers ends, recorded in the order of `events`."""
    harnesses = [
        pinned(key[1], len(rows), suite=key[0], repeats=to_do.harness(*key)[1].repeats) for key, rows in answers.items()
    ]
    recorded = events_of(to_do, answers) if events is None else events
    (end,) = finish(given(started(*harnesses), *recorded).run, to_do, START)
    assert isinstance(end, Finished)
    return end


def one(
    grader: Grader,
    right: int = 0,
    wrong: int = 0,
    *,
    thresholds: Mapping[str, float] | None = None,
    statistics: Statistics | None = None,
) -> tuple[Plan, Answers]:
    """A suite `qa` of one harness `a` with exact_match answers."""
    only = suite("qa", harness("a", grader), thresholds=thresholds, statistics=statistics)
    return plan(only), {("qa", "a"): ones_and_zeros(right, wrong)}


def two(first: Sequence[Answer], second: Sequence[Answer], asked: PlannedSuite) -> tuple[Plan, Answers]:
    """A suite `qa` of the harnesses `a` and `b`."""
    return plan(asked), {("qa", "a"): first, ("qa", "b"): second}


def ends_as(end: Finished, verdict: str | None, rows: Sequence[tuple[object, ...]]) -> None:
    """The run ended with this verdict and these rows: suite, harness, name, n, score, threshold, passed."""
    assert [
        (row.suite, row.harness, row.name, row.n, row.score, row.threshold, row.passed) for row in end.rows
    ] == list(rows)
    assert end.verdict == verdict
    assert end.status == {"PASS": "passed", "FAIL": "failed", None: "error"}[verdict]
    assert (end.error is None) == (verdict is not None)
