"""The composition root: builds everything from settings, and closes it again in the right order."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from domain.times import stamp
from projections.views import Views
from service.api.app import Api, create_app
from service.api.guard import App
from service.execution.queue import Limits, Queue
from service.execution.runner import Runner, World
from service.execution.slots import CallSlots
from service.execution.starting import Starter
from service.files.config import ConfigFiles
from service.log.event_log import EventLog
from service.models.transport import open_transport
from service.results import ResultReader
from service.suites import OwnConfig
from service.writer import Writer


class Settings(NamedTuple):
    """What a server is started with. `local_names` are the hosts a keyless server answers to, None for any."""

    config: ConfigFiles
    root: Path
    db: Path
    key: str | None
    local_names: list[str] | None
    limits: Limits
    environment: Mapping[str, str]


class Service:
    """A running service. `resumed` names the runs it took over."""

    def __init__(self, app: App, writer: Writer, runner: Runner, queue: Queue, resumed: list[str]) -> None:
        self.app = app
        self.writer = writer
        self.resumed = resumed
        self._runner = runner
        self._queue = queue

    async def stop(self) -> None:
        """Make no new model call; record what is in flight, within a limit."""
        self._runner.stop()
        await self._queue.stop()


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_service(
    settings: Settings,
    clock: Callable[[], datetime] = _now,
    draw: Callable[[int], int] = secrets.randbelow,
) -> AsyncIterator[Service]:
    """Open the log, resume what is unfinished, and give the service; stops and closes it at the end."""
    log = await EventLog.open(settings.db, stamp(clock()))
    try:
        views = Views()
        writer = Writer(log, views, clock)
        await writer.open()
        transport = open_transport()
        try:
            process = f"pid {os.getpid()} on {socket.gethostname()}"
            slots = CallSlots(settings.limits.model_calls)
            world = World(log, writer, slots, transport, settings.environment, settings.root, process)
            runner = Runner(world)
            queue = Queue(runner.carry, settings.limits)
            starter = Starter(world, queue, settings.config.path, clock, draw)
            api = Api(views, ResultReader(log, views), starter, OwnConfig(settings.config.path, settings.config))
            resumed = views.listing.unfinished()
            for run_id in resumed:
                queue.put(run_id, taken_over=True)
            app = create_app(api, key=settings.key, local_names=settings.local_names)
            service = Service(app, writer, runner, queue, resumed)
            try:
                yield service
            finally:
                await service.stop()
        finally:
            await transport.aclose()
            await writer.close()
    finally:
        await log.close()
