"""`matchspec run --server`: the run is a server's; this process asks and waits."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import httpx
import msgspec

from domain.errors import InvalidFiles, MatchspecError, Refused, SuiteNotFound
from domain.mistakes import Mistake
from domain.spec import Statistics
from projections.progress import Progress
from service.cli.run_ways import Begun

T = TypeVar("T")

TIMEOUT_SECONDS = 60
TRIES = 20
"""How often a server that is gone for a moment is asked again, a second apart."""


class _Accepted(msgspec.Struct):
    run_id: str


class _Polled(msgspec.Struct):
    status: str
    progress: Progress | None = None


class _Problem(msgspec.Struct):
    detail: str = ""
    errors: list[Mistake] = []


class RunThere:
    """One run on a server, started by a POST to `path`. `key` is the server's, if it wants one."""

    def __init__(self, server: str, key: str | None, path: str, wanted: Mapping[str, object]) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._server = server.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=self._server, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
        )
        self._path = path
        self._wanted = wanted
        self._run_id = ""
        self._document = b""

    async def begin(self) -> Begun:
        """Start the run."""
        response = await self._send("POST", self._path, self._wanted)
        if response.status_code != httpx.codes.ACCEPTED:
            raise refusal(response)
        self._run_id = self._read(response, _Accepted).run_id
        return Begun(self._run_id, [])

    async def progress(self) -> Progress | None:
        """How far the run is."""
        response = await self._get()
        polled = self._read(response, _Polled)
        if polled.status == "running":
            return polled.progress or Progress(0, 0.0)
        self._document = response.content
        return None

    async def document(self) -> bytes:
        """The run's document."""
        return self._document

    def statistics(self) -> Mapping[str, Statistics]:
        """A server's document does not tell them."""
        return {}

    async def stop(self) -> str:
        """Let the run go on."""
        return f"The run goes on at {self._server}/results/{self._run_id}"

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _get(self) -> httpx.Response:
        for left in reversed(range(TRIES)):
            try:
                response = await self._send("GET", f"/results/{self._run_id}")
            except MatchspecError:
                if not left:
                    raise
            else:
                if response.is_success:
                    return response
                if not left or response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    raise refusal(response)
            await asyncio.sleep(1)
        raise MatchspecError

    async def _send(self, method: str, path: str, content: Mapping[str, object] | None = None) -> httpx.Response:
        try:
            return await self._client.request(method, path, json=content)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise Refused(f"--server: {self._server} is not an http:// or https:// address") from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise MatchspecError(f"can't reach the server {self._server}: {reason}") from error

    def _read(self, response: httpx.Response, wanted: type[T]) -> T:
        try:
            return msgspec.json.decode(response.content, type=wanted)
        except msgspec.DecodeError as error:
            raise MatchspecError(f"{self._server} does not answer as a matchspec server: {error}") from error


def refusal(response: httpx.Response) -> MatchspecError:
    """Tell what a server refused, so that the exit code is the one a run in this process would give."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    detail = problem.detail or f"the server answered {response.status_code}"
    if response.status_code == httpx.codes.NOT_FOUND:
        return SuiteNotFound(detail)
    if problem.errors:
        return InvalidFiles(problem.errors)
    if response.is_client_error and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
        return Refused(detail)
    return MatchspecError(detail)
