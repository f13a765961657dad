"""One asking, from the model's answer to the recorded score."""

from functools import partial

from domain import codec
from domain.errors import LogUnreadable
from domain.events import Event, ExampleAnswered, ExampleScored
from domain.graded import Asked
from domain.run import Run, record_answer, record_score
from service.execution.attempts import Service
from service.execution.grading import grade, make_answered, make_failed, make_scored, without_secrets
from service.execution.jobs import Job
from service.execution.old_runs import OldOutputs
from service.execution.rows import AskedRow
from service.execution.world import World


class Scorer:
    """Asks, grades and records for one run. Raises Stopping instead of making a call once the server stops."""

    def __init__(self, world: World, run_id: str) -> None:
        self._world = world
        self._run_id = run_id

    async def score(self, job: Job, asked: AskedRow) -> None:
        """Bring one asking to its recorded score.

        Where a grader takes its time, the answer is recorded first: a crash in between never asks the model again.
        """
        recorded = asked.answered > 0
        answered = await self._recall(asked.answered) if recorded else await self._answer(job, asked)
        if answered is None:
            return
        if job.graders.open and not recorded:
            await self._world.writer.insist(self._run_id, partial(_record_answer, answered))
            recorded = True
        example = asked.example
        full = Asked(example.input, example.expected, answered.output, example.metadata)
        grades = without_secrets(await grade(job.graders, full), job.secrets)
        passed = job.graders.marks.passes(grades.scores)
        await self._record(make_scored(answered, grades, passed, recorded=recorded))

    async def _answer(self, job: Job, asked: AskedRow) -> ExampleAnswered | None:
        """Ask the model, or look up what it said in the old run; where there is no answer, record that."""
        source = job.source
        outcome = await (source.find(asked) if isinstance(source, OldOutputs) else self._ask(job, source, asked))
        if isinstance(outcome, ExampleAnswered):
            return outcome
        await self._record(outcome)
        return None

    async def _ask(self, job: Job, service: Service, asked: AskedRow) -> ExampleAnswered | ExampleScored:
        answer = await service.answer(asked.example.input, self._run_id)
        answered = make_answered(job.suite, job.harness, job.secrets, asked, answer)
        return answered or make_failed(job.suite, job.harness, job.secrets, asked, answer)

    async def _recall(self, version: int) -> ExampleAnswered:
        body = await self._world.log.read_body(self._run_id, version)
        event = codec.decode("example_answered", body)
        if not isinstance(event, ExampleAnswered):
            raise LogUnreadable
        return event

    async def _record(self, scored: ExampleScored) -> None:
        await self._world.writer.insist(self._run_id, partial(_record_score, scored))


def _record_answer(answered: ExampleAnswered, run: Run, _at: str) -> list[Event]:
    return record_answer(run, answered)


def _record_score(scored: ExampleScored, run: Run, _at: str) -> list[Event]:
    return record_score(run, scored)
