"""`matchspec run` in this process: a log of its own for the run, and the same service that a server is made of."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from domain.errors import LogError, RunNotFound
from domain.events import Recorded
from domain.run_id import IS_RUN_ID
from domain.spec import Statistics
from projections.progress import Progress
from service.api import documents
from service.bootstrap import Service
from service.cli.run_ways import Begun, Loaded
from service.log.sqlite.storage import holds_nothing
from service.version import VERSION

USER_AGENT = f"matchspec run {VERSION}"


def run_log(folder: Path, run_id: str) -> Path:
    """Where a run of the command line has its log."""
    return folder / ".matchspec" / "runs" / f"{run_id}.db"


def find_run_log(folders: Iterable[Path], run_id: str) -> Path | None:
    """Find the log of a run in the first folder that has it."""
    logs = (run_log(folder, run_id) for folder in folders)
    return next((log for log in logs if IS_RUN_ID.fullmatch(run_id) and log.is_file()), None)


def delete_if_empty(log: Path) -> None:
    """Delete a log in which nothing was ever recorded: the disk was full before its first event."""
    try:
        if holds_nothing(log):
            delete_run_log(log)
    except (LogError, OSError):
        return  # it is in doubt, and stays


def delete_run_log(log: Path) -> None:
    """Delete a log in which no run began."""
    for ending in ("", "-wal", "-shm", ".lock", ".checkpoint", ".checkpoint.new"):
        log.with_name(f"{log.name}{ending}").unlink(missing_ok=True)


class RunHere:
    """One run on an open service. Without a `start` it goes on with the run that the log holds."""

    def __init__(self, service: Service, run_id: str, start: Callable[[], Awaitable[str]] | None, resume: str) -> None:
        self._service = service
        self._run_id = run_id
        self._start = start
        self._resume = resume
        self._statistics: dict[str, Statistics] = {}

    async def begin(self) -> Begun:
        """Start the run, or go on with it."""
        if self._start is not None:
            await self._start()
        elif self._service.views.listing.get(self._run_id) is None:
            raise RunNotFound(f"the log holds no run '{self._run_id}'")
        self._service.resume()
        result = await self._service.results.result(self._run_id)
        self._statistics = await self._service.results.statistics(result)
        return Begun(self._run_id, [Loaded(one.suite, one.harness, one.examples) for one in result.harnesses])

    async def progress(self) -> Progress | None:
        """How far the run is."""
        return self._service.views.progress.get(self._run_id)

    async def document(self) -> bytes:
        """The run's document."""
        listed = self._service.views.listing.get(self._run_id)
        if listed is None:
            raise RunNotFound
        result = await self._service.results.result(self._run_id)
        entries = self._service.results.entries(self._run_id, result)
        return b"".join([part async for part in documents.stream(documents.finished(listed, result), entries)])

    def statistics(self) -> Mapping[str, Statistics]:
        """The statistics of the suites that set any."""
        return self._statistics

    async def stop(self) -> str:
        """Record what is in flight, and say how to go on."""
        await self._service.stop()
        return f"The run is kept. Go on with: {self._resume}"

    def watch(self, tell: Callable[[Recorded], None]) -> None:
        """Call for each event as it is shown."""
        self._service.views.watchers.append(tell)
