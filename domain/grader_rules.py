"""What must hold within a grader that calls a service, beyond the types of its fields."""

from collections.abc import Iterator

from domain import variables
from domain.grader_spec import Grader, LlmJudgeConfig, SemanticSimilarityConfig, ServiceGrader
from domain.model_rules import Fault, Place, endpoint_faults

OUTPUT = "{{output}}"


def find_service_faults(grader: ServiceGrader, place: Place) -> Iterator[Fault]:
    """Tell what is wrong with a grader, which stands at `place`: `("graders", 0)`."""
    inside = (*place, "config")
    match grader.config:
        case SemanticSimilarityConfig() as config:
            yield from _similarity_faults(config, inside)
        case LlmJudgeConfig() as config:
            yield from endpoint_faults(config.endpoint, (*inside, "endpoint"))
            if config.prompt_template is not None and OUTPUT not in config.prompt_template:
                message = f"must hold {OUTPUT}, or the judge would not see what it judges"
                yield Fault((*inside, "prompt_template"), message)
    key = grader.config.api_key_env
    if key is not None and not variables.is_name(key):
        message = "must be the name of an environment variable, such as OPENAI_API_KEY"
        yield Fault((*inside, "api_key_env"), message)


def find_service_variables(grader: Grader, place: Place) -> list[tuple[Place, str]]:
    """List the environment variables a grader needs, each with the field that names it."""
    if not isinstance(grader, ServiceGrader):
        return []
    inside = (*place, "config")
    config = grader.config
    field = "endpoint" if isinstance(config, LlmJudgeConfig) else "embedding_endpoint"
    endpoint = config.endpoint if isinstance(config, LlmJudgeConfig) else config.embedding_endpoint
    needed: list[tuple[Place, str]] = [((*inside, field), name) for name in variables.names(endpoint or "")]
    if config.api_key_env is not None:
        needed.append(((*inside, "api_key_env"), config.api_key_env))
    return needed


def _similarity_faults(config: SemanticSimilarityConfig, place: Place) -> Iterator[Fault]:
    if config.embedding_endpoint is not None:
        yield from endpoint_faults(config.embedding_endpoint, (*place, "embedding_endpoint"))
        if config.model is None:
            yield Fault((*place, "model"), "missing; with an embedding_endpoint it must name the model to ask for")
        return
    for field in ("model", "api_key_env"):
        if getattr(config, field) is not None:
            yield Fault((*place, field), "is for an embedding_endpoint; without one the local model is used")
