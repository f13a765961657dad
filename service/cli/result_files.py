"""The files that `matchspec run` leaves: the document as JSON, another format beside it, a badge."""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from domain.errors import MatchspecError
from domain.spec import Statistics
from service.reports.badge import badge
from service.reports.document import ResultDocument
from service.reports.junit import junit_report
from service.reports.markdown import markdown_report
from service.reports.names import expired_results, expired_run_logs, result_name

Format = Literal["json", "junit", "markdown"]


class Results(NamedTuple):
    """What a run gave, as bytes and as a value, with the statistics of its suites."""

    content: bytes
    document: ResultDocument
    statistics: Mapping[str, Statistics]


def write_results(folder: Path, results: Results, kind: Format) -> list[Path]:
    """Write the JSON document, and the format asked for beside it; gives the paths. MatchspecError where it can't."""
    at = datetime.fromisoformat(results.document.started_at)
    suite = results.document.suite
    written = [_write(folder / result_name(suite, at), results.content)]
    match kind:
        case "junit":
            report = junit_report(results.document, statistics=results.statistics)
            written.append(_write(folder / result_name(suite, at, "junit"), report.encode()))
        case "markdown":
            report = markdown_report(results.document, statistics=results.statistics)
            written.append(_write(folder / result_name(suite, at, "markdown"), report.encode()))
        case "json":
            pass
    return written


def write_badge(path: Path, document: ResultDocument) -> None:
    """Write the badge; MatchspecError where it can't be."""
    _write(path, badge(document).encode())


def delete_expired(results: Path, runs: Path, now: datetime, retain_days: int) -> None:
    """Delete result files and run logs that are older than `retain_days`, by their names; 0 keeps all."""
    for folder, pick in ((results, expired_results), (runs, expired_run_logs)):
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        for name in pick(names, now, retain_days):
            with suppress(OSError):  # what can't be deleted is no reason for a run to fail
                (folder / name).unlink()
                for ending in (".lock", ".checkpoint"):
                    (folder / f"{name}{ending}").unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all: a reader never sees a half."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise MatchspecError(f"can't write {path}: {error.strerror}") from error
    return path
