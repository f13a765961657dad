"""One asking, from the model's answer to the recorded score."""

from functools import partial
from time import monotonic

from domain import codec
from domain.errors import LogUnreadable, ModelError
from domain.events import Event, ExampleAnswered, ExampleScored
from domain.graded import Asked
from domain.run import Run, record_answer, record_score
from service.execution.attempts import ask_patiently
from service.execution.grading import grade, make_answered, make_failed, make_scored, without_secrets
from service.execution.jobs import Job, Service
from service.execution.old_runs import OldOutputs
from service.execution.rows import AskedRow
from service.execution.world import World


class Stopping(Exception):
    """The server stops: no new call."""


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
        slot = partial(_Attempt, self._world, service, self._run_id)
        answer = await ask_patiently(service.ask, asked.example.input, service.patience, slot)
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


class _Attempt:
    """Holds what an attempt needs: first the service's pace, so that waiting for it takes no slot of the server."""

    __slots__ = ("_began", "_calls", "_falls", "_pace", "_run_id", "_world")

    def __init__(self, world: World, service: Service, run_id: str) -> None:
        self._world = world
        self._pace = service.pace
        self._calls = service.calls
        self._run_id = run_id
        self._falls = 0
        self._began = 0.0

    async def __aenter__(self) -> None:
        if self._pace:
            self._falls = await self._pace.acquire(self._run_id)
        try:
            await self._world.slots.acquire(self._run_id)
        except BaseException as error:
            self._leave_pace(error)
            raise
        if self._world.stopping.is_set():
            stopping = Stopping()
            await self.__aexit__(Stopping, stopping, None)
            raise stopping
        self._began = monotonic()

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._world.slots.release(self._run_id)
        self._leave_pace(error)
        if error is None or isinstance(error, ModelError):
            self._calls.note(monotonic() - self._began, failed=error is not None)

    def _leave_pace(self, error: BaseException | None) -> None:
        if self._pace:
            self._pace.release(self._run_id, self._falls, error)


def _record_answer(answered: ExampleAnswered, run: Run, _at: str) -> list[Event]:
    return record_answer(run, answered)


def _record_score(scored: ExampleScored, run: Run, _at: str) -> list[Event]:
    return record_score(run, scored)
