"""Runs of the past: in the log of a server, and in the logs that `matchspec run` left, one a run."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from domain.errors import LogError, MatchspecError, RunNotFound
from domain.events import LOG
from domain.spec import Statistics
from projections.listing import ListedRun
from projections.views import Views
from service.api import documents
from service.cli.places import Places, find_config_if_any, find_server_log
from service.cli.run_here import find_run_log
from service.log.address import LogAddress
from service.log.opening import is_there, open_reader
from service.log.reading import LogReader
from service.results import ResultReader

_SECOND = len("run-20260315-143022")


class PastRun(NamedTuple):
    """A run that is over: its document as the API gives it, and the statistics of the suites that set any."""

    document: bytes
    statistics: Mapping[str, Statistics]


class _Found(NamedTuple):
    started_at: str
    run_id: str
    log: LogAddress


class RunLogs(NamedTuple):
    """Where runs of the past are: in logs of their own below folders, and in a server's log."""

    folders: Sequence[Path]
    server_log: LogAddress

    async def find(self, run_id: str) -> LogAddress | None:
        """Find the log that holds a run."""
        found = await _find(self.folders, self.server_log, run_id)
        return found.log if found else None

    def looked(self) -> str:
        """Say where."""
        folders = [str(folder / ".matchspec" / "runs") for folder in dict.fromkeys(self.folders)]
        return f"looked in {', '.join([*folders, str(self.server_log)])}"


def find_logs(config: str | None, db: str | None, here: Places) -> RunLogs:
    """Find the logs of a configuration, if there is one, and of the folder in which the command was typed."""
    found = find_config_if_any(config, here)
    folder = found.parent if found else here.cwd
    return RunLogs(list(dict.fromkeys([folder, here.cwd])), find_server_log(db, folder, here))


async def read_past_run(logs: RunLogs, run_id: str | None) -> PastRun:
    """Read a run, or the one that started last. Raises RunNotFound, or MatchspecError where it is not over."""
    found = await _find(*logs, run_id) if run_id else await _find_newest(*logs)
    if found is None:
        raise _not_found(logs, run_id)
    async with open_reader(found.log) as reader:
        return await _read(reader, found.run_id)


async def find_log_of(logs: RunLogs, run_id: str) -> LogAddress:
    """Find the log that holds a run, over or not; RunNotFound where none does."""
    log = await logs.find(run_id)
    if log is None:
        raise _not_found(logs, run_id)
    return log


def list_logs(logs: RunLogs, *, with_own: bool = True) -> list[LogAddress]:
    """List the logs that are there, the server's first; RunNotFound where there is none."""
    own = [log for folder in dict.fromkeys(logs.folders) for log in _run_logs(folder)] if with_own else []
    found = [*_existing(logs.server_log), *own]
    if not found:
        raise _not_found(logs, None)
    return found


async def find_any_log(logs: RunLogs, run_id: str) -> LogAddress:
    """Find the log that holds any event of a run, also where it never started; RunNotFound where none does."""
    own = find_run_log(logs.folders, run_id)
    for log in [own] if own else _existing(logs.server_log):
        async with open_reader(log) as reader:
            if run_id != LOG and await reader.last_version(run_id):
                return log
    raise _not_found(logs, run_id)


async def list_runs(reader: LogReader) -> list[ListedRun]:
    """List the runs of an open log, the oldest first."""
    return (await _views(reader)).listing.page(None, None, 1 << 31, 0).runs[::-1]


def _not_found(logs: RunLogs, run_id: str | None) -> RunNotFound:
    wanted = f"there is no run '{run_id}'" if run_id is not None else "there is no run yet"
    return RunNotFound(f"{wanted}: {logs.looked()}")


async def _find(folders: Iterable[Path], server_log: LogAddress, run_id: str) -> _Found | None:
    own = find_run_log(folders, run_id)
    for log in [own] if own else _existing(server_log):
        for found in await _list(log):
            if found.run_id == run_id:
                return found
    return None


async def _find_newest(folders: Iterable[Path], server_log: LogAddress) -> _Found | None:
    """Look into as few logs as possible: the names of runs tell the second in which they started."""
    own = [log for folder in folders for log in _run_logs(folder)]
    own.sort(key=lambda log: log.name, reverse=True)
    found = [one for log in _existing(server_log) for one in await _list(log)]
    for _, logs in groupby(own, key=lambda log: log.name[:_SECOND]):
        newest = [one for log in logs for one in await _list_if_whole(log)]
        if newest:
            found += newest
            break
    return max(found, key=lambda one: one[:2], default=None)


async def _list_if_whole(log: LogAddress) -> list[_Found]:
    """List nothing for a log that a process was about to make when it was killed."""
    try:
        return await _list(log)
    except LogError:
        return []


async def _list(log: LogAddress) -> list[_Found]:
    async with open_reader(log) as reader:
        return [_Found(run.started_at, run.run_id, log) for run in await list_runs(reader)]


def _run_logs(folder: Path) -> list[Path]:
    return sorted((folder / ".matchspec" / "runs").glob("run-*.db"))


def _existing(log: LogAddress) -> Iterator[LogAddress]:
    if is_there(log):
        yield log


@asynccontextmanager
async def open_past_run(logs: RunLogs, run_id: str) -> AsyncIterator[tuple[ResultReader, Views]]:
    """Open the log that holds a run, for the time of a block. RunNotFound."""
    async with open_reader(await find_log_of(logs, run_id)) as reader:
        views = await _views(reader)
        yield ResultReader(reader, views), views


async def _views(reader: LogReader) -> Views:
    views = Views()
    async for recorded in reader.read_ends():
        views.apply_end(recorded)
    return views


def _how_to_go_on(log: LogAddress, run_id: str) -> str:
    if isinstance(log, Path) and log.stem == run_id:
        return f"unless it still runs, go on with: matchspec run --resume {run_id}"
    return "its server goes on with it, now or at its next start"


async def _read(reader: LogReader, run_id: str) -> PastRun:
    views = await _views(reader)
    results = ResultReader(reader, views)
    listed, result = views.listing.get(run_id), await results.result(run_id)
    if listed is None or result.finished is None:
        raise MatchspecError(f"the run {run_id} is not over; {_how_to_go_on(reader.address, run_id)}")
    parts = documents.stream(documents.finished(listed, result), results.entries(run_id, result))
    return PastRun(b"".join([part async for part in parts]), await results.statistics(result))
