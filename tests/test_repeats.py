"""Asking every example several times: what is estimated from the repeats, and what is not changed by them."""

from collections import Counter
from itertools import combinations
from math import fsum

import pytest
from answers import MODEL_ERROR, Answer, ones_and_zeros, outcome, scores
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import exact, harness, plan, suite

from domain.events import Finished, Row
from domain.grader_spec import Grader
from domain.repeats import Tries, agreement, pass_all_k, pass_at_k

TRIES = st.lists(st.booleans(), min_size=1, max_size=7)


def brute_force(tries: list[bool], k: int, passes: object) -> float:
    """The share of all ways to take k of the tries for which `passes` (any, all) holds."""
    assert passes in (any, all)
    ways = list(combinations(tries, k))
    return sum((any if passes is any else all)(way) for way in ways) / len(ways)


@settings(deadline=None)
@given(tries=TRIES, data=st.data())
def test_estimates_are_those_of_every_way_to_take_k_tries(tries: list[bool], data: st.DataObject) -> None:
    """pass@k and pass^k are means over all subsets of k tries, counted here one by one."""
    k = data.draw(st.integers(1, len(tries)))
    assert pass_at_k(len(tries), sum(tries), k) == pytest.approx(brute_force(tries, k, any))
    assert pass_all_k(len(tries), sum(tries), k) == pytest.approx(brute_force(tries, k, all))


@settings(deadline=None)
@given(
    samples=st.lists(st.lists(st.sampled_from([0.0, 0.4, 0.7, 1.0]), min_size=1, max_size=5), min_size=1, max_size=6)
)
def test_a_row_s_estimates_are_means_over_the_examples_with_enough_tries(samples: list[list[float]]) -> None:
    """A try passes from the mark on. An example that lost tries to errors counts for as many as it has."""
    passed = [[score >= 0.7 for score in sample] for sample in samples]
    got = agreement(Counter(Tries(len(one), sum(one)) for one in passed))
    longest = max(map(len, samples))
    for k in range(1, longest + 1):
        enough = [tries for tries in passed if len(tries) >= k]
        for estimates, passes in ((got.pass_at_k, any), (got.pass_all_k, all)):
            assert estimates is not None
            assert len(estimates) == longest
            assert estimates[k - 1] == pytest.approx(fsum(brute_force(one, k, passes) for one in enough) / len(enough))
    assert got.disagree == pytest.approx(sum(any(one) and not all(one) for one in passed) / len(passed))


@settings(deadline=None)
@given(tries=TRIES)
def test_more_tries_help_to_pass_once_and_make_it_harder_to_pass_always(tries: list[bool]) -> None:
    """pass@k never falls with k, pass^k never rises, and at k = 1 both are the share of tries that pass."""
    counts = (len(tries), sum(tries))
    at = [pass_at_k(*counts, k) for k in range(1, len(tries) + 1)]
    every = [pass_all_k(*counts, k) for k in range(1, len(tries) + 1)]
    assert at == sorted(at)
    assert every == sorted(every, reverse=True)
    assert at[0] == pytest.approx(every[0]) == pytest.approx(sum(tries) / len(tries))


def end_of(repeats: int, *examples: list[Answer], grader: Grader | None = None, overall: float = 0.5) -> Finished:
    """How a run over one harness with repeats ends."""
    asked = harness("a", grader or exact(), repeats=repeats)
    return outcome(plan(suite("qa", asked, thresholds={"overall": overall})), {("qa", "a"): list(examples)})


def row_of(repeats: int, *examples: list[Answer], grader: Grader | None = None, overall: float = 0.5) -> Row:
    """The one row of such a run."""
    (row,) = end_of(repeats, *examples, grader=grader, overall=overall).rows
    return row


def test_a_row_tells_what_repeats_tell() -> None:
    """Three examples asked three times: 3, 1 and 0 tries pass.

    One try: (1 + 1/3 + 0) / 3 = 4/9. One of two: 1 - C(2,2)/C(3,2) = 2/3 for the second; (1 + 2/3 + 0) / 3 = 5/9.
    Both of two: only the first, 1/3. Of three: at least one 2/3, all 1/3. They disagree on one example of three.
    """
    row = row_of(3, ones_and_zeros(3), ones_and_zeros(1, 2), ones_and_zeros(0, 3), overall=0.4)
    assert row.pass_at_k == pytest.approx([4 / 9, 5 / 9, 2 / 3])
    assert row.pass_all_k == pytest.approx([4 / 9, 1 / 3, 1 / 3])
    assert row.disagree == pytest.approx(1 / 3)
    assert (row.n, row.pass_at) == (3, None)
    assert row.score == pytest.approx(4 / 9)


def test_a_try_passes_at_the_row_s_mark() -> None:
    """With a threshold of 0.4 the try of 0.4 passes; with pass_at 0.5 it does not, whatever the threshold is."""
    example = scores(0.4, 1.0)
    assert row_of(2, example, grader=exact(0.4)).pass_all_k == [1.0, 1.0]
    assert row_of(2, example, grader=exact(0.4, pass_at=0.5)).pass_all_k == [0.5, 0.0]


def test_the_mark_is_held_against_the_example_s_mean() -> None:
    """(0.4 + 1) / 2 = 0.7 reaches 0.7 and counts as 1; (0.4 + 0.9) / 2 = 0.65 counts as 0: half of two."""
    row = row_of(2, scores(0.4, 1.0), scores(0.4, 0.9), grader=exact(pass_at=0.7))
    assert (row.score, row.pass_rate, row.pass_at, row.n) == (0.5, 0.5, 0.7, 2)


def test_the_interval_is_that_of_the_examples() -> None:
    """Four right examples, asked three times each, are no more certain than four: 4 / (4 + 3.8415) = 0.5101."""
    row = row_of(3, *[ones_and_zeros(3)] * 4)
    assert row.n == 4
    assert row.ci_lower == pytest.approx(0.51011, abs=1e-5)


def test_repeats_lost_to_errors_do_not_count() -> None:
    """Of the first example one try of three is left and passes, of the second all three: 1 and 1/3.

    Estimates for 2 and 3 tries are those of the second alone: 1 - C(2,2)/C(3,2) = 2/3 and 1; both of two never, 0.
    """
    row = row_of(3, [*ones_and_zeros(1), MODEL_ERROR, {}], ones_and_zeros(1, 2))
    assert row.n == 2
    assert row.score == pytest.approx(2 / 3)
    assert row.pass_at_k == pytest.approx([2 / 3, 2 / 3, 1.0])
    assert row.pass_all_k == pytest.approx([2 / 3, 0.0, 0.0])
    assert row.disagree == 0.5


def test_an_example_whose_repeats_all_failed_is_out_of_the_row() -> None:
    """n is the number of graded examples."""
    row = row_of(2, [MODEL_ERROR, MODEL_ERROR], ones_and_zeros(2))
    assert (row.n, row.score) == (1, 1.0)


def test_without_repeats_a_row_tells_none_of_it() -> None:
    """Nothing could disagree."""
    row = outcome(plan(suite("qa", harness("a"))), {("qa", "a"): ones_and_zeros(2)}).rows[0]
    assert (row.pass_at_k, row.pass_all_k, row.disagree) == (None, None, None)


def test_counts_of_askings_and_of_examples() -> None:
    """Two examples asked twice are four askings; the one with means 1 is passed, the one with 0.5 is not."""
    end = end_of(2, ones_and_zeros(2), ones_and_zeros(1, 1), overall=0.75)
    assert (end.examples, end.passed, end.model_errors, end.grader_errors) == (4, 1, 0, 0)


@pytest.mark.parametrize(("limit_reached", "status"), [(2, "passed"), (3, "error")])
def test_the_error_rate_is_one_of_examples(limit_reached: int, status: str) -> None:
    """Of four examples two may have an error, whatever number of their repeats failed; three may not."""
    bad: list[list[Answer]] = [[MODEL_ERROR, {"exact_match": 1.0}, {"exact_match": 1.0}]] * limit_reached
    end = end_of(3, *bad, *[ones_and_zeros(3)] * (4 - limit_reached))
    assert end.status == status
    assert (end.error is None) or "3 of 4 examples" in end.error


def test_many_failed_repeats_of_one_example_are_one_example_with_an_error() -> None:
    """Two of four askings, half; all of one example of two, which is half too."""
    end = end_of(2, [MODEL_ERROR, MODEL_ERROR], ones_and_zeros(2))
    assert (end.status, end.model_errors) == ("passed", 2)
    assert end.warnings == ["the model of harness 'a' failed on 2 of 4 askings"]
