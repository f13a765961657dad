"""procrastinate's way to the database, made to wait while that is away, and to let go of jobs that others have."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar

import psycopg
from procrastinate import jobs
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager, NotificationCallback
from procrastinate.utils import utcnow

from service.log.postgres.connection import unavailable

logger = logging.getLogger("matchspec.work")

T = TypeVar("T")

RETRY_SECONDS = 1.0
LAST_SECONDS = 1.0
STALLED_SECONDS = 7.0
"""A process that gave no sign of life for so long is taken for dead."""

AGAIN_SECONDS = 3.0
"""So long a process takes no share of a run that it refused: others come first."""

_TAKE = """
UPDATE procrastinate_jobs AS taken SET status = 'doing', worker_id = %(worker_id)s
FROM (
    SELECT id FROM procrastinate_jobs AS job
    WHERE status = 'todo' AND queue_name = ANY(%(queues)s) AND (scheduled_at IS NULL OR scheduled_at <= now())
      AND NOT EXISTS (
          SELECT FROM procrastinate_jobs AS other
          WHERE other.lock = job.lock AND (
              other.status = 'doing' OR other.status = 'todo' AND (-other.priority, other.id) < (-job.priority, job.id)
          )
      )
      AND NOT EXISTS (
          SELECT FROM refusals
          WHERE run_id = args->'share'->>0 AND worker = %(worker_id)s AND said > now() - %(again)s * interval '1 second'
      )
    ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED
) AS next WHERE taken.id = next.id RETURNING taken.*
"""
_OWN = """
FROM procrastinate_jobs
WHERE id = %(job_id)s AND worker_id = %(worker_id)s AND status = 'doing' AND attempts = %(attempts)s
"""
_FINISH = f"SELECT procrastinate_finish_job_v1(id, %(status)s::procrastinate_job_status, true) {_OWN}"
_RETRY = f"""
SELECT procrastinate_retry_job_v2(
    id, now() + %(seconds)s * interval '1 second', %(priority)s::integer, %(queue)s::varchar, %(lock)s::varchar
) {_OWN}
"""
_ALIVE = """
INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE VALUES (%(worker_id)s, now())
ON CONFLICT (id) DO UPDATE SET last_heartbeat = now()
"""
_HAS = "SELECT id FROM procrastinate_jobs WHERE worker_id = %(worker_id)s AND status = 'doing'"


class PatientManager(JobManager):
    """A worker's job manager.

    `on_late` is called with what the worker still has, once it was taken for dead; `on_taken` with each job that it
    takes, which it does while `may_take`.
    """

    on_late: Callable[[set[int]], None]
    on_taken: Callable[[jobs.Job], None]
    may_take: Callable[[], bool]
    stopping = False
    worker_id = 0
    _seen_alive = 0.0
    _notify: NotificationCallback | None = None
    _failing = False

    def __init__(self, connector: BaseConnector) -> None:
        super().__init__(connector)
        self._limits: set[asyncio.Timeout] = set()

    def stop(self) -> None:
        """Wait for no answer any more, or not for long."""
        self.stopping = True
        for limit in self._limits:
            limit.reschedule(asyncio.get_running_loop().time() + LAST_SECONDS)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> jobs.Job | None:
        """Take the next job, but none of a run that this worker has just refused."""
        if not self.may_take():
            return None
        values = {"queues": list(queues or ()), "worker_id": worker_id, "again": AGAIN_SECONDS}
        nothing: list[dict[str, Any]] = []
        rows = await self._patiently(lambda: self.connector.execute_query_all_async(_TAKE, **values), nothing)
        if not rows:
            return None
        job = jobs.Job.from_row(rows[0])
        self.on_taken(job)
        return job

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:
        """Delete a job that is done, unless another process has it now."""
        await self._execute(_FINISH, **_which(job), status=status.value)
        await self._look_for_next()

    async def retry_job(
        self,
        job: jobs.Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Give a job back, unless another process has it now. The wait is the database's, whatever clocks say."""
        seconds = max(0.0, (retry_at - utcnow()).total_seconds()) if retry_at else 0.0
        await self._execute(_RETRY, **_which(job), seconds=seconds, priority=priority, queue=queue, lock=lock)
        await self._look_for_next()

    async def register_worker(self) -> int:
        """Begin."""
        self.worker_id = await self._patiently(super().register_worker, 0)
        self._seen_alive = monotonic()
        return self.worker_id

    async def unregister_worker(self, worker_id: int) -> None:
        """End."""
        await self._patiently(lambda: super(PatientManager, self).unregister_worker(worker_id), None)

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Forget the dead."""
        return await self._patiently(
            lambda: super(PatientManager, self).prune_stalled_workers(seconds_since_heartbeat), []
        )

    async def update_heartbeat(self, worker_id: int) -> None:
        """Give a sign of life; after a silence, look what is still ours."""
        await self._execute(_ALIVE, worker_id=worker_id)
        silent = monotonic() - self._seen_alive
        self._seen_alive = monotonic()
        if silent > STALLED_SECONDS:
            self.on_late(await self._patiently(self.find_own, set()))

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Hear of jobs that are handed out."""
        self._notify = on_notification
        await self._patiently(
            lambda: super(PatientManager, self).listen_for_jobs(on_notification=on_notification, queues=queues), None
        )

    async def _look_for_next(self) -> None:
        """There may be room for a job again: the worker looks as if it had been told of one."""
        if self._notify:
            await self._notify(channel="", notification={"type": "job_inserted", "job_id": 0})

    async def find_own(self) -> set[int]:
        """Name the jobs that this worker has by the tables."""
        rows = await self.connector.execute_query_all_async(_HAS, worker_id=self.worker_id)
        return {row["id"] for row in rows}

    async def _execute(self, query: str, **values: object) -> None:
        await self._patiently(lambda: self.connector.execute_query_async(query, **values), None)

    async def _patiently(self, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """Call until it works; once the worker stops, once, and not for long: the dead are found by their silence."""
        while True:
            try:
                answer = await self._within_limit(call)
            except (ConnectorException, TimeoutError) as error:
                self._say(error)
                if self.stopping:
                    return otherwise
            else:
                self._say(None)
                return answer
            await asyncio.sleep(RETRY_SECONDS)

    async def _within_limit(self, call: Callable[[], Awaitable[T]]) -> T:
        async with asyncio.timeout(LAST_SECONDS if self.stopping else None) as limit:
            self._limits.add(limit)
            try:
                return await call()
            finally:
                self._limits.remove(limit)

    def _say(self, error: Exception | None) -> None:
        """Tell once that the tables can't be used, and once that they can again."""
        if error and not self._failing:
            cause = error.__cause__
            reason = unavailable("shares of runs can't be had", cause) if isinstance(cause, psycopg.Error) else error
            logger.error("%s", reason)
        elif self._failing and not error:
            logger.warning("shares of runs can be had again")
        self._failing = error is not None


def _which(job: jobs.Job) -> dict[str, object]:
    return {"job_id": job.id, "worker_id": job.worker_id, "attempts": job.attempts}
