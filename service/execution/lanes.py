"""Which example a free worker asks next."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from domain.secrets import Secrets
from service.execution.attempts import Patience
from service.execution.grading import NamedGrader
from service.execution.rows import AskedRow, Rows
from service.models.model import Ask


class Job(NamedTuple):
    """A harness at work: whom to ask, how to grade, and what is left to ask."""

    suite: str
    harness: str
    ask: Ask
    patience: Patience
    graders: Sequence[NamedGrader]
    secrets: Secrets
    rows: Rows
    workers: int


class Lane:
    """Harnesses that share `workers` workers, by turns."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        self.workers = workers
        self._jobs = deque(jobs)

    async def take(self) -> tuple[Job, AskedRow] | None:
        """Take the next example of the harness whose turn it is; None when none is left."""
        while self._jobs:
            job = self._jobs[0]
            self._jobs.rotate(-1)
            asked = await job.rows.take()
            if asked:
                return job, asked
            if job in self._jobs:
                self._jobs.remove(job)
        return None


def make_lanes(jobs: Sequence[Job], concurrency: int | None) -> list[Lane]:
    """Lay out a run: one lane for all harnesses where the request bounds it, else one for each."""
    if concurrency is not None:
        return [Lane(jobs, concurrency)]
    return [Lane([job], job.workers) for job in jobs]
