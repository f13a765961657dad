"""Graders: what each type scores as right."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import GraderError
from domain.grader_spec import (
    ContainsConfig,
    ContainsGrader,
    ExactMatchConfig,
    ExactMatchGrader,
    RegexConfig,
    RegexFlag,
    RegexGrader,
    TextGrader,
)
from domain.graders import contains, exact_match, make_grader, regex

TEXTS = st.text() | st.text(alphabet=".*+?()[]{}|^$\\ab\n\x00 é", max_size=12)


@pytest.mark.parametrize(
    ("expected", "output", "case_sensitive", "trim_whitespace", "score"),
    [
        ("Paris", "Paris", True, True, 1.0),
        ("Paris", "paris", True, True, 0.0),
        ("Paris", "paris", False, True, 1.0),
        ("Paris", "Paris.", True, True, 0.0),
        ("Paris", " \tParis\n", True, True, 1.0),
        ("\n Paris ", "Paris", True, True, 1.0),
        ("Paris", "Paris\n", True, False, 0.0),
        ("Paris\n", "Paris\n", True, False, 1.0),
        ("New York", "New  York", True, True, 0.0),
        ("Straße", "STRASSE", False, True, 1.0),
        ("Straße", "STRASSE", True, True, 0.0),
        (" Straße", "STRASSE ", False, False, 0.0),
        ("", "", True, True, 1.0),
        ("", "  ", True, True, 1.0),
        ("", "x", True, True, 0.0),
    ],
)
def test_exact_match_compares_the_whole_texts(
    expected: str, output: str, case_sensitive: bool, trim_whitespace: bool, score: float
) -> None:
    """Outer whitespace and case count only where the config says so; case folds as Unicode does."""
    config = ExactMatchConfig(case_sensitive=case_sensitive, trim_whitespace=trim_whitespace)
    assert exact_match(config, expected, output) == score


@pytest.mark.parametrize(
    ("expected", "output", "case_sensitive", "score"),
    [
        ("42", "The answer is 42.", True, 1.0),
        ("42", "The answer is 4 2.", True, 0.0),
        ("Paris", "in paris", True, 0.0),
        ("Paris", "in paris", False, 1.0),
        ("straße", "HAUPTSTRASSE 5", False, 1.0),
        ("a.c", "abc", True, 0.0),
        (" 42", "42", True, 0.0),
        ("", "", True, 1.0),
        ("x", "", True, 0.0),
    ],
)
def test_contains_looks_for_the_expected_text_as_it_is(
    expected: str, output: str, case_sensitive: bool, score: float
) -> None:
    """Nothing is trimmed and nothing is a pattern."""
    assert contains(ContainsConfig(case_sensitive=case_sensitive), expected, output) == score


@pytest.mark.parametrize(
    ("pattern", "flags", "output", "score"),
    [
        (r"\b\d+\b", [], "about 42 of them", 1.0),
        (r"^\d+$", [], "42 of them", 0.0),
        ("paris", [], "Paris", 0.0),
        ("paris", ["i"], "Paris", 1.0),
        ("^two$", [], "one\ntwo\nthree", 0.0),
        ("^two$", ["m"], "one\ntwo\nthree", 1.0),
        ("one.two", [], "one\ntwo", 0.0),
        ("one.two", ["s"], "one\ntwo", 1.0),
        ("^TWO.three$", ["i", "m", "s"], "one\ntwo\nthree\nfour", 1.0),
        ("^TWO.three$", ["m", "s"], "one\ntwo\nthree\nfour", 0.0),
        ("caf.$", [], "café", 1.0),
        ("x", [], "", 0.0),
    ],
)
def test_regex_finds_its_pattern_anywhere_as_the_flags_say(
    pattern: str, flags: list[RegexFlag], output: str, score: float
) -> None:
    """`i` ignores case, `m` lets ^ and $ meet at each line, `s` lets a dot be a newline."""
    assert regex(RegexConfig(pattern=pattern, flags=flags), "", output) == score


@pytest.mark.parametrize(
    ("pattern", "expected", "output", "score"),
    [
        ("^{{expected}}$", ".*", "anything", 0.0),
        ("^{{expected}}$", ".*", ".*", 1.0),
        ("^{{{expected}}}$", ".*", "anything", 1.0),
        ("^({{{expected}}})$", "yes|no", "no", 1.0),
        ("^({{expected}})$", "yes|no", "no", 0.0),
        (r"answer:\s*{{expected}}\b", "3.5", "answer:  3.5 km", 1.0),
        (r"answer:\s*{{expected}}\b", "3.5", "answer: 325", 0.0),
        ("{{expected}} or {{{expected}}}", "a+", "a+ or aaa", 1.0),
        ("^{{expected}}$", "{{{expected}}}", "{{{expected}}}", 1.0),  # filled once: what was put in is not looked at
        ("^{{expected}}$", "\\1 \\g<0>", "\\1 \\g<0>", 1.0),
    ],
)
def test_the_expected_text_stands_escaped_in_two_braces_and_as_a_pattern_in_three(
    pattern: str, expected: str, output: str, score: float
) -> None:
    """Two braces match the text itself; three let the dataset write patterns."""
    assert regex(RegexConfig(pattern=pattern), expected, output) == score


@settings(deadline=None)
@given(expected=TEXTS, before=TEXTS, after=TEXTS)
def test_any_expected_text_escaped_matches_itself(expected: str, before: str, after: str) -> None:
    """Nothing in it is read as a pattern."""
    assert regex(RegexConfig(pattern="{{expected}}"), expected, before + expected + after) == 1.0


@settings(deadline=None)
@given(expected=TEXTS, output=TEXTS)
def test_an_escaped_text_is_found_where_contains_finds_it(expected: str, output: str) -> None:
    """`{{expected}}` alone asks what `contains` asks."""
    found = contains(ContainsConfig(), expected, output)
    assert regex(RegexConfig(pattern="{{expected}}"), expected, output) == found


@pytest.mark.parametrize("expected", ["(", "a{2,1}", "[z-a]", "(?=a)", "\\"])
def test_an_expected_text_that_is_no_pattern_is_a_grader_error(expected: str) -> None:
    """It tells that this row's expected text is at fault; it is not a low score."""
    with pytest.raises(GraderError, match="expected text is not a valid RE2 pattern: "):
        regex(RegexConfig(pattern="{{{expected}}}"), expected, "a")


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_an_evil_pattern_ends_fast(pattern: str) -> None:
    """Patterns that take other engines for ever take one pass over 100,000 characters."""
    begun = time.perf_counter()
    assert regex(RegexConfig(pattern=pattern), "", "a" * 100_000 + "!") == 0.0
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("grader", "right", "wrong"),
    [
        (ExactMatchGrader(), " Paris", "PARIS"),
        (ExactMatchGrader(config=ExactMatchConfig(case_sensitive=False)), "PARIS", "in Paris"),
        (ContainsGrader(), "in Paris!", "in paris"),
        (RegexGrader(config=RegexConfig(pattern="^{{expected}}$", flags=["i"])), "PARIS", "in Paris"),
    ],
)
def test_a_grader_grades_as_its_harness_file_says(grader: TextGrader, right: str, wrong: str) -> None:
    """Each type comes with its own config; the defaults are the strict ones."""
    grade = make_grader(grader)
    assert (grade("Paris", right), grade("Paris", wrong)) == (1.0, 0.0)
