"""The composition root: builds everything from settings, and closes it again in the right order."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from domain.times import stamp
from projections.views import Views
from service.api.asgi import App
from service.api.backend import Api
from service.api.event_pages import EventPages
from service.api.kept import KeptDocuments
from service.execution.cancelling import Canceller
from service.execution.idempotency import Keys
from service.execution.old_runs import FindLog, OldRuns
from service.execution.pace import Paces
from service.execution.queue import Limits, Queue
from service.execution.regrading import Regrader
from service.execution.runner import Runner
from service.execution.shares import Runs, Shares
from service.execution.slots import CallSlots
from service.execution.starting import Starter
from service.execution.world import World
from service.files.config import ConfigFiles, secret_names
from service.log.address import LogAddress, PostgresUrl
from service.log.checkpoint_file import find_checkpoint
from service.log.event_log import EventLog
from service.log.opening import open_log
from service.log.signing import load_signer
from service.measures import Measures
from service.models.message import Send
from service.models.transport import Transport
from service.news import News
from service.past import PastRuns
from service.results import ResultReader
from service.suites import GivenConfig, OwnConfig
from service.writer import Writer


class Settings(NamedTuple):
    """What a service is started with. `local_names` are the hosts a keyless server answers to, None for any.

    With `given`, `config` was made for one command and is not read again. Runs to grade anew are in `db`, or where
    `find_log` finds them.
    """

    config: ConfigFiles
    root: Path
    db: LogAddress
    key: str | None
    local_names: list[str] | None
    limits: Limits
    environment: Mapping[str, str]
    given: bool = False
    find_log: FindLog | None = None


class Work(NamedTuple):
    """What brings runs to their end, from `begin` to `stop`: `unfinished` names those that the last process left."""

    runs: Runs
    unfinished: list[str]
    begin: Callable[[], None]
    stop: Callable[[], Awaitable[None]]


class Service:
    """A service over an open log. `unfinished` names the runs that the last process left, where only one writes."""

    def __init__(self, settings: Settings, api: Api, world: World, work: Work) -> None:
        self.writer = world.writer
        self.views = api.views
        self.results = api.results
        self.starter = api.starter
        self.regrader = api.regrader
        self.news = api.news
        self.unfinished = work.unfinished
        self._settings = settings
        self._api = api
        self._world = world
        self._work = work

    @cached_property
    def app(self) -> App:
        """The HTTP application. Its framework is imported only here: a command that serves nothing does without."""
        from service.api.app import create_app

        return create_app(self._api, key=self._settings.key, local_names=self._settings.local_names)

    def resume(self) -> None:
        """Go on with the runs that the last process left."""
        self._world.log.crash_told = True
        self._work.begin()

    async def stop(self) -> None:
        """Let nobody wait any more, and make no new model call; record what is in flight, within a limit."""
        self.news.close()
        self._world.stopping.set()
        await self._work.stop()


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_service(
    settings: Settings,
    clock: Callable[[], datetime] = _now,
    draw: Callable[[int], int] = secrets.randbelow,
    send: Send | None = None,
) -> AsyncIterator[Service]:
    """Open the log and build the service over it; stops and closes it at the end.

    The log's errors: LogInUse, LogUnreadable, LogContradicted, LogUnavailable. InvalidFiles where the key that signs
    its checkpoints can't be used.
    """
    async with AsyncExitStack() as stack:
        checkpoint = find_checkpoint(settings.db, settings.environment)
        log = await open_log(settings.db, stamp(clock()), load_signer(settings.environment), checkpoint=checkpoint)
        stack.push_async_callback(log.close)
        views = Views()
        measures = Measures()
        writer = Writer(log, views, clock, measures)
        await writer.open()
        stack.push_async_callback(writer.close)
        if send is None:
            transport = Transport()
            stack.push_async_callback(transport.aclose)
            send = transport.send
        paces = await _open_paces(settings, stack)
        results = ResultReader(log, views)
        old_runs = OldRuns(log, results, settings.find_log)
        world = _make_world(settings, log, writer, measures, old_runs, paces, send, draw)
        if isinstance(settings.db, PostgresUrl):
            work = await _share(settings.db, settings, world, stack)
        else:
            work = _carry(settings, world, views)
        service = _build(settings, world, work, views, results, clock)
        stack.push_async_callback(service.stop)
        yield service


async def _open_paces(settings: Settings, stack: AsyncExitStack) -> Paces:
    """Processes that write one log share the paces of services."""
    if not isinstance(settings.db, PostgresUrl):
        return Paces(settings.environment)
    from service.execution.shared_paces import SharedPaces

    paces = await SharedPaces.open(settings.db, settings.environment, secrets.token_hex(8))
    stack.push_async_callback(paces.close)
    return paces


def _make_world(
    settings: Settings,
    log: EventLog,
    writer: Writer,
    measures: Measures,
    old_runs: OldRuns,
    paces: Paces,
    send: Send,
    draw: Callable[[int], int],
) -> World:
    return World(
        log=log,
        writer=writer,
        old_runs=old_runs,
        slots=CallSlots(settings.limits.model_calls),
        measures=measures,
        paces=paces,
        send=send,
        environment=settings.environment,
        root=settings.root,
        process=f"pid {os.getpid()} on {socket.gethostname()}",
        stopping=asyncio.Event(),
        draw=draw,
        secret_names=secret_names(settings.config),
    )


def _carry(settings: Settings, world: World, views: Views) -> Work:
    """Carry whole runs, where this process alone writes the log."""

    async def carry(run_id: str, taken_over: bool) -> None:
        await Runner(world, run_id, taken_over).carry()

    def begin() -> None:
        for run_id in unfinished:
            queue.put(run_id, taken_over=True)

    queue = Queue(carry, settings.limits)
    unfinished = views.listing.unfinished()
    world.writer.on_found = queue.put
    return Work(queue, unfinished, begin, queue.stop)


async def _share(address: PostgresUrl, settings: Settings, world: World, stack: AsyncExitStack) -> Work:
    """Take shares of runs, beside other processes."""
    from service.execution.keeper import Keeper
    from service.sharing.engine import open_engine

    engine = await open_engine(address, world.log)
    stack.push_async_callback(engine.close)
    shares = Shares(world, settings.limits)
    keeper = Keeper(world, shares, engine, settings.limits.model_calls)
    return Work(shares, [], keeper.begin, keeper.stop)


def _build(
    settings: Settings,
    world: World,
    work: Work,
    views: Views,
    results: ResultReader,
    clock: Callable[[], datetime],
) -> Service:
    news = News()
    views.watchers += [news.tell, world.measures.note]
    world.writer.on_gone = work.runs.drop
    own = GivenConfig if settings.given else OwnConfig
    config = own(settings.config.path, settings.config)
    starter = Starter(world, work.runs, config, clock, Keys(views.keyed))
    api = Api(
        views,
        results,
        PastRuns(world.log),
        starter,
        Regrader(world, work.runs, starter, config.path),
        Canceller(world, work.runs),
        config,
        world.log,
        asyncio.Lock(),
        asyncio.Lock(),
        news,
        EventPages(world.log),
        KeptDocuments(),
        world,
        work.runs,
    )
    return Service(settings, api, world, work)
