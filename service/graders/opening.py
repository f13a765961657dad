"""Opens the graders that need more than a pure function, for one run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, assert_never

from domain.grader_spec import Grader as Spec
from domain.grader_spec import (
    LlmJudgeGrader,
    PythonGrader,
    RegisteredGrader,
    SemanticSimilarityConfig,
    SemanticSimilarityGrader,
)
from domain.model_rules import Fault, Place
from domain.secrets import Secrets
from service.graders.factories import find_code_faults
from service.graders.grader import Grader
from service.graders.judge import open_judge
from service.graders.user_grader import open_python_grader
from service.measures import Measures
from service.models.message import Send


def find_missing(spec: Spec, folder: Path, place: Place) -> list[Fault]:
    """Tell what a grader, which stands at `place`, needs and this machine lacks: a file, a package."""
    match spec:
        case SemanticSimilarityGrader(config=config) if config.embedding_endpoint is None:
            # Embeddings bring numpy, a fifth of a start: whoever compares none does not wait for it.
            from service.graders.local_embeddings import local_model_missing  # noqa: PLC0415

            missing = local_model_missing()
            return [Fault(place, missing)] if missing else []
        case PythonGrader() | RegisteredGrader():
            return [fault._replace(place=(*place, *fault.place)) for fault in find_code_faults(spec, folder)]
        case _:
            return []


class GraderWorld(NamedTuple):
    """What graders need of the world. `draw` gives a random number below its argument."""

    environment: Mapping[str, str]
    send: Send
    secrets: Secrets
    draw: Callable[[int], int]
    measures: Measures


class GraderOpener:
    """Opens graders and closes them together. Harnesses that compare embeddings of one kind share them."""

    def __init__(self, world: GraderWorld) -> None:
        self._world = world
        self._similarities: dict[SemanticSimilarityConfig, Grader] = {}
        self._opened: list[Grader] = []

    def open(
        self, spec: SemanticSimilarityGrader | LlmJudgeGrader | PythonGrader | RegisteredGrader, folder: Path
    ) -> Grader:
        """Open a grader of a harness file in `folder`. Raises GraderError where it can't be used at all."""
        grader = self._similarities.get(spec.config) if isinstance(spec, SemanticSimilarityGrader) else None
        if grader is not None:
            return grader
        opened = self._open(spec, folder)
        self._opened.append(opened)
        return opened

    async def close(self) -> None:
        """Close all that were opened."""
        for grader in self._opened:
            await grader.close()

    def _open(
        self, spec: SemanticSimilarityGrader | LlmJudgeGrader | PythonGrader | RegisteredGrader, folder: Path
    ) -> Grader:
        world = self._world
        match spec:
            case SemanticSimilarityGrader():
                from service.graders.similarity import open_similarity  # noqa: PLC0415 - as above

                endpoint = spec.config.embedding_endpoint
                calls = world.measures.calls_of("embedding", endpoint) if endpoint is not None else None
                similarity = open_similarity(spec, world.environment, world.send, world.secrets, calls)
                self._similarities[spec.config] = similarity
                return similarity
            case LlmJudgeGrader():
                calls = world.measures.calls_of("judge", spec.config.endpoint)
                return open_judge(spec, world.environment, world.send, world.draw, world.secrets, calls)
            case PythonGrader() | RegisteredGrader():
                return open_python_grader(spec, folder, world.environment, world.secrets)
            case _:
                assert_never(spec)
