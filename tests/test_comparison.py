"""Two runs compared row by row, and what they did not have in common."""

from math import nan

import numpy as np
import pytest
from msgspec.structs import replace
from planned import contains, exact, harness, plan, suite
from run_events import pinned

from domain.comparison import compare_runs, compare_series, find_flips, series_of_plan
from domain.differences import Made, tell_differences
from domain.grader_spec import ContainsConfig, ContainsGrader
from domain.model_spec import HttpModel, Prices
from domain.pairing import Recorded, digest_asked
from domain.plan import Plan
from domain.spec import Statistics

A, B = ("qa", "a"), ("qa", "b")


def named(made: Plan, *keys: tuple[str, str]) -> list[tuple[str, str | None, bool]]:
    """Name, harness and weight of the rows."""
    return [(series.name, series.harness, series.decides) for series in series_of_plan(made, keys)]


def test_rows_are_those_of_the_verdict() -> None:
    """Own thresholds first, then pooled ones, then weighted harnesses, then what does not decide."""
    weighted = harness("w", exact(weight=1), contains(0.5, weight=3))
    made = plan(suite("qa", harness("a", exact(), contains(0.9)), harness("b"), weighted))
    assert named(made, A, B, ("qa", "w")) == [
        ("contains", "a", True),
        ("contains", "w", True),
        ("exact_match", None, True),
        ("overall", "w", True),
        ("exact_match", "w", False),
    ]
    assert named(made, B) == [("exact_match", None, True)]


def test_pooled_examples_are_compared_together() -> None:
    """Two of a and one of b: 1, 0, 1 before, 1, 1, 1 after; the one without a score in the head is missing."""
    (series,) = series_of_plan(plan(suite("qa", harness("a"), harness("b"))), [A, B])
    base = {A: {"exact_match": np.array([1.0, 0.0, 1.0])}, B: {"exact_match": np.array([1.0])}}
    head = {A: {"exact_match": np.array([1.0, 1.0, nan])}, B: {"exact_match": np.array([1.0])}}
    row = compare_series(series, base, head)
    assert (row.n, row.wins, row.losses, row.ties, row.missing) == (3, 1, 0, 2, 1)
    assert (row.base_mean, row.head_mean) == pytest.approx((2 / 3, 1.0))


def test_with_pass_at_examples_are_counted() -> None:
    """0.7 is below the mark of 0.8 and 0.9 above it: a win of a whole example, as in the verdict's row."""
    (series,) = series_of_plan(plan(suite("qa", harness("a", exact(pass_at=0.8)))), [A])
    row = compare_series(series, {A: {"exact_match": np.array([0.7])}}, {A: {"exact_match": np.array([0.9])}})
    assert (row.base_mean, row.head_mean, row.p_value) == (0.0, 1.0, 1.0)


def test_weights_make_one_score() -> None:
    """1 and 0 with the weights 1 and 3 are 0.25; without one of the scores there is none."""
    made = plan(suite("qa", harness("a", exact(weight=1), contains(weight=3))))
    series = series_of_plan(made, [A])[0]
    base = {A: {"exact_match": np.array([1.0, 1.0]), "contains": np.array([0.0, 0.0])}}
    head = {A: {"exact_match": np.array([1.0, 1.0]), "contains": np.array([1.0, nan])}}
    row = compare_series(series, base, head)
    assert (row.name, row.n, row.base_mean, row.head_mean, row.missing) == ("overall", 1, 0.25, 1.0, 1)


def test_flips_are_told_worst_first() -> None:
    """What crosses the mark of 0.5: the last example fell, the first rose, the second only moved."""
    (series,) = series_of_plan(plan(suite("qa", harness("a"), thresholds={"overall": 0.5})), [A])
    base = {A: {"exact_match": np.array([0.4, 0.1, 0.5, nan])}}
    head = {A: {"exact_match": np.array([0.6, 0.4, 0.2, 1.0])}}
    flips = [(flip.place, flip.base_score, flip.head_score) for flip in find_flips(series, base, head)]
    assert flips == [(2, 0.5, 0.2), (0, 0.4, 0.6)]


def test_the_confidence_level_is_the_suites() -> None:
    """That of the head's plan."""
    (series,) = series_of_plan(plan(suite("qa", harness("a"), statistics=Statistics(confidence_level=0.8))), [A])
    assert series.confidence_level == 0.8


def recorded(passed: int, n: int, grader: str = "exact_match") -> Recorded:
    """A harness of n examples of which the first ones passed."""
    made = Recorded()
    for place in range(n):
        made.add(f"ex-{place}", digest_asked("", ""), {grader: float(place < passed)}, passed=place < passed)
    return made


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [(30, 10, "worse"), (30, 20, "better"), (20, 20, "no evidence"), (5, 20, "worse"), (5, 35, "worse")],
)
def test_one_word_for_two_runs(a: int, b: int, word: str) -> None:
    """Twenty of forty of each harness passed before: what is worse somewhere is worse, whatever else got better."""
    own = plan(suite("qa", harness("a", exact(0.5)), harness("b", exact(0.5))))
    head = {A: recorded(a, 40), B: recorded(b, 40)}
    compared = compare_runs({A: recorded(20, 40), B: recorded(20, 40)}, head, series_of_plan(own, [A, B]))
    assert compared.word == word
    assert (compared.overall.n, compared.overall.difference) == (80, (a + b - 40) / 80)
    assert list(map(len, compared.flips)) == [row.flips for row in compared.rows] == [abs(a - 20), abs(b - 20)]


def test_what_only_one_run_has_is_not_compared() -> None:
    """A harness of the base, one of the head, graders of one, examples of one; nothing at all."""
    own = plan(suite("qa", harness("a"), harness("b")))
    compared = compare_runs({A: recorded(1, 3, "old")}, {B: recorded(1, 2)}, series_of_plan(own, [A, B]))
    assert (compared.rows[0].n, compared.overall.n, compared.flips) == (0, 0, [[]])
    assert [len(compared.matched[key].shared.base_only) for key in (B, A)] == [0, 3]
    renamed = compare_runs({A: recorded(1, 3, "old")}, {A: recorded(2, 4)}, series_of_plan(own, [A]))
    assert (renamed.rows[0].n, renamed.rows[0].missing, renamed.overall.n) == (0, 3, 3)
    assert compare_runs({}, {}, []).word == "no evidence"


def test_an_example_without_any_score_was_not_graded() -> None:
    """A model error of one run: neither its grader nor what passed is compared."""
    base, head = recorded(3, 3), recorded(2, 2)
    head.add("ex-2", digest_asked("", ""), {}, passed=False)
    compared = compare_runs({A: base}, {A: head}, series_of_plan(plan(suite("qa", harness("a"))), [A]))
    assert (compared.rows[0].n, compared.rows[0].missing, compared.overall.n) == (2, 0, 2)
    assert compared.matched[A].ungraded.tolist() == [2]


def made(own: Plan, *harnesses: str, manifest: str = "ab" * 32, matchspec: str = "0.1.0") -> Made:
    """What a run of a plan was made of."""
    return Made(own, [replace(pinned(name), manifest=manifest) for name in harnesses], matchspec)


def test_runs_of_the_same_do_not_differ() -> None:
    """Neither does how fast they asked make a difference, nor what it cost: to grade anew costs nothing."""
    model = HttpModel(endpoint="http://a", prices=Prices(input=1.0, output=2.0))
    own = plan(suite("qa", harness("a", model=model)))
    faster = plan(suite("qa", replace(harness("a", model=model), concurrency=64, timeout_seconds=1, retries=5)))
    free = plan(suite("qa", harness("a", model=replace(model, prices=None))))
    assert tell_differences(made(own, "a"), made(faster, "a")) == []
    assert tell_differences(made(own, "a"), made(free, "a")) == []


def test_every_difference_is_told() -> None:
    """Dataset, model, graders, thresholds, repeats, code, tags, program, and harnesses of one run only."""
    before = plan(
        replace(suite("qa", harness("a", exact(0.8), contains(), model=HttpModel(endpoint="http://a"))), tags=["x"])
    )
    changed = ContainsGrader(config=ContainsConfig(case_sensitive=False), threshold=0.5)
    after = harness(
        "a", changed, contains_named("new"), model=HttpModel(endpoint="http://b", proxy="http://p"), repeats=3
    )
    head = replace(plan(suite("qa", replace(after, code={"run.sh": "cd"}), harness("b"))), tags=["smoke"])
    assert tell_differences(made(before, "a"), made(head, "a", "b", manifest="ef" * 32, matchspec="0.2.0")) == [
        "harness 'a' of suite 'qa': another dataset, or another state of it",
        "harness 'a' of suite 'qa': another model: endpoint, proxy differ",
        "harness 'a' of suite 'qa': grader 'contains': config differs",
        "harness 'a' of suite 'qa': grader 'contains': the threshold was 1, and is 0.5",
        "harness 'a' of suite 'qa': grader 'exact_match' is in the base only",
        "harness 'a' of suite 'qa': grader 'new' is in the head only",
        "harness 'a' of suite 'qa': repeats were 1, and are 3",
        "harness 'a' of suite 'qa': the code of run.sh differs",
        "harness 'a' of suite 'qa': the suite's tags were x, and are none",
        "harness 'b' of suite 'qa' is in the head only",
        "matchspec 0.1.0 graded the base, 0.2.0 the head",
        "the tags asked for differ: none in the base, smoke in the head",
    ]


def contains_named(name: str) -> ContainsGrader:
    """A contains grader with a name of its own."""
    return ContainsGrader(name=name)
