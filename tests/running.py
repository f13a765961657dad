"""A service inside the test: its whole composition over a log in a file, asking a model that is a Python function."""

import asyncio
import json
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from over_httpx import sending_to

from service.bootstrap import Service, Settings, open_service
from service.execution.queue import Limits
from service.files.config import read_config
from service.log.address import LogAddress
from service.models.message import Send

Document = dict[str, Any]
Answer = Callable[[str], Awaitable[str | httpx.Response]]

HTTP: Document = {"type": "http", "endpoint": "http://model.test/ask"}
"""The `model` of a harness file that asks the fake model. Its reply's body is the output."""

OVER_SECONDS = 30


class FakeModel(httpx.AsyncBaseTransport):
    """Answers every model call of a service; `answer` turns an input into an output, a response or an httpx error.

    `asked` holds the inputs in the order of the calls, `peak` the most calls it ever saw at once.
    """

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or say_it_again
        self.asked: list[str] = []
        self.in_flight = 0
        self.peak = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Take one call."""
        text = json.loads(await request.aread())["input"]
        self.asked.append(text)
        with self._counted():
            reply = await self.answer(text)
        return reply if isinstance(reply, httpx.Response) else httpx.Response(200, text=reply)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1


async def say_it_again(text: str) -> str:
    """Answer rightly where input and expected text are the same; slow enough for calls to meet."""
    await asyncio.sleep(0.001)
    return text


class Client:
    """Speaks to a service as a program over HTTP does."""

    def __init__(self, service: Service, http: httpx.AsyncClient) -> None:
        self.service = service
        self.http = http

    async def post(self, **body: object) -> httpx.Response:
        """`POST /run`, whatever comes of it."""
        return await self.http.post("/run", json=body)

    async def start(self, **body: object) -> str:
        """Start a run that must be accepted; gives its id."""
        response = await self.post(**body)
        assert response.status_code == 202, response.text
        return str(response.json()["run_id"])

    async def get(self, run_id: str) -> Document:
        """A run's document as it is now."""
        document: Document = (await self.http.get(f"/results/{run_id}")).raise_for_status().json()
        return document

    async def over(self, run_id: str) -> Document:
        """A run's document once the run is over."""
        async with asyncio.timeout(OVER_SECONDS):
            while (document := await self.get(run_id))["status"] == "running":
                await asyncio.sleep(0.002)
        return document

    async def run(self, **body: object) -> Document:
        """Start a run and give its document once it is over."""
        return await self.over(await self.start(**body))


@asynccontextmanager
async def serving(
    config: Path,
    model: httpx.AsyncBaseTransport | None = None,
    *,
    send: Send | None = None,
    db: LogAddress | None = None,
    environment: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    clock: Callable[[], datetime] | None = None,
    draw: Callable[[int], int] = secrets.randbelow,
) -> AsyncIterator[Client]:
    """Open a service over a project, go on with what is unfinished, and stop it at the end as SIGTERM does.

    `send` asks other than the fake model.
    """
    settings = Settings(
        config=read_config(config),
        root=config.parent,
        db=db or log_of(config),
        key=None,
        local_names=None,
        limits=limits or Limits(),
        environment=environment or {},
    )
    async with (
        open_service(settings, clock or _now, draw, send or sending_to(model or FakeModel())) as service,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url="http://127.0.0.1:8090") as http,
    ):
        service.resume()
        yield Client(service, http)


def log_of(config: Path) -> Path:
    """Where a project's log is."""
    return config.parent / ".matchspec" / "matchspec.db"


class Logged(NamedTuple):
    """An event as any other program reads it."""

    run_id: str
    type: str
    body: Document


def logged(config: Path, name: str | None = None) -> list[Logged]:
    """Read the runs' events from a project's log, in their order; of one type where it is named."""
    query = "SELECT run_id, type, body FROM events WHERE position > 1 AND type = ifnull(?, type) ORDER BY position"
    with closing(sqlite3.connect(f"{log_of(config).as_uri()}?mode=ro", uri=True)) as database:
        return [Logged(run_id, kind, json.loads(body)) for run_id, kind, body in database.execute(query, (name,))]


def _now() -> datetime:
    return datetime.now(UTC)
