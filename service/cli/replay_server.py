"""What a running server shows of its runs, held against what their log gives, byte for byte."""

from collections.abc import AsyncIterator

import httpx
import msgspec

from domain.errors import MatchspecError, Refused
from projections.listing import ListedRun
from projections.views import Views
from service.api import documents
from service.api.past import past_document
from service.cli.run_there import TIMEOUT_SECONDS, refusal
from service.log.reading import LogReader
from service.past import PastRuns
from service.results import ResultReader

PAGE = 1_000


class _ShownPage(msgspec.Struct):
    runs: list[msgspec.Raw]
    total: int


class _ShownId(msgspec.Struct):
    run_id: str
    status: str


class ShownRuns:
    """The runs of a server. `key` is the server's, if it wants one."""

    def __init__(self, server: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._server = server.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=self._server, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
        )
        self._listed: dict[str, bytes] = {}
        self._pages = 0

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def differences(self, reader: LogReader, run: ListedRun, version: int) -> list[str]:
        """Say where the server shows something else of a run than its log gives up to event `version`."""
        try:
            return [*await self._in_document(reader, run, version), *await self._in_listing(run)]
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise Refused(f"--server: {self._server} is not an http:// or https:// address") from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise MatchspecError(f"can't reach the server {self._server}: {reason}") from error

    async def _in_document(self, reader: LogReader, run: ListedRun, version: int) -> list[str]:
        """A run that is not over goes on meanwhile: its document is compared as it stood."""
        path = f"/results/{run.run_id}" + ("" if run.finished_at else f"?at={version}")
        past = await PastRuns(reader).at(run.run_id, version)
        own = past_document(past, ResultReader(reader, Views()), run.run_id)
        async with self._client.stream("GET", path) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return ["the server does not know the run"]
            if not response.is_success:
                await response.aread()
                raise refusal(response)
            place = await first_difference(own, response.aiter_bytes())
        return [] if place is None else [f"GET {path}: the server's document differs from byte {place:,} on"]

    async def _in_listing(self, run: ListedRun) -> list[str]:
        shown = await self._find(run.run_id)
        if shown is None:
            return ["GET /results: the server does not list the run"]
        if not run.finished_at and msgspec.json.decode(shown, type=_ShownId).status != "running":
            return []  # it came to its end meanwhile
        own = msgspec.json.encode(documents.listed(run))
        return (
            [] if shown == own else [f"GET /results: the server lists {shown.decode()}, the log gives {own.decode()}"]
        )

    async def _find(self, run_id: str) -> bytes | None:
        """Find a run in the listing, of which no page is asked for twice."""
        while run_id not in self._listed:
            response = await self._client.get("/results", params={"limit": PAGE, "offset": PAGE * self._pages})
            if not response.is_success:
                raise refusal(response)
            page = msgspec.json.decode(response.content, type=_ShownPage)
            if not page.runs:
                return None
            self._pages += 1
            self._listed |= {msgspec.json.decode(one, type=_ShownId).run_id: bytes(one) for one in page.runs}
        return self._listed[run_id]


async def first_difference(one: AsyncIterator[bytes], other: AsyncIterator[bytes]) -> int | None:
    """Find the first byte, from 0, in which two streams differ; None where they are the same."""
    first, second, place = b"", b"", 0
    while True:
        first, second = first or await anext(one, b""), second or await anext(other, b"")
        common = min(len(first), len(second))
        if not common:
            return place if first or second else None
        if first[:common] != second[:common]:
            return place + next(n for n in range(common) if first[n] != second[n])
        first, second, place = first[common:], second[common:], place + common
