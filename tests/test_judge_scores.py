"""A judge's reply becomes a score where it can be read in one way, else an error: never a wrong score."""

import pytest

from domain.errors import GraderError
from domain.grader_spec import ScoreParser
from domain.judge import read_score


@pytest.mark.parametrize(
    ("parser", "reply", "score"),
    [
        ("integer_0_10", "8", 0.8),
        ("integer_0_10", " 8\n", 0.8),
        ("integer_0_10", "0", 0.0),
        ("integer_0_10", "10", 1.0),
        ("integer_0_10", "8/10", 0.8),
        ("integer_0_10", "10/10", 1.0),
        ("integer_0_10", "8 / 10.", 0.8),
        ("integer_0_10", "I give 8 out of 10", 0.8),
        ("integer_0_10", "Score: 8", 0.8),
        ("integer_0_10", "Score - 8", 0.8),
        ("integer_0_10", "**8**", 0.8),
        ("integer_0_10", "<score>8</score>", 0.8),
        ("integer_0_10", '{"score": 8}', 0.8),
        ("integer_0_10", "8.", 0.8),
        ("integer_0_10", "8, since it says the same", 0.8),
        ("integer_0_10", "8.0", 0.8),
        ("integer_0_10", "得分：8分", 0.8),  # noqa: RUF001
        ("integer_0_5", "4/5", 0.8),
        ("integer_0_5", "Rating: 5", 1.0),
        ("integer_0_5", "1", 0.2),
        ("float_0_1", "0.85", 0.85),
        ("float_0_1", ".85", 0.85),
        ("float_0_1", "1", 1.0),
        ("float_0_1", "1.0", 1.0),
        ("float_0_1", "0", 0.0),
        ("float_0_1", "0.5/1", 0.5),
        ("float_0_1", "The score is 0.25.", 0.25),
    ],
)
def test_a_reply_with_one_number_in_range_is_a_score(parser: ScoreParser, reply: str, score: float) -> None:
    """The number is scaled to 0-1; `/10`, or `out of 10`, is how it is written and no second number."""
    assert read_score(reply, parser) == score


@pytest.mark.parametrize(
    ("parser", "reply"),
    [
        ("integer_0_10", ""),
        ("integer_0_10", "eight"),
        ("integer_0_10", "-3"),
        ("integer_0_10", "\u22123"),
        ("integer_0_10", "\u20133"),
        ("integer_0_10", "+8"),
        ("integer_0_10", "11"),
        ("integer_0_10", "100/10"),
        ("integer_0_10", "7.5"),
        ("integer_0_10", "0.85"),
        ("integer_0_10", "7 or 8"),
        ("integer_0_10", "7-8"),
        ("integer_0_10", "7\u20138"),
        ("integer_0_10", "8 8"),
        ("integer_0_10", "8/10 because 3 reasons"),
        ("integer_0_10", "8/10, that is 8/10"),
        ("integer_0_10", "4/5"),
        ("integer_0_10", "8/100"),
        ("integer_0_10", "8/10/2026"),
        ("integer_0_10", "1/0"),
        ("integer_0_10", "1e3"),
        ("integer_0_10", "1e0"),
        ("integer_0_10", "1,000"),
        ("integer_0_10", "1 000"),
        ("integer_0_10", "8,5"),
        ("integer_0_10", "8:30"),
        ("integer_0_10", "1.2.3"),
        ("integer_0_10", "8%"),
        ("integer_0_10", "8 %"),
        ("integer_0_10", "8\u00a0%"),
        ("integer_0_10", "$8"),
        ("integer_0_10", "8th"),
        ("integer_0_10", "GPT4"),
        ("integer_0_10", "GPT4 deserves 8"),
        ("integer_0_10", "٨"),
        ("integer_0_10", "8 ٨"),
        ("integer_0_10", "8½"),
        ("integer_0_10", "8²"),
        ("integer_0_10", "８"),  # noqa: RUF001
        ("integer_0_10", "Ⅷ"),
        ("integer_0_10", "NaN"),
        ("integer_0_10", "Infinity"),
        ("integer_0_10", "1" * 400),
        ("integer_0_10", "8" + " " * 100_000),
        ("integer_0_5", "8/10"),
        ("integer_0_5", "6"),
        ("integer_0_5", "4/10"),
        ("float_0_1", "85%"),
        ("float_0_1", "1%"),
        ("float_0_1", "0,85"),
        ("float_0_1", "85"),
        ("float_0_1", "1.01"),
        ("float_0_1", "-0.5"),
        ("float_0_1", "8/10"),
        ("float_0_1", "1/2"),
        ("float_0_1", "...1"),
        ("float_0_1", "1e-1"),
        ("float_0_1", "0.5 to 0.6"),
    ],
)
def test_any_other_reply_is_an_error(parser: ScoreParser, reply: str) -> None:
    """No number, several, one out of range or one that could be meant otherwise: never a score."""
    with pytest.raises(GraderError):
        read_score(reply, parser)


@pytest.mark.parametrize(
    "reply", ["1" * 99_999, "1 " * 49_999, "8" + " " * 99_000 + "x", ".1" * 49_999, "8 out of " * 11_000]
)
def test_a_long_reply_is_read_in_linear_time(reply: str) -> None:
    """A reply at the longest length that is read takes no noticeable time (the test's own limit is the judge)."""
    with pytest.raises(GraderError):
        read_score(reply[:-1] + "1", "integer_0_10")
