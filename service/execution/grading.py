"""From an answer to the event that is recorded."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.errors import GraderError
from domain.events import ExampleScored
from domain.grader_spec import grader_name
from domain.graders import Grade, make_grader
from domain.plan import PlannedHarness, PlannedSuite, threshold_of
from domain.secrets import Secrets
from domain.statistics import reaches
from service.execution.attempts import Answer
from service.execution.rows import AskedRow


class NamedGrader(NamedTuple):
    """A grader ready to use, with the threshold an example is held to."""

    name: str
    grade: Grade
    threshold: float


class Grades(NamedTuple):
    """Scores by grader, and why the others gave none."""

    scores: dict[str, float]
    errors: dict[str, str]


def named_graders(suite: PlannedSuite, harness: PlannedHarness) -> list[NamedGrader]:
    """Prepare a harness's graders."""
    return [
        NamedGrader(grader_name(grader), make_grader(grader), threshold_of(grader, suite)) for grader in harness.graders
    ]


def score_example(
    suite: str, harness: str, graders: Sequence[NamedGrader], secrets: Secrets, asked: AskedRow, answer: Answer
) -> ExampleScored:
    """Grade an answer. Secrets are replaced first, so that what is recorded is what was graded."""
    output, replaced = secrets.replace(answer.output) if answer.output is not None else (None, ())
    error, in_error = secrets.replace(answer.error) if answer.error is not None else (None, ())
    grades = grade(graders, asked.example.expected, output) if output is not None else Grades({}, {})
    return ExampleScored(
        suite=suite,
        harness=harness,
        example=asked.example.id,
        repeat=0,
        row=asked.row,
        output=output,
        scores=grades.scores,
        passed=output is not None and is_passed(graders, grades.scores),
        latency_ms=answer.latency_ms,
        attempts=answer.attempts,
        error=error,
        errors=grades.errors,
        secrets=[*replaced, *in_error],
    )


def grade(graders: Sequence[NamedGrader], expected: str, output: str) -> Grades:
    """Ask every grader; one that fails does not keep the others from scoring."""
    grades = Grades({}, {})
    for grader in graders:
        try:
            grades.scores[grader.name] = grader.grade(expected, output)
        except GraderError as error:
            grades.errors[grader.name] = str(error)
    return grades


def is_passed(graders: Sequence[NamedGrader], scores: Mapping[str, float]) -> bool:
    """Tell whether every grader scored the example at or above its threshold."""
    return all(grader.name in scores and reaches(scores[grader.name], grader.threshold) for grader in graders)
