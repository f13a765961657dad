"""Runs of the past: in the log of a server, and in the logs that `matchspec run` left, one a run."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from domain.errors import MatchspecError, RunNotFound
from domain.spec import Statistics
from projections.views import Views
from service.api import documents
from service.log.reading import LogReader
from service.results import ResultReader


class PastRun(NamedTuple):
    """A run that is over: its document as the API gives it, and the statistics of the suites that set any."""

    document: bytes
    statistics: Mapping[str, Statistics]


async def read_past_run(folder: Path, server_log: Path, run_id: str | None) -> PastRun:
    """Read a run, or the one that started last. Raises RunNotFound, or MatchspecError where it is not over."""
    newest: tuple[str, Path, str] | None = None
    for path in _logs(folder, server_log, run_id):
        async with _open(path) as reader:
            listed = [run for run in (await _views(reader)).listing.page(None, None, 1 << 31, 0).runs]
            for run in listed:
                if run_id in (None, run.run_id) and (newest is None or run.started_at > newest[0]):
                    newest = (run.started_at, path, run.run_id)
    if newest is None:
        wanted = f"there is no run '{run_id}'" if run_id else "there is no run yet"
        raise RunNotFound(f"{wanted}: looked in {server_log} and {folder / '.matchspec' / 'runs'}")
    async with _open(newest[1]) as reader:
        return await _read(reader, newest[2])


def _logs(folder: Path, server_log: Path, run_id: str | None) -> Iterator[Path]:
    runs = folder / ".matchspec" / "runs"
    own = [runs / f"{run_id}.db"] if run_id else sorted(runs.glob("run-*.db"), reverse=True)[:1]
    yield from (path for path in [*own, server_log] if path.is_file())


@asynccontextmanager
async def _open(path: Path) -> AsyncIterator[LogReader]:
    reader = await LogReader.open_to_read(path)
    try:
        yield reader
    finally:
        await reader.close()


async def _views(reader: LogReader) -> Views:
    views = Views()
    async for recorded in reader.read_ends():
        views.apply(recorded)
    return views


async def _read(reader: LogReader, run_id: str) -> PastRun:
    views = await _views(reader)
    results = ResultReader(reader, views)
    listed, result = views.listing.get(run_id), await results.result(run_id)
    if listed is None or result.finished is None:
        raise MatchspecError(f"the run {run_id} is not over")
    parts = documents.stream(documents.finished(listed, result), results.entries(run_id, result))
    return PastRun(b"".join([part async for part in parts]), await results.statistics(result))
