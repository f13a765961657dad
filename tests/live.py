"""The HTTP API as clients see it: of a real `matchspec serve`, or of a service within the test's own process."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
from running import FakeModel
from running import serving as serving_within
from server import Server, until

Document = dict[str, Any]


class Live:
    """A running server: where it listens, what it cost, what it wrote."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.port = int(self.url.rpartition(":")[2])
        self.said = server.said
        self._pid = server.process.pid

    def client(self, **headers: str) -> httpx.Client:
        """A client that knows the server's address and sends these headers (`User_Agent="x"`)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address = f"http://127.0.0.1:{self.port}"  # also where it listens on 0.0.0.0
        return httpx.Client(base_url=address, headers=named, trust_env=False, timeout=30)

    def peak_memory(self) -> int:
        """The most bytes of memory it has held so far."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def check_problem(answer: httpx.Response) -> str:
    """A refusal is a whole problem document without a traceback; gives its detail."""
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == answer.status_code < 500
    for name in ("type", "title", "detail"):
        assert isinstance(problem[name], str)
        assert problem[name]
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    detail: str = problem["detail"]
    return detail


@contextmanager
def serving(config: Path, *options: str, **variables: str) -> Iterator[Live]:
    """A real server on a free port until the block ends, with these environment variables; it never saw a fault."""
    with Server(config, *options, **variables) as server:
        yield Live(server)
        assert "Traceback" not in server.said(), server.said()


def run_to_end(client: httpx.Client, **body: object) -> Document:
    """Start a run of a real server and give its document once it is over."""
    accepted = client.post("/run", json=body)
    assert accepted.status_code == 202, accepted.text
    return wait_for_end(client, accepted.json()["results_url"])


def wait_for_end(client: httpx.Client, results_url: str) -> Document:
    """The document of a real server's run, once it is over."""
    documents: list[Document] = []

    def over() -> bool:
        documents[:] = [client.get(results_url).raise_for_status().json()]
        return bool(documents[0]["status"] != "running")

    until(over, 50, "the end of the run")
    return documents[0]


@asynccontextmanager
async def in_process(
    config: Path, model: FakeModel | None = None, environment: Mapping[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service in this process; harnesses whose model is `running.HTTP` ask `model`."""
    async with serving_within(config, model, environment=environment) as opened:
        yield opened.http


async def run_through(client: httpx.AsyncClient, **body: object) -> Document:
    """Start a run and give its document once it is over."""
    accepted = await client.post("/run", json=body)
    assert accepted.status_code == 202, accepted.text
    return await end_of(client, accepted.json()["results_url"])


async def end_of(client: httpx.AsyncClient, results_url: str) -> Document:
    """The document of a run, once it is over."""
    async with asyncio.timeout(50):
        while True:
            document: Document = (await client.get(results_url)).raise_for_status().json()
            if document["status"] != "running":
                return document
            await asyncio.sleep(0.005)
