"""A harness's `graders`, as written: what turns an output into a score."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.written import Name, Seconds, Share, Text, Weight, Written

RegexFlag = Literal["i", "m", "s"]
ScoreParser = Literal["integer_0_10", "integer_0_5", "float_0_1"]
BatchSize = Annotated[int, Meta(ge=1, le=2048)]


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


class PythonGrader(GraderFields, frozen=True, kw_only=True, tag_field="type", tag="python"):
    """A user's own grader. What `config` may hold is in `domain/python_config.py`."""

    config: dict[Text, object]


class RegisteredGrader(GraderFields, frozen=True, kw_only=True, tag_field="type", tag="registered"):
    """A grader that an installed package registers: `entry_point` is the name that a user writes as its `type`."""

    entry_point: Name
    config: dict[Text, object] = msgspec.field(default_factory=dict)


class SemanticSimilarityConfig(Written, frozen=True, kw_only=True):
    """`semantic_similarity`: whose embeddings are compared. Without an endpoint, those of the local model.

    `batch_size` texts make one request; `timeout_seconds` bounds all that is done for it, further attempts included.
    """

    embedding_endpoint: Text | None = None
    model: Text | None = None
    api_key_env: Text | None = None
    batch_size: BatchSize = 32
    timeout_seconds: Seconds = 30


class SemanticSimilarityGrader(GraderFields, frozen=True, kw_only=True, tag_field="type", tag="semantic_similarity"):
    """Cosine of the embeddings of expected text and output, clipped to 0-1."""

    config: SemanticSimilarityConfig = SemanticSimilarityConfig()


class LlmJudgeConfig(Written, frozen=True, kw_only=True):
    """`llm_judge`: whom to ask, what, and how to read the reply.

    `timeout_seconds` bounds one grading, further attempts included.
    """

    endpoint: Text
    model: Text
    api_key_env: Text | None = None
    prompt_template: Text | None = None
    score_parser: ScoreParser = "integer_0_10"
    timeout_seconds: Seconds = 60


class LlmJudgeGrader(GraderFields, frozen=True, kw_only=True, tag_field="type", tag="llm_judge"):
    """The number that another model gives, scaled to 0-1."""

    config: LlmJudgeConfig


TextGrader = ExactMatchGrader | ContainsGrader | RegexGrader
"""Graders that compare two texts, and nothing else."""

ServiceGrader = SemanticSimilarityGrader | LlmJudgeGrader
"""Graders that ask another service, or a model of their own."""

Grader = TextGrader | ServiceGrader | PythonGrader | RegisteredGrader


def grader_name(grader: Grader) -> str:
    """The name a grader goes by: its own, else its type."""
    if grader.name is None and isinstance(grader, RegisteredGrader):
        return grader.entry_point
    return grader.name or str(grader.__struct_config__.tag)
