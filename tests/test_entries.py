"""An example's entry in the results: joined from what was pinned, answered and scored."""

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_events import answered, graded, scored

from domain.codec import encode
from domain.errors import LogUnreadable
from domain.events import ExampleAnswered, ExampleScored, Usage
from domain.examples import Example, encode_line
from domain.marks import Marks
from projections.entries import Asking, example_entry, repeated_entry

LINE = encode_line(Example("ex-1", "2+2?", "4", ("math",), {"source": "b"}))
MARKS = Marks({"judge": 0.6}, None, 1.0)
USAGE = Usage(input_tokens=12, output_tokens=3)


def asking(score: ExampleScored, answer: ExampleAnswered | None = None) -> Asking:
    """The bodies of an asking."""
    return Asking(encode(score), encode(answer) if answer else None)


def once(score: ExampleScored, answer: ExampleAnswered | None = None, line: bytes = LINE) -> dict[str, Any]:
    """The entry of an example that is asked once."""
    entry: dict[str, Any] = json.loads(example_entry(line, asking(score, answer)))
    return entry


def often(*askings: Asking, line: bytes = LINE, marks: Marks = MARKS) -> dict[str, Any]:
    """The entry of an example that is asked several times."""
    entry: dict[str, Any] = json.loads(repeated_entry(line, askings, marks))
    return entry


def hit(repeat: int, score: float, **fields: Any) -> Asking:
    """A repeat with a score."""
    return asking(scored(1, repeat=repeat, scores={"judge": score}, **fields))


def test_an_answer_recorded_before_its_score_is_joined_with_it() -> None:
    """Output, latency, attempts, usage and secrets are the answer's; scores, errors and details the score's."""
    answer = answered(1, output="four [secret KEY]", latency_ms=7.5, attempts=2, usage=USAGE, secrets=["KEY"])
    score = graded(1, scores={"judge": 0.8}, passed=True, errors={"other": "no"}, details={"judge": {"reply": "8"}})
    entry = once(score, answer)
    assert entry == {
        "id": "ex-1",
        "input": "2+2?",
        "expected": "4",
        "output": "four [secret KEY]",
        "scores": {"judge": 0.8},
        "passed": True,
        "tags": ["math"],
        "suite": "qa",
        "harness": "a",
        "latency_ms": 7.5,
        "attempts": 2,
        "usage": {"input_tokens": 12, "output_tokens": 3},
        "metadata": {"source": "b"},
        "errors": {"other": "no"},
        "details": {"judge": {"reply": "8"}},
        "secrets": ["KEY"],
    }
    contract = ["id", "input", "expected", "output", "scores", "passed", "tags"]
    assert list(entry)[:7] == contract


@settings(deadline=None)
@given(
    output=st.text(),
    usage=st.none() | st.just(USAGE),
    secrets=st.sampled_from([[], ["KEY"]]),
    scores=st.dictionaries(st.text(), st.floats(0, 1), max_size=3),
    details=st.dictionaries(st.text(), st.text(), max_size=2),
)
def test_it_makes_no_difference_whether_the_answer_was_recorded_first(
    output: str, usage: Usage | None, secrets: list[str], scores: dict[str, float], details: dict[str, object]
) -> None:
    """One event or two: the entry is the same, byte for byte."""
    answer: dict[str, Any] = {"output": output, "latency_ms": 5.0, "attempts": 1, "usage": usage, "secrets": secrets}
    whole = example_entry(LINE, asking(scored(1, scores=scores, details=details, **answer)))
    assert example_entry(LINE, asking(graded(1, scores=scores, details=details), answered(1, **answer))) == whole


def test_what_there_is_not_is_left_out() -> None:
    """No usage, metadata, errors, details or secrets; `tags` are there, empty."""
    entry = once(scored(1, scores={"judge": 1.0}), line=encode_line(Example("ex-1", "", "", (), None)))
    assert entry["tags"] == []
    absent = {"usage", "metadata", "error", "errors", "details", "secrets", "repeats"}
    assert entry.keys() & absent == set()


def test_a_failed_call_may_have_cost_tokens() -> None:
    """The error and the usage stand beside a null output."""
    entry = once(scored(1, output=None, error="cut off", usage=USAGE, passed=False))
    assert (entry["output"], entry["error"], entry["usage"]["input_tokens"]) == (None, "cut off", 12)


def test_repeats_make_one_entry_with_means() -> None:
    """Scores (1 + 0.5) / 2 = 0.75 reach 0.6; the output is the first repeat's, each repeat has its own."""
    entry = often(hit(0, 1.0, output="4"), hit(1, 0.5, output="5", passed=False))
    assert (entry["output"], entry["scores"], entry["passed"]) == ("4", {"judge": 0.75}, True)
    assert [(one["output"], one["scores"], one["passed"]) for one in entry["repeats"]] == [
        ("4", {"judge": 1.0}, True),
        ("5", {"judge": 0.5}, False),
    ]
    assert (entry["tags"], entry["suite"], entry["harness"], entry["metadata"]) == (
        ["math"],
        "qa",
        "a",
        {"source": "b"},
    )
    contract = ["id", "input", "expected", "output", "scores", "passed", "tags"]
    assert list(entry)[:7] == contract


def test_what_belongs_to_one_asking_stands_in_its_repeat() -> None:
    """Latency, attempts, usage, errors, details and secrets are not the example's."""
    answer = answered(1, repeat=0, output="x", latency_ms=7.5, attempts=3, usage=USAGE, secrets=["KEY"])
    first = asking(graded(1, repeat=0, scores={"judge": 1.0}, details={"judge": "fine"}), answer)
    second = asking(scored(1, repeat=1, scores={}, errors={"judge": "no number"}, passed=False))
    entry = often(first, second)
    own = {"latency_ms", "attempts", "usage", "error", "errors", "details", "secrets"}
    assert entry.keys() & own == set()
    assert entry["repeats"] == [
        {
            "output": "x",
            "scores": {"judge": 1.0},
            "passed": True,
            "latency_ms": 7.5,
            "attempts": 3,
            "usage": {"input_tokens": 12, "output_tokens": 3},
            "details": {"judge": "fine"},
            "secrets": ["KEY"],
        },
        {
            "output": "x",
            "scores": {},
            "passed": False,
            "latency_ms": 5,
            "attempts": 1,
            "errors": {"judge": "no number"},
        },
    ]


def test_means_leave_out_the_repeats_that_failed() -> None:
    """0.8 beside a failed call: 0.8, which reaches 0.6; the first output is null, as the first call gave none."""
    failed = asking(scored(1, repeat=0, output=None, error="timed out", passed=False))
    entry = often(failed, hit(1, 0.8))
    assert (entry["output"], entry["scores"], entry["passed"]) == (None, {"judge": 0.8}, True)
    assert entry["repeats"][0]["error"] == "timed out"


def test_an_example_whose_repeats_all_failed_is_not_passed() -> None:
    """It has no scores."""
    failed = [asking(scored(1, repeat=n, output=None, error="timed out", passed=False)) for n in range(2)]
    entry = often(*failed)
    assert (entry["scores"], entry["passed"]) == ({}, False)


def test_a_weighted_example_is_passed_by_the_mean_of_its_complete_repeats() -> None:
    """1:1 and 0.9: the complete repeat has 1, though the graders' means, 1 and 0.5, would make 0.75."""
    marks = Marks({}, {"judge": 0.5, "other": 0.5}, 0.9)
    whole = asking(scored(1, repeat=0, scores={"judge": 1.0, "other": 1.0}))
    part = asking(scored(1, repeat=1, scores={"other": 0.0}, errors={"judge": "no"}, passed=False))
    entry = often(whole, part, marks=marks)
    assert (entry["scores"], entry["passed"]) == ({"judge": 1.0, "other": 0.5}, True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"output":"four"', b'"output":5'),
        (b'"output":"four"', b'"output":"\xff"'),
        (b'"output":"four",', b""),
        (b'"latency_ms":1.5,', b""),
        (b'"attempts":1', b'"attempts":1,"details":[]'),
        (b'"attempts":1', b'"attempts":1,"secrets":5'),
    ],
    ids=["output is no text", "not UTF-8", "no output", "no latency", "details", "secrets"],
)
def test_a_body_that_can_not_be_read_is_told(before: bytes, after: bytes) -> None:
    """An entry is joined of bytes, and yet none is served that is no answer: one asking or several."""
    body = encode(scored(1, output="four", latency_ms=1.5, attempts=1))
    assert before in body
    broken = Asking(body.replace(before, after), None)
    for join in (partial(example_entry, LINE, broken), partial(repeated_entry, LINE, [hit(0, 1.0), broken], MARKS)):
        with pytest.raises(LogUnreadable, match="the log holds a 'example_scored' event"):
            join()
