"""A harness's `graders`, as written: what turns an output into a score."""

from typing import Literal

from domain.written import Name, Share, Text, Weight, Written

RegexFlag = Literal["i", "m", "s"]


class ExactMatchConfig(Written, frozen=True, kw_only=True):
    """`exact_match`: are the two texts equal?"""

    case_sensitive: bool = True
    trim_whitespace: bool = True


class ContainsConfig(Written, frozen=True, kw_only=True):
    """`contains`: does the output contain the expected text?"""

    case_sensitive: bool = True


class RegexConfig(Written, frozen=True, kw_only=True):
    """`regex`: is the pattern (RE2 syntax) found in the output?

    `{{expected}}` stands for the expected text escaped, `{{{expected}}}` for it as a pattern.
    """

    pattern: Text
    flags: list[RegexFlag] = []


class GraderFields(Written, frozen=True, kw_only=True):
    """What all graders have in common. With `pass_at` an example counts as 1 from that mark on, else as 0."""

    name: Name | None = None
    threshold: Share | None = None
    weight: Weight | None = None
    pass_at: Share | None = None


class ExactMatchGrader(GraderFields, frozen=True, kw_only=True, tag_field="type", tag="exact_match"):
    """1.0 if output and expected text are equal."""

    config: ExactMatchConfig = ExactMatchConfig()


class ContainsGrader(GraderFields, frozen=True, kw_only=True, tag_field="type", tag="contains"):
    """1.0 if the output contains the expected text."""

    config: ContainsConfig = ContainsConfig()


class RegexGrader(GraderFields, frozen=True, tag_field="type", tag="regex", kw_only=True):
    """1.0 if the pattern is found in the output."""

    config: RegexConfig


Grader = ExactMatchGrader | ContainsGrader | RegexGrader


def grader_name(grader: Grader) -> str:
    """The name a grader goes by: its own, else its type."""
    return grader.name or str(grader.__struct_config__.tag)
