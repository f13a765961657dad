"""Which example a free worker asks next."""

from collections import deque
from collections.abc import Sequence

from service.execution.jobs import Job
from service.execution.rows import AskedRow


class Lane:
    """Harnesses that share `workers` workers, by turns."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        self.workers = workers
        self._jobs = deque(jobs)

    async def is_left(self) -> bool:
        """Whether there is an example to take."""
        return any([await job.rows.is_left() for job in self._jobs])

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
