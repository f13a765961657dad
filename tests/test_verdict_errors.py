"""Errors and verdicts: what is out of the scores, and when a run ends without a verdict."""

import pytest
from answers import MODEL_ERROR, Case, ends_as, ones_and_zeros, outcome, two
from planned import contains, exact, harness, plan, suite

from domain.spec import Statistics

BOTH = [{"exact_match": 1.0, "contains": 1.0}, {"exact_match": 0.0, "contains": 1.0}]

CASES: dict[str, Case] = {
    "failed calls are out of every score, and half of them are not more than half": (
        (plan(suite("qa", harness("a", exact(0.9)))), {("qa", "a"): [*ones_and_zeros(2), MODEL_ERROR, MODEL_ERROR]}),
        "PASS",
        [("qa", "a", "exact_match", 2, 1.0, 0.9, True)],
    ),
    "more than half are": (
        (plan(suite("qa", harness("a", exact(0.9)))), {("qa", "a"): [*ones_and_zeros(2), *[MODEL_ERROR] * 3]}),
        None,
        [("qa", "a", "exact_match", 2, 1.0, 0.9, True)],
    ),
    "a max_error_rate of 0 allows no error": (
        (
            plan(suite("qa", harness("a", exact(0.1)), statistics=Statistics(max_error_rate=0))),
            {("qa", "a"): [*ones_and_zeros(9), MODEL_ERROR]},
        ),
        None,
        [("qa", "a", "exact_match", 9, 1.0, 0.1, True)],
    ),
    "3 errors in 10 are at a max_error_rate of 0.3": (
        (
            plan(suite("qa", harness("a", exact(0.1)), statistics=Statistics(max_error_rate=0.1 + 0.1 + 0.1 - 1e-16))),
            {("qa", "a"): [*ones_and_zeros(7), *[MODEL_ERROR] * 3]},
        ),
        "PASS",
        [("qa", "a", "exact_match", 7, 1.0, 0.1, True)],
    ),
    "the error rate is that of each suite": (
        (
            plan(suite("good", harness("a")), suite("bad", harness("a", exact(0.1)))),
            {("good", "a"): ones_and_zeros(20), ("bad", "a"): [*ones_and_zeros(1), MODEL_ERROR, MODEL_ERROR]},
        ),
        None,
        [
            ("good", None, "exact_match", 20, 1.0, 1.0, True),
            ("bad", "a", "exact_match", 1, 1.0, 0.1, True),
        ],
    ),
    "the error rate is that of a suite's harnesses together": (
        two([MODEL_ERROR], ones_and_zeros(3), suite("qa", harness("a"), harness("b"))),
        "PASS",
        [("qa", None, "exact_match", 3, 1.0, 1.0, True)],
    ),
    "an example with two grader errors is one example with an error": (
        (
            plan(suite("qa", harness("a", exact(), contains()))),
            {("qa", "a"): [{}, {"exact_match": 1.0, "contains": 1.0}]},
        ),
        "PASS",
        [
            ("qa", None, "exact_match", 1, 1.0, 1.0, True),
            ("qa", None, "contains", 1, 1.0, 1.0, True),
        ],
    ),
    "a grader error is out of that grader's row only": (
        (plan(suite("qa", harness("a", exact(0.5), contains(0.5)))), {("qa", "a"): [*BOTH, {"contains": 0.0}]}),
        "PASS",
        [
            ("qa", "a", "exact_match", 2, 0.5, 0.5, True),
            ("qa", "a", "contains", 3, 2 / 3, 0.5, True),
        ],
    ),
    "a grader that never scored leaves no verdict": (
        (
            plan(suite("qa", harness("a", exact(), contains()), statistics=Statistics(max_error_rate=1))),
            {("qa", "a"): [{"exact_match": 1.0}, {"exact_match": 1.0}]},
        ),
        None,
        [
            ("qa", None, "exact_match", 2, 1.0, 1.0, True),
            ("qa", None, "contains", 0, None, 1.0, False),
        ],
    ),
    "not even at a threshold of 0": (
        (
            plan(suite("qa", harness("a", exact(0.0), contains()), statistics=Statistics(max_error_rate=1))),
            {("qa", "a"): [{"contains": 1.0}]},
        ),
        None,
        [
            ("qa", "a", "exact_match", 0, None, 0.0, False),
            ("qa", None, "contains", 1, 1.0, 1.0, True),
        ],
    ),
    "every model call failed": (
        (
            plan(suite("qa", harness("a"), statistics=Statistics(max_error_rate=1))),
            {("qa", "a"): [MODEL_ERROR, MODEL_ERROR]},
        ),
        None,
        [("qa", None, "exact_match", 0, None, 1.0, False)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_with_errors_ends_as_the_contract_says(name: str) -> None:
    """Rows, verdict and status of a configuration worked out by hand."""
    (to_do, answers), verdict, rows = CASES[name]
    ends_as(outcome(to_do, answers), verdict, rows)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("every model call failed", ["every model call failed", "2"]),
        ("more than half are", ["3 of 5", "'qa'", "max_error_rate", "0.5"]),
        ("the error rate is that of each suite", ["2 of 3", "'bad'", "max_error_rate"]),
        ("a grader that never scored leaves no verdict", ["'qa'", "'contains'"]),
    ],
)
def test_a_run_without_a_verdict_says_why(name: str, words: list[str]) -> None:
    """The sentence holds the suite, the grader, or the figures."""
    error = outcome(*CASES[name][0]).error or ""
    assert [word for word in words if word not in error] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("failed calls are out of every score, and half of them are not more than half", ["'a'", "2 of 4"]),
        ("a grader error is out of that grader's row only", ["'a'", "1"]),
        ("every model call failed", ["'a'", "2 of 2"]),
    ],
)
def test_any_error_stands_in_the_warnings(name: str, words: list[str]) -> None:
    """One line names the harness and tells how many examples."""
    (warning,) = outcome(*CASES[name][0]).warnings
    assert [word for word in words if word not in warning] == []


def test_a_row_without_scores_has_neither_score_nor_interval() -> None:
    """Only what is known is there."""
    row = outcome(*CASES["every model call failed"][0]).rows[0]
    assert (row.score, row.ci_lower, row.ci_upper, row.pass_rate) == (None, None, None, None)
