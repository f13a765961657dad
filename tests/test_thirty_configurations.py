"""Thirty configurations as users write them, with rows and verdicts worked out by hand."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import pytest
import yaml
from answers import MODEL_ERROR, Answer, Answers, ends_as, outcome
from answers import scores as exact_scores

from domain.plan import HarnessSource, Plan, plan_suite
from domain.rules import find_harness_faults, find_suite_faults
from domain.spec import Defaults, Harness, Statistics, Suite


class Case(NamedTuple):
    """Suites and harnesses in YAML, less what is the same in all, the answers, and what must come of them.

    Rows are (suite, harness, name, n, score, threshold, passed), informational ones (suite, harness, name, n, score).
    """

    suites: str
    harnesses: Mapping[str, str]
    answers: Answers
    verdict: str | None
    rows: Sequence[tuple[object, ...]]
    informational: Sequence[tuple[object, ...]] = ()


def of_a(*scores: float) -> Answers:
    """Scores of exact_match in the suite `qa`, harness `a`."""
    return {("qa", "a"): exact_scores(*scores)}


def both(exact: float, contains: float) -> Answer:
    """An answer with two scores."""
    return {"exact_match": exact, "contains": contains}


EXACT = "graders: [{type: exact_match}]"
BOTH = "graders: [{type: exact_match}, {type: contains}]"
THREE_TO_ONE = "graders: [{type: exact_match, weight: 3}, {type: contains, weight: 1}]"
MIXED = {("qa", "a"): [both(1.0, 1.0), both(0.0, 1.0)]}

CASES = {
    # --- thresholds ---
    # Nothing is written anywhere: 1.0. 4/4 = 1.
    "01 no threshold at all": Case(
        "qa: {harnesses: [a]}",
        {"a": EXACT},
        of_a(1, 1, 1, 1),
        "PASS",
        [("qa", None, "exact_match", 4, 1.0, 1.0, True)],
    ),
    # 3/4 = 0.75, which is 0.75.
    "02 the suite's overall": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.75}}",
        {"a": EXACT},
        of_a(1, 1, 1, 0),
        "PASS",
        [("qa", None, "exact_match", 4, 0.75, 0.75, True)],
    ),
    # The name comes before overall: 2/4 = 0.5 against 0.5, not 0.9.
    "03 the suite's under the grader's name": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.9, exact_match: 0.5}}",
        {"a": EXACT},
        of_a(1, 1, 0, 0),
        "PASS",
        [("qa", None, "exact_match", 4, 0.5, 0.5, True)],
    ),
    # The harness file comes before both, and makes the row the harness's: 1/4 = 0.25 against 0.25.
    "04 the harness file's": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.9, exact_match: 0.5}}",
        {"a": "graders: [{type: exact_match, threshold: 0.25}]"},
        of_a(1, 0, 0, 0),
        "PASS",
        [("qa", "a", "exact_match", 4, 0.25, 0.25, True)],
    ),
    # The threshold of the type is not that of a grader that goes by another name: `strict` 1/2 against overall 0.6.
    "05 a grader goes by its name": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.6, exact_match: 0.1}}",
        {"a": "graders: [{type: exact_match, name: strict}, {type: exact_match}]"},
        {("qa", "a"): [{"strict": 1.0, "exact_match": 1.0}, {"strict": 0.0, "exact_match": 0.0}]},
        "FAIL",
        [
            ("qa", None, "strict", 2, 0.5, 0.6, False),
            ("qa", None, "exact_match", 2, 0.5, 0.1, True),
        ],
    ),
    # (0.2 + 0.4 + 0.9) / 3 = 1.5 / 3 = 0.5.
    "06 scores between 0 and 1": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.5}}",
        {"a": EXACT},
        of_a(0.2, 0.4, 0.9),
        "PASS",
        [("qa", None, "exact_match", 3, pytest.approx(0.5), 0.5, True)],
    ),
    # --- rows and pools ---
    # contains is written second, but a row of its own comes before the pool. exact_match 1/2 >= 0.5; contains 1 >= 0.9.
    "07 own rows before pooled ones": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.5}}",
        {"a": "graders: [{type: exact_match}, {type: contains, threshold: 0.9}]"},
        MIXED,
        "PASS",
        [
            ("qa", "a", "contains", 2, 1.0, 0.9, True),
            ("qa", None, "exact_match", 2, 0.5, 0.5, True),
        ],
    ),
    # (1 + 1 + 0) of a and (1) of b: 3/4 = 0.75. The mean of the harnesses' means would be (0.667 + 1) / 2 = 0.833.
    "08 a pool weighs examples, not harnesses": Case(
        "qa: {harnesses: [a, b], thresholds: {overall: 0.8}}",
        {"a": EXACT, "b": EXACT},
        {("qa", "a"): exact_scores(1, 1, 0), ("qa", "b"): exact_scores(1)},
        "FAIL",
        [("qa", None, "exact_match", 4, 0.75, 0.8, False)],
    ),
    # b stands alone with 0/1 = 0 against 0; a and c are pooled: (1 + 0 + 1 + 1) / 4 = 0.75.
    "09 a threshold of its own keeps a harness out of the pool": Case(
        "qa: {harnesses: [a, b, c], thresholds: {overall: 0.75}}",
        {"a": EXACT, "b": "graders: [{type: exact_match, threshold: 0}]", "c": EXACT},
        {("qa", "a"): exact_scores(1, 0), ("qa", "b"): exact_scores(0), ("qa", "c"): exact_scores(1, 1)},
        "PASS",
        [
            ("qa", "b", "exact_match", 1, 0.0, 0.0, True),
            ("qa", None, "exact_match", 4, 0.75, 0.75, True),
        ],
    ),
    # exact_match is in both: (1 + 0 + 1) / 3; contains only in a: (1 + 1) / 2, and is pooled all the same.
    "10 a pool of one": Case(
        "qa: {harnesses: [a, b], thresholds: {overall: 0.6}}",
        {"a": BOTH, "b": EXACT},
        MIXED | {("qa", "b"): exact_scores(1)},
        "PASS",
        [
            ("qa", None, "exact_match", 3, 2 / 3, 0.6, True),
            ("qa", None, "contains", 2, 1.0, 0.6, True),
        ],
    ),
    # Each suite asks for itself: 3/4 against 0.9, 1/2 against 0.5.
    "11 two suites over one harness": Case(
        "strict: {harnesses: [a], thresholds: {overall: 0.9}}\nlax: {harnesses: [a], thresholds: {overall: 0.5}}",
        {"a": EXACT},
        {("strict", "a"): exact_scores(1, 1, 1, 0), ("lax", "a"): exact_scores(1, 0)},
        "FAIL",
        [
            ("strict", None, "exact_match", 4, 0.75, 0.9, False),
            ("lax", None, "exact_match", 2, 0.5, 0.5, True),
        ],
    ),
    # The model error is out of the score: 2/2, n = 2; 1 error of 3 examples is less than half.
    "12 a model error": Case(
        "qa: {harnesses: [a]}",
        {"a": EXACT},
        {("qa", "a"): [*exact_scores(1, 1), MODEL_ERROR]},
        "PASS",
        [("qa", None, "exact_match", 2, 1.0, 1.0, True)],
    ),
    # Wilson for 4/4 at 0.95: lower = 4 / (4 + 3.8415) = 0.5101: at least 0.51, but less than 0.52.
    "13 the lower bound decides": Case(
        "enough: {harnesses: [a], thresholds: {overall: 0.51}, statistics: {use_lower_bound: true}}\n"
        "short: {harnesses: [a], thresholds: {overall: 0.52}, statistics: {use_lower_bound: true}}",
        {"a": EXACT},
        {("enough", "a"): exact_scores(1, 1, 1, 1), ("short", "a"): exact_scores(1, 1, 1, 1)},
        "FAIL",
        [
            ("enough", None, "exact_match", 4, 1.0, 0.51, True),
            ("short", None, "exact_match", 4, 1.0, 0.52, False),
        ],
    ),
    # Repeats make no sample larger: 2 examples asked 3 times are n = 2, below 3.
    "14 too small a sample, in spite of repeats": Case(
        "qa: {harnesses: [a], statistics: {min_sample_size: 3, min_sample_action: fail}}",
        {"a": EXACT + "\nrepeats: 3"},
        {("qa", "a"): [exact_scores(1, 1, 1), exact_scores(1, 1, 1)]},
        "FAIL",
        [("qa", None, "exact_match", 2, 1.0, 1.0, False)],
    ),
    # --- pass_at ---
    # 0.2, 0.5, 0.9, 0.4999 at a mark of 0.5: 0, 1, 1, 0; 2/4 = 0.5.
    "15 a mark counts what reaches it": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.5}}",
        {"a": "graders: [{type: exact_match, pass_at: 0.5}]"},
        of_a(0.2, 0.5, 0.9, 0.4999),
        "PASS",
        [("qa", None, "exact_match", 4, 0.5, 0.5, True)],
    ),
    # 0.6, 0.6, 0.6, 0 at 0.6: 3/4 = 0.75. The mean, 1.8 / 4 = 0.45, does not count.
    "16 a mark may help": Case(
        "qa: {harnesses: [a]}",
        {"a": "graders: [{type: exact_match, pass_at: 0.6, threshold: 0.75}]"},
        of_a(0.6, 0.6, 0.6, 0.0),
        "PASS",
        [("qa", "a", "exact_match", 4, 0.75, 0.75, True)],
    ),
    # 1, 1, 0.5, 0.5 at 0.6: 2/4 = 0.5. The mean, 0.75, would have reached 0.7.
    "17 a mark may harm": Case(
        "qa: {harnesses: [a]}",
        {"a": "graders: [{type: exact_match, pass_at: 0.6, threshold: 0.7}]"},
        of_a(1, 1, 0.5, 0.5),
        "FAIL",
        [("qa", "a", "exact_match", 4, 0.5, 0.7, False)],
    ),
    # One mark in both harnesses: 0.6 and 0.9 reach 0.6, 0.4 does not; 2/3 = 0.667.
    "18 graders with one mark are pooled": Case(
        "qa: {harnesses: [a, b], thresholds: {exact_match: 0.66}}",
        dict.fromkeys("ab", "graders: [{type: exact_match, pass_at: 0.6}]"),
        {("qa", "a"): exact_scores(0.6, 0.4), ("qa", "b"): exact_scores(0.9)},
        "PASS",
        [("qa", None, "exact_match", 3, 2 / 3, 0.66, True)],
    ),
    # --- weights ---
    # 3:1 is 0.75 and 0.25. Examples: 0.75 + 0.25 = 1 and 0 + 0.25 = 0.25; their mean is 0.625.
    "19 weights": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.6}}",
        {"a": THREE_TO_ONE},
        MIXED,
        "PASS",
        [("qa", "a", "overall", 2, 0.625, 0.6, True)],
        [("qa", "a", "exact_match", 2, 0.5), ("qa", "a", "contains", 2, 1.0)],
    ),
    # The same 0.625, and no overall in the suite: 1.0.
    "20 weights without an overall threshold": Case(
        "qa: {harnesses: [a]}",
        {"a": THREE_TO_ONE},
        MIXED,
        "FAIL",
        [("qa", "a", "overall", 2, 0.625, 1.0, False)],
        [("qa", "a", "exact_match", 2, 0.5), ("qa", "a", "contains", 2, 1.0)],
    ),
    # A threshold in the suite is not the grader's own: exact_match informs, its 0.5 is held to nothing.
    "21 weights, and a suite's threshold for one grader": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.6, exact_match: 0.9}}",
        {"a": THREE_TO_ONE},
        MIXED,
        "PASS",
        [("qa", "a", "overall", 2, 0.625, 0.6, True)],
        [("qa", "a", "exact_match", 2, 0.5), ("qa", "a", "contains", 2, 1.0)],
    ),
    # exact_match has a threshold in the harness file: it decides beside overall, and its 0.5 misses 0.75.
    "22 weights, and a threshold of its own": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.6}}",
        {"a": "graders: [{type: exact_match, weight: 3, threshold: 0.75}, {type: contains, weight: 1}]"},
        MIXED,
        "FAIL",
        [
            ("qa", "a", "exact_match", 2, 0.5, 0.75, False),
            ("qa", "a", "overall", 2, 0.625, 0.6, True),
        ],
        [("qa", "a", "contains", 2, 1.0)],
    ),
    # a: 1:1, so 0.5 and 1, mean 0.75. b: contains by itself 0/1 = 0 >= 0, exact_match pooled from b alone, 1/1.
    "23 a weighted harness beside one without weights": Case(
        "qa: {harnesses: [a, b], thresholds: {overall: 0.75}}",
        {
            "a": "graders: [{type: exact_match, weight: 2}, {type: contains, weight: 2}]",
            "b": "graders: [{type: exact_match}, {type: contains, threshold: 0}]",
        },
        {("qa", "a"): [both(0.0, 1.0), both(1.0, 1.0)], ("qa", "b"): [both(1.0, 0.0)]},
        "PASS",
        [
            ("qa", "b", "contains", 1, 0.0, 0.0, True),
            ("qa", None, "exact_match", 1, 1.0, 0.75, True),
            ("qa", "a", "overall", 2, 0.75, 0.75, True),
        ],
        [("qa", "a", "exact_match", 2, 0.5), ("qa", "a", "contains", 2, 1.0)],
    ),
    # a, 3:1: 0.25. b, 1:3: 0.75. Two rows, never pooled, though their mean would be 0.5.
    "24 two weighted harnesses": Case(
        "qa: {harnesses: [a, b], thresholds: {overall: 0.5}}",
        {"a": THREE_TO_ONE, "b": "graders: [{type: exact_match, weight: 1}, {type: contains, weight: 3}]"},
        {("qa", "a"): [both(0.0, 1.0)], ("qa", "b"): [both(0.0, 1.0)]},
        "FAIL",
        [
            ("qa", "a", "overall", 1, 0.25, 0.5, False),
            ("qa", "b", "overall", 1, 0.75, 0.5, True),
        ],
        [
            ("qa", "a", "exact_match", 1, 0.0),
            ("qa", "a", "contains", 1, 1.0),
            ("qa", "b", "exact_match", 1, 0.0),
            ("qa", "b", "contains", 1, 1.0),
        ],
    ),
    # The second example has no score of exact_match: no weighted score. overall is 1/1, contains (1 + 0) / 2.
    "25 a grader error among weights": Case(
        "qa: {harnesses: [a]}",
        {"a": THREE_TO_ONE},
        {("qa", "a"): [both(1.0, 1.0), {"contains": 0.0}]},
        "PASS",
        [("qa", "a", "overall", 1, 1.0, 1.0, True)],
        [("qa", "a", "exact_match", 1, 1.0), ("qa", "a", "contains", 2, 0.5)],
    ),
    # No example has both scores: overall has n = 0, so there is no verdict, whatever the error rate allows.
    "26 no weighted score at all": Case(
        "qa: {harnesses: [a], statistics: {max_error_rate: 1}}",
        {"a": THREE_TO_ONE},
        {("qa", "a"): [{"exact_match": 1.0}, {"contains": 1.0}]},
        None,
        [("qa", "a", "overall", 0, None, 1.0, False)],
        [("qa", "a", "exact_match", 1, 1.0), ("qa", "a", "contains", 1, 1.0)],
    ),
    # --- repeats ---
    # Examples: (1 + 0) / 2 = 0.5 and (1 + 1) / 2 = 1; their mean is 0.75 among 2.
    "27 repeats": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.75}}",
        {"a": EXACT + "\nrepeats: 2"},
        {("qa", "a"): [exact_scores(1, 0), exact_scores(1, 1)]},
        "PASS",
        [("qa", None, "exact_match", 2, 0.75, 0.75, True)],
    ),
    # a: the failed repeat is out, 1/1 = 1, and (0 + 0) / 2 = 0. b is asked once: 0.5. Pool: 1.5 / 3 = 0.5.
    # One of three examples has an error.
    "28 repeats with an error, pooled with a harness that has none": Case(
        "qa: {harnesses: [a, b], thresholds: {overall: 0.5}}",
        {"a": EXACT + "\nrepeats: 2", "b": EXACT},
        {("qa", "a"): [[*exact_scores(1), MODEL_ERROR], exact_scores(0, 0)], ("qa", "b"): exact_scores(0.5)},
        "PASS",
        [("qa", None, "exact_match", 3, 0.5, 0.5, True)],
    ),
    # The mark is for the mean over the repeats: (1 + 0.2) / 2 = 0.6 counts 1, (0.5 + 0.5) / 2 = 0.5 counts 0: 1/2.
    "29 repeats and a mark": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.5}}",
        {"a": "graders: [{type: exact_match, pass_at: 0.6}]\nrepeats: 2"},
        {("qa", "a"): [exact_scores(1.0, 0.2), exact_scores(0.5, 0.5)]},
        "PASS",
        [("qa", None, "exact_match", 2, 0.5, 0.5, True)],
    ),
    # 1:1. First example: (0.5 + 1) / 2 = 0.75; second: 0, its other repeat failed. (0.75 + 0) / 2 = 0.375.
    # exact_match: 1 and 0, mean 0.5; contains: 0.5 and 0, mean 0.25.
    "30 repeats and weights": Case(
        "qa: {harnesses: [a], thresholds: {overall: 0.4}}",
        {"a": "graders: [{type: exact_match, weight: 1}, {type: contains, weight: 1}]\nrepeats: 2"},
        {("qa", "a"): [[both(1.0, 0.0), both(1.0, 1.0)], [both(0.0, 0.0), MODEL_ERROR]]},
        "FAIL",
        [("qa", "a", "overall", 2, 0.375, 0.4, False)],
        [("qa", "a", "exact_match", 2, 0.5), ("qa", "a", "contains", 2, 0.25)],
    ),
}


def plan_of(case: Case) -> Plan:
    """The plan of files without a mistake."""
    written = {name: harness_of(name, text) for name, text in case.harnesses.items()}
    suites = [msgspec.convert({"name": name} | fields, Suite) for name, fields in yaml.safe_load(case.suites).items()]
    planned = []
    for index, suite in enumerate(suites):
        harnesses = [written[name] for name in suite.harnesses]
        assert list(find_suite_faults(index, suite, harnesses)) == []
        sources = [HarnessSource(f"{one.name}.yml", "d.jsonl", one, {}) for one in harnesses]
        planned.append(plan_suite(suite, sources, Defaults(), Statistics()))
    return Plan(config="matchspec.yml", suites=planned, tags=[], concurrency=None)


def harness_of(name: str, text: str) -> Harness:
    """A harness file without a mistake."""
    fields = {"version": 1, "name": name, "dataset": "d.jsonl", "model": {"type": "echo"}}
    harness = msgspec.convert(fields | yaml.safe_load(text), Harness)
    assert list(find_harness_faults(harness)) == []
    return harness


@pytest.mark.parametrize("name", CASES)
def test_a_configuration_has_the_rows_worked_out_by_hand(name: str) -> None:
    """Thresholds, rows in their order, what only informs, and the verdict."""
    case = CASES[name]
    end = outcome(plan_of(case), case.answers)
    ends_as(end, case.verdict, case.rows)
    told = [(one.suite, one.harness, one.name, one.n, one.score) for one in end.informational]
    assert told == list(case.informational)
