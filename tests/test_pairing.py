"""Which examples of two runs are the same."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pairing import Recorded, digest_asked, share

IDS = st.lists(st.text(max_size=3), unique=True, max_size=20)


def recorded(*examples: str, asked: str = "", **scores: float) -> Recorded:
    """Examples with these ids, all scored alike."""
    made = Recorded()
    for example in examples:
        made.add(example, digest_asked(asked, ""), scores, passed=True)
    return made


def test_examples_are_matched_by_id_in_the_heads_order() -> None:
    """c, a and d are in both; b and e in one only."""
    shared = share(recorded("a", "b", "c", "d"), recorded("c", "a", "e", "d"))
    assert (shared.base.tolist(), shared.head.tolist()) == ([2, 0, 3], [0, 1, 3])
    assert (shared.base_only.tolist(), shared.head_only.tolist(), shared.changed.tolist()) == ([1], [2], [])


def test_an_example_that_asks_something_else_is_left_out() -> None:
    """It is in neither list of those that only one run has."""
    base, head = recorded("a", "b"), recorded("b")
    head.add("a", digest_asked("other", ""), {}, passed=True)
    shared = share(base, head)
    assert (shared.base.tolist(), shared.head.tolist(), shared.changed.tolist()) == ([1], [0], [1])
    assert (shared.base_only.tolist(), shared.head_only.tolist()) == ([], [])


def test_input_and_expectation_are_told_apart() -> None:
    """What stands between them can't be moved."""
    assert len({digest_asked(*texts) for texts in [("ab", "c"), ("a", "bc"), ("", "abc"), ('a","b', "c")]}) == 4


def test_the_digest_of_what_is_asked() -> None:
    """Other programs find it as `printf '["q","a"]' | sha256sum` does."""
    assert digest_asked("q", "a").hex() == "238ca9a313cdf1c0e7b8a6e8a20d450f"


def test_a_grader_without_a_score_leaves_a_gap() -> None:
    """Before, between and behind its scores; an example without any score is not graded."""
    made = Recorded()
    for scores in ({}, {"a": 0.5}, {"b": 1.0}, {"a": 1.0, "b": 0.0}, {}):
        made.add("x", digest_asked("", ""), scores, passed=bool(scores))
    np.testing.assert_equal(made.scores("a"), [nan, 0.5, nan, 1.0, nan])
    np.testing.assert_equal(made.scores("b"), [nan, nan, 1.0, 0.0, nan])
    np.testing.assert_equal(made.scores("c"), [nan] * 5)
    assert made.graded.tolist() == [False, True, True, True, False]
    assert made.passed.tolist() == [0, 1, 1, 1, 0]


@given(base=IDS, head=IDS)
def test_every_example_has_one_place(base: list[str], head: list[str]) -> None:
    """Matching is that of sets, whatever the ids."""
    shared = share(recorded(*base), recorded(*head))
    assert [base[place] for place in shared.base] == [head[place] for place in shared.head]
    assert [head[place] for place in shared.head] == [one for one in head if one in base]
    assert [base[place] for place in shared.base_only] == [one for one in base if one not in head]
    assert [head[place] for place in shared.head_only] == [one for one in head if one not in base]


@pytest.mark.parametrize(("base", "head"), [((), ()), (("a",), ()), ((), ("a",))])
def test_runs_without_examples(base: tuple[str, ...], head: tuple[str, ...]) -> None:
    """Nothing is shared."""
    shared = share(recorded(*base), recorded(*head))
    assert (len(shared.base), len(shared.base_only), len(shared.head_only)) == (0, len(base), len(head))
