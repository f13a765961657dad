"""The graders that need more than the two texts, as a user writes them: a user's own code, or a service."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.spec import Name, Seconds, Share, Text, Written

ScoreParser = Literal["integer_0_10", "integer_0_5", "float_0_1"]
BatchSize = Annotated[int, Meta(ge=1, le=2048)]


class PythonGrader(Written, frozen=True, kw_only=True, tag_field="type", tag="python"):
    """A user's own grader. What `config` may hold is in `domain/python_config.py`."""

    name: Name | None = None
    threshold: Share | None = None
    config: dict[Text, object]


class RegisteredGrader(Written, frozen=True, kw_only=True, tag_field="type", tag="registered"):
    """A grader that an installed package registers: `entry_point` is the name that a user writes as its `type`."""

    entry_point: Name
    name: Name | None = None
    threshold: Share | None = None
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


class SemanticSimilarityGrader(Written, frozen=True, kw_only=True, tag_field="type", tag="semantic_similarity"):
    """Cosine of the embeddings of expected text and output, clipped to 0-1."""

    name: Name | None = None
    threshold: Share | None = None
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


class LlmJudgeGrader(Written, frozen=True, kw_only=True, tag_field="type", tag="llm_judge"):
    """The number that another model gives, scaled to 0-1."""

    name: Name | None = None
    threshold: Share | None = None
    config: LlmJudgeConfig
