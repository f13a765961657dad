"""From an answer to the event that is recorded."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from domain.errors import GraderError, ModelError
from domain.events import ExampleAnswered, ExampleScored
from domain.graded import Asked, Graded
from domain.graders import MUCH_WORK, Estimate, Grade
from domain.marks import Marks
from domain.secrets import Secrets
from service.execution.attempts import Answer
from service.execution.rows import AskedRow
from service.graders.grader import Grader


class PureGrader(NamedTuple):
    """A grader that compares two texts; what that costs is estimated where it may be much."""

    name: str
    grade: Grade
    estimate: Estimate | None


class OpenGrader(NamedTuple):
    """A grader that takes its time."""

    name: str
    grader: Grader


class Graders(NamedTuple):
    """All graders of a harness, and what an example is held to."""

    pure: Sequence[PureGrader]
    open: Sequence[OpenGrader]
    marks: Marks


class Grades(NamedTuple):
    """Scores by grader, what they tell beside it, and why the others gave none."""

    scores: dict[str, float]
    details: dict[str, object]
    errors: dict[str, str]


def make_answered(
    suite: str, harness: str, secrets: Secrets, asked: AskedRow, answer: Answer
) -> ExampleAnswered | None:
    """Tell the answer by itself; None where the model gave none. Secrets are replaced first."""
    if answer.reply is None:
        return None
    output, replaced = secrets.replace(answer.reply.output)
    return ExampleAnswered(
        suite=suite,
        harness=harness,
        example=asked.example.id,
        repeat=asked.repeat,
        row=asked.row,
        output=output,
        latency_ms=answer.latency_ms,
        attempts=answer.attempts,
        usage=answer.reply.usage,
        secrets=list(replaced),
    )


def make_failed(suite: str, harness: str, secrets: Secrets, asked: AskedRow, answer: Answer) -> ExampleScored:
    """Tell that the model gave no answer; of what it said, no more than is shown, without secrets."""
    failure = answer.error or ModelError("no answer")
    said, replaced = secrets.replace(failure.said)
    return ExampleScored(
        suite=suite,
        harness=harness,
        example=asked.example.id,
        repeat=asked.repeat,
        row=asked.row,
        output=None,
        scores={},
        passed=False,
        latency_ms=answer.latency_ms,
        attempts=answer.attempts,
        error=secrets.replace(failure.tell(said))[0],
        secrets=list(replaced),
    )


def make_scored(answered: ExampleAnswered, grades: Grades, passed: bool, *, recorded: bool) -> ExampleScored:
    """Tell the grades of an answer, and the answer too unless it was `recorded` before."""
    whole = ExampleScored(
        suite=answered.suite,
        harness=answered.harness,
        example=answered.example,
        repeat=answered.repeat,
        row=answered.row,
        scores=grades.scores,
        passed=passed,
        output=answered.output,
        latency_ms=answered.latency_ms,
        attempts=answered.attempts,
        usage=answered.usage,
        errors=grades.errors,
        details=grades.details,
        secrets=answered.secrets,
    )
    if not recorded:
        return whole
    return replace(whole, output=UNSET, latency_ms=UNSET, attempts=UNSET, usage=None, secrets=[])


async def grade(graders: Graders, asked: Asked) -> Grades:
    """Ask every grader; one that fails does not keep the others from scoring."""
    grades = Grades({}, {}, {})
    for pure in graders.pure:
        try:
            if pure.estimate and pure.estimate(asked.expected, asked.output) >= MUCH_WORK:
                score = await asyncio.to_thread(pure.grade, asked.expected, asked.output)
            else:
                score = pure.grade(asked.expected, asked.output)
        except GraderError as error:
            grades.errors[pure.name] = str(error)
        else:
            grades.scores[pure.name] = score
    if graders.open:
        results = await asyncio.gather(*(_ask(one, asked) for one in graders.open))
        for one, result in zip(graders.open, results, strict=True):
            _note(grades, one.name, result)
    return grades


def without_secrets(grades: Grades, secrets: Secrets) -> Grades:
    """Replace secrets in what graders tell: a user's own sees the environment, a judge may repeat what it was sent."""
    if not grades.details and not grades.errors:
        return grades
    errors = {name: secrets.replace(error)[0] for name, error in grades.errors.items()}
    return Grades(grades.scores, {name: _clean(detail, secrets) for name, detail in grades.details.items()}, errors)


def _clean(detail: object, secrets: Secrets) -> object:
    text, replaced = secrets.replace(msgspec.json.encode(detail).decode())
    return msgspec.json.decode(text) if replaced else detail


async def _ask(grader: OpenGrader, asked: Asked) -> Graded | GraderError:
    try:
        return await grader.grader.grade(asked)
    except GraderError as error:
        return error


def _note(grades: Grades, name: str, result: Graded | GraderError) -> None:
    if isinstance(result, GraderError):
        grades.errors[name] = str(result)
        return
    grades.scores[name] = result.score
    if result.detail is not None:
        grades.details[name] = result.detail
