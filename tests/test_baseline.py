"""A run held to a baseline: the row, what it warns of, and what it leaves to the thresholds."""

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
import pytest
from planned import exact, harness, plan, regex, suite
from run_events import scored

from domain.baseline import Baseline, BaselineScore, SharedScores, encode_score, hold, read_scores
from domain.events import Row
from domain.plan import Plan
from domain.spec import Statistics
from domain.tally import Tally
from domain.verdict import Held, decide

QA = ("qa", "a")
RUN = "run-20260315-143022-a3f7"


def tally(*scores: Mapping[str, float]) -> Tally:
    """A harness whose examples have these scores."""
    made = Tally(len(scores), len(scores), 1)
    for row, own in enumerate(scores):
        made.add(scored(row, scores=dict(own)))
    return made


def baseline(changed: Sequence[int] = (), **scores: Sequence[float]) -> Baseline:
    """A baseline that shares the first rows of the harness."""
    (n,) = {len(column) for column in scores.values()}
    arrays = {grader: np.array(column, dtype=float) for grader, column in scores.items()}
    return Baseline(RUN, {QA: SharedScores(np.arange(n), np.array(changed, dtype=int), arrays)})


def held(own: Plan, run: Tally, to: Baseline) -> tuple[Row, list[str]]:
    """The one row, and the warnings."""
    rows, warnings = hold(own, {QA: run}, to)
    (row,) = rows
    return row, list(warnings)


def test_worse_fails_the_row() -> None:
    """Forty of forty before, thirty after: all ten that moved fell. The row tells the share that is not worse."""
    own = plan(suite("qa", harness("a", exact(0.5), regex(0.5))))
    run = tally(*[{"exact_match": float(row >= 10), "regex": 1.0} for row in range(40)])
    row, warnings = held(own, run, baseline(exact_match=[1.0] * 40, regex=[1.0] * 40))
    assert (row.name, row.score, row.threshold, row.passed, row.n, row.harness) == (
        "baseline",
        0.5,
        1.0,
        False,
        40,
        None,
    )
    (warning,) = warnings
    means = "1.0000 there, 0.7500 here"
    assert warning.startswith(
        f"'exact_match' of harness 'a' is worse than in the baseline {RUN}: {means}, 95 % interval -0."
    )
    assert warning.endswith(" of the difference, n=40")


@pytest.mark.parametrize("fallen", [0, 5])
def test_no_evidence_passes(fallen: int) -> None:
    """Five that fell may be chance."""
    run = tally(*[{"exact_match": float(row >= fallen)} for row in range(40)])
    row, warnings = held(plan(suite("qa", harness("a"))), run, baseline(exact_match=[1.0] * 40))
    assert (row.score, row.passed, warnings) == (1.0, True, [])


@pytest.mark.parametrize(("n", "minimum", "told"), [(0, 0, "0"), (9, 10, "9")])
def test_too_few_shared_examples_pass_with_a_warning(n: int, minimum: int, told: str) -> None:
    """None, or fewer than min_sample_size, even where all of them fell."""
    own = plan(suite("qa", harness("a"), statistics=Statistics(min_sample_size=minimum, min_sample_action="fail")))
    row, warnings = held(own, tally(*[{"exact_match": 0.0}] * 40), baseline(exact_match=[1.0] * n))
    assert (row.score, row.passed, row.n) == (1.0, True, n)
    below = f", below min_sample_size {minimum}" if n else ""
    assert warnings == [
        f"nothing of suite 'qa' is held against the baseline {RUN}: {told} graded examples in both{below}"
    ]


def test_a_grader_that_the_baseline_lacks_is_told() -> None:
    """The others are compared."""
    own = plan(suite("qa", harness("a", exact(0.5), regex(0.5))))
    run = tally(*[{"exact_match": 1.0, "regex": 0.0}] * 10)
    row, warnings = held(own, run, baseline(exact_match=[1.0] * 10, regex=[nan] * 10))
    assert (row.passed, row.n) == (True, 10)
    assert warnings == [f"'regex' of harness 'a' can't be held against the baseline {RUN}: no example has it in both"]


def test_changed_examples_are_counted_where_they_take_part() -> None:
    """Rows 10 and 11 ask something else; row 11 has no score, as one that the tags leave out."""
    run = tally(*[{"exact_match": 1.0}] * 11, {})
    _, warnings = held(plan(suite("qa", harness("a"))), run, baseline([10, 11], exact_match=[1.0] * 10))
    which = f"examples of suite 'qa' that ask something else than in the baseline {RUN}"
    assert warnings == [f"{which}, and are not held against it: 1"]


def test_the_row_decides_beside_the_thresholds() -> None:
    """A run that reaches its threshold fails by it, and its n of 0 is no error."""
    own = plan(suite("qa", harness("a"), thresholds={"overall": 0.1}))
    run = {QA: tally({"exact_match": 1.0})}
    row = Row(name="baseline", score=0.0, threshold=1.0, passed=False, n=0, suite="qa", harness=None)
    outcome = decide(own, run, Held([row], ["worse"]))
    assert (outcome.status, outcome.rows[-1], outcome.warnings) == ("failed", row, ["worse"])
    assert decide(own, run).status == "passed"


def test_what_was_not_begun_is_not_held() -> None:
    """With fail_fast a suite may have no score at all: it has no row."""
    assert hold(plan(), {QA: Tally(3, 3, 1)}, baseline(exact_match=[1.0])).rows == []


def test_pinned_scores_come_back() -> None:
    """Line by line, whatever is in an id."""
    scores = [BaselineScore("qa", "a", f"ex-{n}\n\u2028é", "00" * 16, {"x": 0.1}) for n in range(3)]
    assert list(read_scores(b"".join(map(encode_score, scores)))) == scores
