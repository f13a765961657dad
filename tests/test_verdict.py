"""From scores to rows and a verdict: the contract's rules, each worked out by hand."""

import pytest
from answers import Case, ends_as, one, ones_and_zeros, outcome, scores, two
from planned import contains, exact, harness, plan, regex, suite

from domain.spec import Statistics

BOTH = [{"exact_match": 1.0, "contains": 1.0}, {"exact_match": 0.0, "contains": 1.0}]

CASES: dict[str, Case] = {
    "the harness file's threshold is reached exactly": (
        one(exact(0.7), right=7, wrong=3),
        "PASS",
        [("qa", "a", "exact_match", 10, 0.7, 0.7, True)],
    ),
    "the harness file's threshold is missed": (
        one(exact(0.7), right=6, wrong=4),
        "FAIL",
        [("qa", "a", "exact_match", 10, 0.6, 0.7, False)],
    ),
    "the harness file's comes before the suite's": (
        one(exact(0.25), right=1, wrong=3, thresholds={"exact_match": 0.9, "overall": 0.8}),
        "PASS",
        [("qa", "a", "exact_match", 4, 0.25, 0.25, True)],
    ),
    "the suite's under the grader's name comes before overall": (
        one(exact(), right=1, wrong=1, thresholds={"exact_match": 0.5, "overall": 0.9}),
        "PASS",
        [("qa", None, "exact_match", 2, 0.5, 0.5, True)],
    ),
    "a grader goes by its own name": (
        (
            plan(suite("qa", harness("a", exact(name="same")), thresholds={"same": 0.5, "exact_match": 1.0})),
            {("qa", "a"): [{"same": 1.0}, {"same": 0.0}]},
        ),
        "PASS",
        [("qa", None, "same", 2, 0.5, 0.5, True)],
    ),
    "overall comes before 1": (
        one(exact(), right=3, wrong=1, thresholds={"overall": 0.8}),
        "FAIL",
        [("qa", None, "exact_match", 4, 0.75, 0.8, False)],
    ),
    "without any threshold all must be right, and are": (
        one(exact(), right=2),
        "PASS",
        [("qa", None, "exact_match", 2, 1.0, 1.0, True)],
    ),
    "without any threshold all must be right, and one is not": (
        one(exact(), right=3, wrong=1),
        "FAIL",
        [("qa", None, "exact_match", 4, 0.75, 1.0, False)],
    ),
    "a threshold of 0 is one": (
        one(exact(0.0), wrong=2, thresholds={"overall": 0.9}),
        "PASS",
        [("qa", "a", "exact_match", 2, 0.0, 0.0, True)],
    ),
    "decimals mean what they say": (
        (plan(suite("qa", harness("a", exact(0.3)))), {("qa", "a"): scores(0.3, 0.29999999999999993)}),
        "PASS",
        [("qa", "a", "exact_match", 2, pytest.approx(0.3), 0.3, True)],
    ),
    "graders of one name are pooled over the harnesses": (
        two(
            ones_and_zeros(4),
            ones_and_zeros(0, 1),
            suite("qa", harness("a"), harness("b"), thresholds={"overall": 0.8}),
        ),
        "PASS",  # 4 of 5, though b alone has 0 of 1
        [("qa", None, "exact_match", 5, 0.8, 0.8, True)],
    ),
    "a grader with a threshold of its own stays out of the pool": (
        two(
            ones_and_zeros(1, 1),
            ones_and_zeros(2),
            suite("qa", harness("a", exact(0.75)), harness("b"), thresholds={"overall": 0.9}),
        ),
        "FAIL",
        [
            ("qa", "a", "exact_match", 2, 0.5, 0.75, False),
            ("qa", None, "exact_match", 2, 1.0, 0.9, True),
        ],
    ),
    "one failing row among passing ones is a FAIL": (
        (plan(suite("qa", harness("a", exact(0.75), contains(0.75)))), {("qa", "a"): BOTH}),
        "FAIL",
        [
            ("qa", "a", "exact_match", 2, 0.5, 0.75, False),
            ("qa", "a", "contains", 2, 1.0, 0.75, True),
        ],
    ),
    "rows stand in the order written, pooled ones after a suite's own": (
        (
            plan(
                suite("two", harness("x", exact(), regex(0.5), contains()), harness("y", regex(), contains(0.5))),
                suite("one", harness("x", contains(0.5))),
            ),
            {
                ("two", "x"): [{"exact_match": 1.0, "regex": 1.0, "contains": 1.0}],
                ("two", "y"): [{"regex": 1.0, "contains": 1.0}],
                ("one", "x"): [{"contains": 1.0}],
            },
        ),
        "PASS",
        [
            ("two", "x", "regex", 1, 1.0, 0.5, True),
            ("two", "y", "contains", 1, 1.0, 0.5, True),
            ("two", None, "exact_match", 1, 1.0, 1.0, True),
            ("two", None, "contains", 1, 1.0, 1.0, True),
            ("two", None, "regex", 1, 1.0, 1.0, True),
            ("one", "x", "contains", 1, 1.0, 0.5, True),
        ],
    ),
    "two suites that share a harness each count their own answers": (
        (
            plan(
                suite("strict", harness("a"), thresholds={"overall": 0.9}),
                suite("lax", harness("a"), thresholds={"overall": 0.5}),
            ),
            {("strict", "a"): ones_and_zeros(3, 1), ("lax", "a"): ones_and_zeros(1, 1)},
        ),
        "FAIL",
        [
            ("strict", None, "exact_match", 4, 0.75, 0.9, False),
            ("lax", None, "exact_match", 2, 0.5, 0.5, True),
        ],
    ),
    "too few examples only warn": (
        one(exact(0.5), right=2, statistics=Statistics(min_sample_size=3)),
        "PASS",
        [("qa", "a", "exact_match", 2, 1.0, 0.5, True)],
    ),
    "too few examples fail the row where the config says so": (
        one(exact(0.5), right=2, statistics=Statistics(min_sample_size=3, min_sample_action="fail")),
        "FAIL",
        [("qa", "a", "exact_match", 2, 1.0, 0.5, False)],
    ),
    "just enough examples are enough": (
        one(exact(0.5), right=3, statistics=Statistics(min_sample_size=3, min_sample_action="fail")),
        "PASS",
        [("qa", "a", "exact_match", 3, 1.0, 0.5, True)],
    ),
    "the lower bound of 9 in 10 is 0.596: not 0.6": (
        one(exact(0.6), right=9, wrong=1, statistics=Statistics(use_lower_bound=True)),
        "FAIL",
        [("qa", "a", "exact_match", 10, 0.9, 0.6, False)],
    ),
    "the lower bound of 9 in 10 is 0.596: above 0.59": (
        one(exact(0.59), right=9, wrong=1, statistics=Statistics(use_lower_bound=True)),
        "PASS",
        [("qa", "a", "exact_match", 10, 0.9, 0.59, True)],
    ),
    "at a level of 0.8 the lower bound of 9 in 10 is 0.718": (
        one(exact(0.7), right=9, wrong=1, statistics=Statistics(use_lower_bound=True, confidence_level=0.8)),
        "PASS",
        [("qa", "a", "exact_match", 10, 0.9, 0.7, True)],
    ),
    "each suite has its own statistics": (
        (
            plan(
                suite("sure", harness("a", exact(0.8)), statistics=Statistics(use_lower_bound=True)),
                suite("fair", harness("a", exact(0.8))),
            ),
            {("sure", "a"): ones_and_zeros(9, 1), ("fair", "a"): ones_and_zeros(9, 1)},
        ),
        "FAIL",
        [
            ("sure", "a", "exact_match", 10, 0.9, 0.8, False),
            ("fair", "a", "exact_match", 10, 0.9, 0.8, True),
        ],
    ),
    "a harness that is left out gives no row": (
        (plan(suite("qa", harness("a", exact(0.5)), harness("b", exact(0.5)))), {("qa", "a"): ones_and_zeros(1)}),
        "PASS",
        [("qa", "a", "exact_match", 1, 1.0, 0.5, True)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_ends_as_the_contract_says(name: str) -> None:
    """Rows, verdict and status of a configuration worked out by hand."""
    (to_do, answers), verdict, rows = CASES[name]
    ends_as(outcome(to_do, answers), verdict, rows)


@pytest.mark.parametrize("name", ["just enough examples are enough", "the harness file's threshold is missed"])
def test_a_run_without_errors_has_no_warnings(name: str) -> None:
    """Also where it fails."""
    assert outcome(*CASES[name][0]).warnings == []


def test_a_sample_that_is_too_small_stands_in_the_warnings() -> None:
    """One line names the row, its n and the minimum."""
    (warning,) = outcome(*CASES["too few examples only warn"][0]).warnings
    assert [word for word in ("'exact_match'", "'qa'", "n=2", "3") if word not in warning] == []


def test_a_row_has_an_interval_and_a_pass_rate() -> None:
    """Scores 0.5, 0.7, 0.7, 0.9 against 0.7: mean 0.7, 3 of 4 reach it; Wilson of 0.7 among 4 worked out by hand.

    z² = 3.84146: centre (0.7 + 0.48018) / 1.96036 = 0.60202, half width 1.95996 sqrt(0.0525 + 0.06002) / 1.96036 =
    0.33538.
    """
    to_do = plan(suite("qa", harness("a", exact(0.7))))
    (row,) = outcome(to_do, {("qa", "a"): scores(0.5, 0.7, 0.7, 0.9)}).rows
    assert row.score == pytest.approx(0.7, abs=1e-15)
    assert row.passed
    assert row.pass_rate == 0.75
    assert [row.ci_lower, row.ci_upper] == pytest.approx([0.26664, 0.93740], abs=2e-5)
