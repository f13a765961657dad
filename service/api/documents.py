"""The documents of the API, as `docs/api.md` describes them. Fields that do not apply yet are left out."""

from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from domain.events import Finished, Information, Row, Status, Usage, Verdict
from domain.spec import Suite
from domain.times import whole_seconds
from projections.listing import ListedRun, Page
from projections.progress import Progress
from projections.results import Result


class LogPlace(msgspec.Struct):
    """Where the log stood when the run was over: keep it, and a later check finds out whether the log was altered.

    `version` is the last event's number in the run, `position` that in the log. `hash` is in hex; how it is made stands
    in `docs/log-format.md`.
    """

    position: int
    version: int
    hash: str


class RunDocument(msgspec.Struct):
    """A run: as accepted, as running, or as it ended (then its examples follow)."""

    run_id: str
    status: Status
    suite: str | None
    started_at: str
    suites: list[str] | UnsetType = UNSET
    regrades: str | UnsetType = UNSET
    baseline: str | UnsetType = UNSET
    results_url: str | UnsetType = UNSET
    progress: Progress | UnsetType = UNSET
    finished_at: str | UnsetType = UNSET
    duration_seconds: float | UnsetType = UNSET
    verdict: Verdict | UnsetType = UNSET
    error: str | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    grader_results: list[Row] | UnsetType = UNSET
    informational: list[Information] | UnsetType = UNSET
    model_errors: int | UnsetType = UNSET
    grader_errors: int | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    cost: float | UnsetType = UNSET
    log: LogPlace | UnsetType = UNSET


class ListedDocument(msgspec.Struct):
    """A run in the listing."""

    run_id: str
    status: Status
    suite: str | None
    started_at: str
    suites: list[str] | UnsetType = UNSET
    regrades: str | UnsetType = UNSET
    finished_at: str | UnsetType = UNSET
    verdict: Verdict | UnsetType = UNSET


class ListDocument(msgspec.Struct):
    """A page of the listing; `total` counts all runs that match."""

    runs: list[ListedDocument]
    total: int
    limit: int
    offset: int


class SuiteDocument(msgspec.Struct):
    """A suite of the server's config."""

    name: str
    harnesses: list[str]
    thresholds: dict[str, float]


class SuitesDocument(msgspec.Struct, omit_defaults=True):
    """The suites of the server's config; with `config_error` they are the last good ones."""

    suites: list[SuiteDocument]
    config_error: str | None = None


class HealthDocument(msgspec.Struct):
    """The server lives."""

    status: str
    version: str


class ReadyDocument(msgspec.Struct):
    """Runs can be recorded."""

    status: str


def results_url(run_id: str) -> str:
    """Where a run's results are."""
    return f"/results/{run_id}"


def accepted(run: ListedRun, result: Result) -> RunDocument:
    """Describe a run that was accepted, as it stands now: one asked for before, with the same key, may be over."""
    return RunDocument(
        run_id=run.run_id,
        status=run.status,
        suite=run.suite,
        suites=_suites(run),
        regrades=run.regrades or UNSET,
        baseline=run.baseline or UNSET,
        started_at=whole_seconds(run.started_at),
        results_url=results_url(run.run_id),
        warnings=(result.started.warnings if result.started else None) or UNSET,
    )


def running(run: ListedRun, progress: Progress | None, warnings: list[str]) -> RunDocument:
    """Describe a run that is not over; the progress view lets go of it at its end."""
    return RunDocument(
        run_id=run.run_id,
        status=run.status,
        suite=run.suite,
        suites=_suites(run),
        regrades=run.regrades or UNSET,
        baseline=run.baseline or UNSET,
        started_at=whole_seconds(run.started_at),
        progress=progress or Progress(0, 0.0),
        warnings=warnings or UNSET,
    )


def so_far(running: RunDocument, scored: Finished) -> RunDocument:
    """Add to a run that is not over what its scores come to, without its examples."""
    return msgspec.structs.replace(
        running,
        grader_results=scored.rows,
        model_errors=scored.model_errors,
        grader_errors=scored.grader_errors,
        informational=scored.informational or UNSET,
        usage=scored.usage or UNSET,
        cost=UNSET if scored.cost is None else scored.cost,
    )


def finished(run: ListedRun, result: Result) -> RunDocument:
    """Describe a run that is over, without its examples."""
    end = result.finished
    if end is None:
        raise ValueError("the run is not over")
    return RunDocument(
        run_id=run.run_id,
        status=end.status,
        suite=run.suite,
        suites=_suites(run),
        regrades=run.regrades or UNSET,
        baseline=run.baseline or UNSET,
        started_at=whole_seconds(run.started_at),
        finished_at=whole_seconds(result.finished_at),
        duration_seconds=end.duration_seconds,
        verdict=end.verdict or UNSET,
        error=end.error or UNSET,
        warnings=result.warnings or UNSET,
        grader_results=end.rows,
        model_errors=end.model_errors,
        grader_errors=end.grader_errors,
        informational=end.informational or UNSET,
        usage=end.usage or UNSET,
        cost=UNSET if end.cost is None else end.cost,
        log=LogPlace(result.end.position, result.version, result.end.hash.hex()),
    )


def listing(page: Page, limit: int, offset: int) -> ListDocument:
    """Describe a page of the listing."""
    return ListDocument([listed(run) for run in page.runs], page.total, limit, offset)


def suites(configured: Sequence[tuple[Suite, Sequence[str]]], config_error: str | None) -> SuitesDocument:
    """Describe the suites, each with the names of its harnesses."""
    return SuitesDocument(
        [SuiteDocument(suite.name, list(harnesses), suite.thresholds) for suite, harnesses in configured], config_error
    )


async def stream(document: RunDocument, entries: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    """Give the document of a run that is over, its examples at the end, in parts of bounded size."""
    yield msgspec.json.encode(document)[:-1] + b',"examples":['
    separator = b""
    async for some in entries:
        yield separator + b",".join(some)
        separator = b","
    yield b"]}"


async def stream_bare(document: RunDocument) -> AsyncIterator[bytes]:
    """Give the document of a run that is over, without its examples."""
    yield msgspec.json.encode(document)


def listed(run: ListedRun) -> ListedDocument:
    """Describe a run in the listing."""
    return ListedDocument(
        run_id=run.run_id,
        status=run.status,
        suite=run.suite,
        suites=_suites(run),
        regrades=run.regrades or UNSET,
        started_at=whole_seconds(run.started_at),
        finished_at=whole_seconds(run.finished_at) if run.finished_at else UNSET,
        verdict=run.verdict or UNSET,
    )


def _suites(run: ListedRun) -> list[str] | UnsetType:
    return run.suites if run.suite is None else UNSET
