"""What the file format has but this version does not do yet. It is told so, not as a typing error."""

from domain.grader_spec import ContainsGrader, ExactMatchGrader, RegexGrader
from domain.model_spec import HttpModel
from domain.spec import Harness

_GRADER_FIELDS = frozenset({"weight", "pass_at"})

LATER_FIELDS: dict[type, frozenset[str]] = {
    Harness: frozenset({"repeats"}),
    HttpModel: frozenset({"proxy", "requests_per_minute", "adaptive", "prices"}),
    ExactMatchGrader: _GRADER_FIELDS,
    ContainsGrader: _GRADER_FIELDS,
    RegexGrader: _GRADER_FIELDS,
}
LATER_TYPES = frozenset({"openai", "semantic_similarity", "llm_judge", "python"})
LATER_ENDINGS = frozenset({".csv"})


def not_supported(what: str) -> str:
    """Say that something is for a later version."""
    return f"{what} is not supported by this version of matchspec"
