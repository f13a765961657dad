"""What decides whether one example is passed: thresholds, marks, weights, and means over repeats."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import contains, exact, harness, suite

from domain.marks import Marks, marks_of, mean_scores, weighted, weighted_scores, weights_of
from domain.statistics import mean, reaches

WEIGHT = st.floats(1e-6, 1e6)


def marks(exact_match: float = 0.5, contains_: float = 0.8) -> Marks:
    """The marks of an unweighted harness."""
    return Marks({"exact_match": exact_match, "contains": contains_}, None, 1.0)


@pytest.mark.parametrize(
    ("scores", "passed"),
    [
        ({"exact_match": 0.5, "contains": 0.8}, True),
        ({"exact_match": 1.0, "contains": 1.0}, True),
        ({"exact_match": 0.5 - 1e-10, "contains": 0.8}, True),
        ({"exact_match": 0.5 - 1e-8, "contains": 0.8}, False),
        ({"exact_match": 1.0, "contains": 0.7}, False),
        ({"exact_match": 1.0}, False),
        ({}, False),
    ],
)
def test_every_grader_must_have_scored_at_or_above_its_mark(scores: dict[str, float], passed: bool) -> None:
    """One part in a billion is allowed; a score that is missing is not."""
    assert marks().passes(scores) is passed


def test_a_mark_is_pass_at_where_there_is_one_else_the_threshold() -> None:
    """The row's threshold is for the row."""
    asked = harness("a", exact(0.9, pass_at=0.3), contains())
    assert marks_of(suite("qa", asked, thresholds={"overall": 0.7}), asked) == Marks(
        {"exact_match": 0.3, "contains": 0.7}, None, 0.7
    )


def test_weights_are_divided_by_their_sum() -> None:
    """3:1 is 0.75 and 0.25; without weights there are none."""
    assert weights_of(harness("a", exact(weight=3), contains(weight=1))) == {"exact_match": 0.75, "contains": 0.25}
    assert weights_of(harness("a", exact(), contains())) is None


@pytest.mark.parametrize(
    ("scores", "passed"),
    [
        ({"exact_match": 1.0, "contains": 0.0}, True),  # 0.75
        ({"exact_match": 0.8, "contains": 0.6}, True),  # 0.6 + 0.15 = 0.75
        ({"exact_match": 0.7, "contains": 0.7}, False),
        ({"exact_match": 1.0}, False),
    ],
)
def test_a_weighted_example_is_passed_by_its_weighted_mean_alone(scores: dict[str, float], passed: bool) -> None:
    """Held to the suite's overall, 0.75, whatever the graders' own thresholds and marks are."""
    asked = harness("a", exact(1.0, weight=3), contains(weight=1, pass_at=1.0))
    assert marks_of(suite("qa", asked, thresholds={"overall": 0.75, "contains": 1.0}), asked).passes(scores) is passed


def test_without_an_overall_threshold_a_weighted_mean_is_held_to_1() -> None:
    """As everything that has no threshold."""
    asked = harness("a", exact(weight=3), contains(weight=1))
    assert marks_of(suite("qa", asked), asked).overall == 1.0


@settings(deadline=None)
@given(weights=st.lists(WEIGHT, min_size=1, max_size=20), score=st.floats(0, 1))
def test_no_weighted_mean_is_above_1_and_all_right_is_exactly_1(weights: list[float], score: float) -> None:
    """Whatever the weights are, rounding never makes more than everything."""
    graders = [exact(name=f"g{n}", weight=weight) for n, weight in enumerate(weights)]
    divided = weights_of(harness("a", *graders)) or {}
    assert weighted(divided, dict.fromkeys(divided, 1.0)) == 1.0
    assert 0 <= (weighted(divided, dict.fromkeys(divided, score) | {"g0": 1.0}) or 0) <= 1


def test_means_are_over_the_repeats_that_have_a_score() -> None:
    """(1 + 0) / 2, and 0.5 beside one that failed."""
    askings = [{"exact_match": 1.0, "contains": 0.5}, {"exact_match": 0.0}, {}]
    assert mean_scores(askings) == {"exact_match": 0.5, "contains": 0.5}
    assert mean_scores([{}, {}]) == {}


@pytest.mark.parametrize(
    ("askings", "passed"),
    [
        ([{"exact_match": 1.0, "contains": 1.0}, {"exact_match": 0.0, "contains": 0.6}], True),  # 0.5 and 0.8
        ([{"exact_match": 1.0, "contains": 1.0}, {"exact_match": 0.0, "contains": 0.5}], False),  # 0.5 and 0.75
        ([{"exact_match": 0.5, "contains": 0.8}, {}], True),
        ([{}, {}], False),
    ],
)
def test_an_example_with_repeats_is_passed_by_its_means(askings: list[dict[str, float]], passed: bool) -> None:
    """No single repeat decides; one that failed does not count."""
    assert marks().passes_repeated(askings) is passed


def test_a_weighted_example_with_repeats_counts_its_complete_repeats() -> None:
    """Of 1:1, the repeats are 1, and none for want of a score: 1. Both graders' means, 1 and 0.5, would make 0.75."""
    weighing = Marks({}, {"exact_match": 0.5, "contains": 0.5}, 0.9)
    askings = [{"exact_match": 1.0, "contains": 1.0}, {"contains": 0.0}]
    assert weighted_scores(weighing.weights or {}, askings) == [1.0]
    assert weighing.passes_repeated(askings)
    assert not weighing.passes_repeated([{"exact_match": 1.0}, {"contains": 1.0}])


@settings(deadline=None)
@given(scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=5), mark=st.floats(0, 1))
def test_one_repeat_is_like_none(scores: list[float], mark: float) -> None:
    """Asking once by a list of one passes as asking once does; equal repeats change nothing."""
    one = Marks({"exact_match": mark}, None, 1.0)
    weighing = Marks({}, {"exact_match": 1.0}, mark)
    for marks_ in (one, weighing):
        for score in scores:
            asked = {"exact_match": score}
            assert marks_.passes(asked) == marks_.passes_repeated([asked]) == marks_.passes_repeated([asked] * 3)
        passed = marks_.passes_repeated([{"exact_match": score} for score in scores])
        assert passed == reaches(mean(scores), mark)
