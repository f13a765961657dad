"""Weighted harnesses: a row for all graders together, and graders that only inform."""

import pytest
from answers import MODEL_ERROR, Answer, outcome
from planned import contains, exact, harness, plan, regex, suite

from domain.events import Finished
from domain.grader_spec import Grader, LlmJudgeConfig, LlmJudgeGrader
from domain.model_spec import EchoModel
from domain.rules import find_harness_faults, find_suite_faults
from domain.spec import Harness, InlineDataset, InlineExample, Statistics, Suite


def both(exact_match: float, contains_: float) -> Answer:
    """An answer with two scores."""
    return {"exact_match": exact_match, "contains": contains_}


def end_of(*answers: Answer, overall: float = 0.5, statistics: Statistics | None = None) -> Finished:
    """How a run over one harness of weights 3 and 1 ends."""
    asked = harness("a", exact(weight=3), contains(weight=1))
    only = suite("qa", asked, thresholds={"overall": overall}, statistics=statistics)
    return outcome(plan(only), {("qa", "a"): answers})


def test_the_overall_row_is_whole() -> None:
    """Weighted means 1, 0.25, 0.75, 0: mean 0.5, two of four reach 0.5; Wilson for 0.5 among 4 is 0.15 to 0.85.

    z² = 3.84146: half width 1.95996 sqrt(0.0625 + 0.06002) / 1.96036 = 0.34996.
    """
    end = end_of(both(1, 1), both(0, 1), both(1, 0), both(0, 0))
    (row,) = end.rows
    assert (row.name, row.suite, row.harness, row.n, row.threshold) == ("overall", "qa", "a", 4, 0.5)
    assert (row.score, row.pass_rate, row.pass_at, row.passed) == (0.5, 0.5, None, True)
    assert [row.ci_lower, row.ci_upper] == pytest.approx([0.15004, 0.84996], abs=1e-5)
    assert (end.passed, end.verdict) == (2, "PASS")


def test_what_informs_has_a_score_and_an_interval_and_no_threshold() -> None:
    """exact_match: 1 of 2; contains: 2 of 2."""
    first, second = end_of(both(1, 1), both(0, 1)).informational
    assert (first.name, first.suite, first.harness, first.n, first.score) == ("exact_match", "qa", "a", 2, 0.5)
    assert (second.name, second.n, second.score) == ("contains", 2, 1.0)
    assert [second.ci_lower, second.ci_upper] == pytest.approx([0.34238, 1.0], abs=1e-5)  # 2 / (2 + 3.84146)
    assert "threshold" not in first.__struct_fields__


def test_a_grader_error_takes_the_weighted_score_and_the_pass_away() -> None:
    """The other grader's score still informs."""
    end = end_of({"exact_match": 1.0}, both(1, 1))
    assert [(row.n, row.score) for row in end.rows] == [(1, 1.0)]
    assert [(one.n, one.score) for one in end.informational] == [(2, 1.0), (1, 1.0)]
    assert (end.grader_errors, end.passed) == (1, 1)


def test_a_run_without_any_weighted_score_has_no_verdict_and_names_overall() -> None:
    """What informs and has no score has no interval either."""
    end = end_of({"exact_match": 1.0}, {"exact_match": 0.0}, statistics=Statistics(max_error_rate=1))
    assert (end.status, end.verdict) == ("error", None)
    assert "'overall'" in (end.error or "")
    assert "'qa'" in (end.error or "")
    silent = end.informational[1]
    assert (silent.n, silent.score, silent.ci_lower, silent.ci_upper) == (0, None, None, None)


def test_model_errors_are_out_of_the_weighted_score() -> None:
    """As out of every score."""
    end = end_of(both(1, 1), MODEL_ERROR)
    assert [(row.n, row.score) for row in end.rows] == [(1, 1.0)]
    assert end.model_errors == 1


def test_too_few_weighted_examples_are_told() -> None:
    """The row is named."""
    (warning,) = end_of(both(1, 1), statistics=Statistics(min_sample_size=2)).warnings
    assert [word for word in ("'overall'", "n=1", "2") if word not in warning] == []


def test_a_mark_counts_in_what_informs_but_not_in_the_weighted_mean() -> None:
    """0.6 at pass_at 0.5 counts 1 for the grader by itself; the example's weighted mean is of the scores: 0.6."""
    asked = harness("a", exact(weight=1, pass_at=0.5))
    end = outcome(plan(suite("qa", asked, thresholds={"overall": 0.7})), {("qa", "a"): [{"exact_match": 0.6}]})
    assert [(one.n, one.score) for one in end.informational] == [(1, 1.0)]
    assert [(row.score, row.passed) for row in end.rows] == [(0.6, False)]


def test_rows_of_weighted_harnesses_come_last_in_their_suite() -> None:
    """Own rows as written, then pooled ones, then `overall`; then the next suite."""
    mixed = suite("qa", harness("a", exact(0.0, weight=1), contains(weight=1)), harness("b", exact(), contains(0.0)))
    other = suite("more", harness("b", contains()))
    end = outcome(
        plan(mixed, other),
        {("qa", "a"): [both(1, 1)], ("qa", "b"): [both(1, 1)], ("more", "b"): [{"contains": 1.0}]},
    )
    assert [(row.suite, row.harness, row.name) for row in end.rows] == [
        ("qa", "a", "exact_match"),
        ("qa", "b", "contains"),
        ("qa", None, "exact_match"),
        ("qa", "a", "overall"),
        ("more", None, "contains"),
    ]


def written(*graders: Grader, name: str = "h") -> Harness:
    """A harness file with these graders."""
    dataset = InlineDataset(name="d", examples=[InlineExample(id="a", input="", expected="")])
    return Harness(version=1, name=name, dataset=dataset, model=EchoModel(), graders=list(graders))


def test_all_graders_have_a_weight_or_none() -> None:
    """Each that lacks one is told; a weight alone is fine."""
    assert list(find_harness_faults(written(exact(weight=1)))) == []
    faults = list(find_harness_faults(written(exact(weight=1), contains(), regex())))
    assert [fault.place for fault in faults] == [("graders", 1, "weight"), ("graders", 2, "weight")]


def test_graders_of_a_pool_have_one_mark() -> None:
    """The same grader with another `pass_at` may not share a row; with a threshold of its own it may."""
    qa = Suite(name="qa", harnesses=["x", "y"])
    one = written(exact(pass_at=0.5), name="one")
    assert list(find_suite_faults(0, qa, [one, written(exact(pass_at=0.5), name="two")])) == []
    assert list(find_suite_faults(0, qa, [one, written(exact(0.9, pass_at=0.6), name="two")])) == []
    for other in (exact(pass_at=0.6), exact()):
        (found,) = find_suite_faults(0, qa, [one, written(other, name="two")])
        assert (found.harness, found.fault.place) == (1, ("graders", 0))


def test_weighted_graders_share_no_pool_and_so_may_differ() -> None:
    """Each weighted harness stands by itself."""
    judge = LlmJudgeGrader(name="exact_match", weight=1, config=LlmJudgeConfig(endpoint="http://j", model="m"))
    qa = Suite(name="qa", harnesses=["x", "y"])
    assert list(find_suite_faults(0, qa, [written(exact(), name="one"), written(judge, name="two")])) == []
