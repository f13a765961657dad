"""Shares of runs handed out to processes, by procrastinate: a job is to work on one share.

A job tells who is to work on what, never what was done: that is in the log. Handing a share out twice is harmless.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, Self

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from psycopg import AsyncConnection

from domain.errors import LogUnavailable
from domain.share import MOST_CALLS, Outcome, Share
from service.log.address import PostgresUrl
from service.log.event_log import EventLog
from service.log.postgres.connection import conninfo, lock_key
from service.log.postgres.event_log import PostgresLog
from service.sharing.connecting import SETTINGS, prepare
from service.sharing.jobs import HANDED_ON, SHARES, GivenBack, NotDone, job_of, share_of
from service.sharing.patience import STALLED_SECONDS, PatientManager

logger = logging.getLogger("matchspec.work")

logging.getLogger("procrastinate").setLevel(logging.CRITICAL)  # what fails here is told by us

UNREACHABLE = (ConnectorException, psycopg.Error)
"""What is raised while the database is away, unless something else is said."""

ALIVE_SECONDS = 2.0
LOOK_SECONDS = 1.0
"""How often a process with nothing to do looks for shares that were given back, of which nobody notifies."""
STOP_SECONDS = 5.0
PATIENT_SECONDS = 10.0
"""So long a run waits that all who are there refuse: another process may be about to start."""

_RANK = """
UPDATE procrastinate_jobs AS job SET priority = -completed
FROM (
    SELECT id, completed FROM procrastinate_jobs
    JOIN unnest(%(runs)s::text[], %(completed)s::integer[]) AS run(run_id, completed) ON args->'share'->>0 = run_id
    WHERE status = 'todo' AND priority > -completed
    FOR UPDATE OF procrastinate_jobs SKIP LOCKED
) AS stale WHERE stale.id = job.id
"""
_WAITING = """
SELECT args->'share'->>0 AS run_id FROM procrastinate_jobs AS job
WHERE status = 'todo' AND queue_name = ANY(%(queues)s) AND (scheduled_at IS NULL OR scheduled_at <= now())
  AND NOT EXISTS (SELECT FROM procrastinate_jobs AS other WHERE other.lock = job.lock AND other.status = 'doing')
  AND NOT EXISTS (SELECT FROM refusals AS own WHERE own.run_id = args->'share'->>0 AND own.worker = %(worker)s)
ORDER BY priority DESC LIMIT %(most)s
"""
_HAVE_JOBS = "SELECT id FROM procrastinate_jobs WHERE lock = ANY(%(names)s)"  # those that are done are deleted
_REFUSE = """
INSERT INTO refusals (run_id, worker, lacks) VALUES (%(run_id)s, %(worker)s, %(lacks)s)
ON CONFLICT (run_id, worker) DO UPDATE SET lacks = excluded.lacks, said = now()
"""
_REFUSED_BY_ALL = """
SELECT array_agg(DISTINCT refused.lacks) AS lacks
FROM procrastinate_workers AS worker LEFT JOIN refusals AS refused ON refused.worker = worker.id AND run_id = %(run_id)s
WHERE last_heartbeat > now() - %(stalled)s * interval '1 second'
HAVING bool_and(refused.worker IS NOT NULL) AND min(since) < now() - %(patient)s * interval '1 second' AND NOT EXISTS (
    SELECT FROM procrastinate_jobs
    WHERE args->'share'->>0 = %(run_id)s AND status = 'doing' AND worker_id IS DISTINCT FROM %(worker)s
)
"""


class Taken(NamedTuple):
    """A share that this process is to work on, as which worker; `handed_on` by a process that ended."""

    share: Share
    worker: int
    handed_on: bool


class Engine:
    """The shares that wait, and those that processes work on."""

    def __init__(self, address: PostgresUrl) -> None:
        connector = PsycopgConnector(
            conninfo=conninfo(address),
            min_size=1,
            max_size=4,
            timeout=5.0,
            configure=_configure,
        )
        self._address = address
        self._app = App(connector=connector)
        self._manager = self._app.job_manager = PatientManager(connector)
        self._manager.on_late = self._let_go
        self._manager.on_taken = self._note_taken
        self._manager.may_take = lambda: not self.full
        self._connector = connector
        self._app.task(name="work", pass_context=True, queue=SHARES, retry=GivenBack())(self._work)
        self._at_work: dict[int, Job] = {}
        self._strays: set[int] = set()
        self._calls = 0
        self._worker: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, address: PostgresUrl) -> Self:
        """Connect, with the tables in place. LogUnavailable, LogUnreadable."""
        await prepare(address)
        engine = cls(address)
        try:
            await engine._app.open_async()
        except ConnectorException as error:
            raise LogUnavailable(f"can't share out work in {address}") from error
        return engine

    async def mend(self, error: Exception) -> None:
        """Make the tables again where a fault says that they are gone. LogUnavailable, LogUnreadable."""
        if isinstance(error.__cause__, psycopg.errors.UndefinedTable):
            await prepare(self._address)
            logger.warning("the schema matchspec_work was gone, and is made again")

    async def close(self) -> None:
        """Close all connections."""
        await self._app.close_async()

    @property
    def full(self) -> bool:
        """Whether the shares that this process has make about as many calls at once as it may make."""
        free = self._calls - sum(share_of(job).calls for job in self._at_work.values())
        return free < MOST_CALLS - 1 and (bool(self._at_work) or not self._calls)

    def begin(self, take: Callable[[Taken], Awaitable[Outcome]], lose: Callable[[Share], None], calls: int) -> None:
        """Take shares for so many calls at once, until `stop`. `lose` is called for each that another process has."""
        self._take, self._lose, self._calls = take, lose, calls
        self._worker = asyncio.create_task(self._take_for_ever(), name="taking shares")

    async def stop(self) -> None:
        """Take no more shares, and wait until those at work are given back."""
        self._manager.stop()
        if self._worker:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def hand_out(self, connection: AsyncConnection, shares: Sequence[Share]) -> None:
        """Let processes take shares once the transaction of a connection is committed. psycopg's errors."""
        jobs = [job_of(share) for share in shares]
        try:
            await self._manager.batch_defer_jobs_async(jobs, connection=connection)
        except ConnectorException as error:
            cause = error.__cause__
            raise cause if isinstance(cause, psycopg.Error) else psycopg.Error(str(error)) from error

    async def hand_out_again(self, shares: Sequence[Share]) -> None:
        """Hand out the shares of a run, unless one of them waits or is worked on: then the run is not lost."""
        names = [share.name for share in shares]
        if not await self._connector.execute_query_all_async(_HAVE_JOBS, names=names):
            jobs = [job_of(share).evolve(queue=HANDED_ON) for share in shares]
            await self._manager.batch_defer_jobs_async(jobs)

    async def rank(self, completed: Mapping[str, int]) -> None:
        """Let the shares of runs wait behind those of runs that are less far: so many askings are recorded of each."""
        await self._connector.execute_query_async(_RANK, runs=[*completed], completed=[*completed.values()])

    async def waiting(self, most: int) -> list[str]:
        """Name the runs of the next shares that wait and that this process can take; twice where two of a run do."""
        values = {"queues": [SHARES, HANDED_ON], "worker": self._manager.worker_id, "most": most}
        return [row["run_id"] for row in await self._connector.execute_query_all_async(_WAITING, **values)]

    async def find_stalled(self) -> dict[int, Share]:
        """Shares of processes that are dead, or seem so, by the numbers of their jobs."""
        jobs = await self._manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS)
        return {job.id: share_of(job) for job in jobs if job.id is not None}

    async def hand_on(self, numbers: Sequence[int]) -> None:
        """Give shares to others that nobody works on."""
        for number in numbers:
            await self._connector.execute_query_async(
                "SELECT procrastinate_retry_job_v2(id, now(), NULL, %(queue)s::varchar, NULL)"
                " FROM procrastinate_jobs WHERE id = %(number)s AND status = 'doing'",
                number=number,
                queue=SHARES,
            )

    async def give_back_strays(self) -> None:
        """Give back what this process has by the tables and, at two looks, does not know of.

        An answer that was lost with its connection may have given it a job, and a crash of the database may have
        forgotten that it gave one back: nobody else would take it as long as this process lives.
        """
        strays = await self._manager.find_own() - self._at_work.keys()
        twice, self._strays = strays & self._strays, strays
        await self.hand_on(sorted(twice))

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        """Tell whether no other process is within such a block at this time."""
        async with self._connector.pool.connection() as connection, connection.transaction():
            found = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock_key("hand on"),))
            yield await found.fetchone() == (True,)

    async def refuse(self, taken: Taken, lacks: Sequence[str]) -> list[str]:
        """Note that this process can't take a run; once all that live have said so for a while, what they lack."""
        run_id = taken.share.run_id
        values: dict[str, object] = {"run_id": run_id, "worker": taken.worker, "lacks": "; ".join(lacks)}
        await self._connector.execute_query_async(_REFUSE, **values)
        values |= {"stalled": STALLED_SECONDS, "patient": PATIENT_SECONDS}
        rows = await self._connector.execute_query_all_async(_REFUSED_BY_ALL, **values)
        return [lack for row in rows for lack in row["lacks"]]

    async def forget_refusals(self, run_ids: Iterable[str]) -> None:
        """Forget who can't take runs that are over."""
        await self._connector.execute_query_async(
            "DELETE FROM refusals WHERE run_id = ANY(%(run_ids)s)", run_ids=[*run_ids]
        )

    async def _take_for_ever(self) -> None:
        while not self._manager.stopping:
            self._at_work.clear()
            try:
                await self._app.run_worker_async(
                    queues=[SHARES, HANDED_ON],
                    name="matchspec",
                    concurrency=self._calls,
                    fetch_job_polling_interval=LOOK_SECONDS,
                    abort_job_polling_interval=3600,
                    shutdown_graceful_timeout=STOP_SECONDS,
                    install_signal_handlers=False,
                    update_heartbeat_interval=ALIVE_SECONDS,
                )
            except Exception:
                logger.exception("taking shares failed; it is begun again")
            else:
                logger.error("the engine takes no shares any more; it is begun again")
            await asyncio.sleep(LOOK_SECONDS)

    async def _work(self, context: JobContext, /, **_arguments: object) -> None:
        job = context.job
        taken = Taken(share_of(job), job.worker_id or 0, job.queue == HANDED_ON)
        try:
            outcome = await self._take(taken)
        except (LogUnavailable, *UNREACHABLE):
            raise  # whoever found that the database is away has said so
        except Exception:
            logger.exception("a share of run %s could not be worked on; it is given back", taken.share.run_id)
            raise
        finally:
            if self._at_work.get(job.id or 0) is job:
                del self._at_work[job.id or 0]
        if outcome is not None:
            raise NotDone(outcome)

    def _note_taken(self, job: Job) -> None:
        """Note what this process has. It has it anew where it was taken for dead and nobody else took it."""
        if job.id in self._at_work:
            self._lose(share_of(job))
        self._at_work[job.id or 0] = job

    def _let_go(self, has: set[int]) -> None:
        """After a silence: others may have what this process was working on."""
        for number, job in list(self._at_work.items()):
            if number not in has:
                self._lose(share_of(job))


async def open_engine(address: PostgresUrl, log: EventLog) -> Engine:
    """Open the engine beside a log in the same database, whose appends hand shares out."""
    engine = await Engine.open(address)
    if isinstance(log, PostgresLog):
        log.hand_out = engine.hand_out
    return engine


async def _configure(connection: AsyncConnection) -> None:
    await connection.set_autocommit(True)
    await connection.execute(SETTINGS)
