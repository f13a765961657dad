"""Graders: what turns (expected, output) into a score in 0-1."""

import re
from collections.abc import Callable
from functools import partial
from typing import assert_never

import re2

from domain.errors import GraderError
from domain.grader_spec import (
    ContainsConfig,
    ContainsGrader,
    ExactMatchConfig,
    ExactMatchGrader,
    RegexConfig,
    RegexGrader,
    TextGrader,
)

Grade = Callable[[str, str], float]
"""(expected, output) -> score; raises GraderError."""

Estimate = Callable[[str, str], int]
"""(expected, output) -> instructions of the pattern times characters of output."""

PATTERN_BYTES = 8 * 1024 * 1024
MUCH_WORK = 2_000_000
"""From here on a grading may take tens of milliseconds (25 ns a unit where RE2's automaton outgrows its memory)."""

MOST_WORK = 100_000_000
"""Some two seconds at worst: a server that stops waits for them."""

_TOO_LONG = "the pattern with this expected text and the output are too long for each other"
_PLACEHOLDER = re.compile(r"\{\{\{expected\}\}\}|\{\{expected\}\}")


def make_grader(grader: TextGrader) -> Grade:
    """Build the function that grades as the harness file says."""
    match grader:
        case ExactMatchGrader(config=config):
            return partial(exact_match, config)
        case ContainsGrader(config=config):
            return partial(contains, config)
        case RegexGrader(config=config):
            return partial(regex, config, whole=_compiled_whole(config))
        case _:
            assert_never(grader)


def make_estimate(grader: TextGrader) -> Estimate | None:
    """Build the function that estimates what a grading costs; None where it is cheap, whatever the texts."""
    if not isinstance(grader, RegexGrader):
        return None
    return partial(_estimate, _program_size(grader.config))


def exact_match(config: ExactMatchConfig, expected: str, output: str) -> float:
    """1.0 if the two texts are equal."""
    if config.trim_whitespace:
        expected, output = expected.strip(), output.strip()
    if not config.case_sensitive:
        expected, output = expected.casefold(), output.casefold()
    return float(expected == output)


def contains(config: ContainsConfig, expected: str, output: str) -> float:
    """1.0 if the output contains the expected text."""
    if not config.case_sensitive:
        expected, output = expected.casefold(), output.casefold()
    return float(expected in output)


def regex(config: RegexConfig, expected: str, output: str, whole: "re2._Regexp[str] | None" = None) -> float:
    """1.0 if the pattern is found in the output. `whole` is the pattern, compiled, where it holds no expected text.

    GraderError where the expected text makes no valid pattern, or both are so long that the search would take minutes:
    RE2 is linear in the output, but also in the pattern.
    """
    if (len(config.pattern) + len(expected)) * len(output) > MOST_WORK:
        raise GraderError(_TOO_LONG)
    try:
        pattern = whole or compile_pattern(config, expected)
    except re2.error as error:
        raise GraderError(
            f"the pattern with this expected text is not a valid RE2 pattern: {_reason(error)}"
        ) from error
    if pattern.programsize * len(output) > MOST_WORK:
        raise GraderError(_TOO_LONG)
    # As bytes, since a match in a text has its places translated from bytes to characters, in Python.
    return float(pattern.search(output.encode()) is not None)


def compile_pattern(config: RegexConfig, expected: str) -> "re2._Regexp[str]":
    """Fill the placeholders in one pass and compile; re2.error where the result is not a pattern."""

    def fill(placeholder: re.Match[str]) -> str:
        return expected if placeholder[0].startswith("{{{") else re2.escape(expected)

    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_BYTES

    options.case_sensitive = "i" not in config.flags
    inline = "".join(flag for flag in ("m", "s") if flag in config.flags)
    text = _PLACEHOLDER.sub(fill, config.pattern)
    return re2.compile(f"(?{inline}){text}" if inline else text, options)


def _compiled_whole(config: RegexConfig) -> "re2._Regexp[str] | None":
    return None if _PLACEHOLDER.search(config.pattern) else compile_pattern(config, "")


def _estimate(program_size: int, expected: str, output: str) -> int:
    return (program_size + len(expected)) * len(output)


def _program_size(config: RegexConfig) -> int:
    """Count the instructions of a pattern without the expected text: `a{500}` has 500, however short it is written."""
    try:
        return int(compile_pattern(config, "").programsize)
    except re2.error:
        return len(config.pattern)


def _reason(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)
