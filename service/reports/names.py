"""The names of result files, and which of them `retain_days` may delete."""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

Format = Literal["json", "junit", "markdown"]

ENDINGS: dict[Format, str] = {"json": "json", "junit": "xml", "markdown": "md"}
ALL_SUITES = "all"
BYTES = 150
"""How long the part before the time may be: file systems allow names of 255 bytes."""

_UNSAFE = re.compile(r"[^\w.-]+")
_TIME = "%Y%m%d-%H%M%S"
_RESULT = re.compile(r"[\w.-]+-(\d{8}-\d{6})\.(?:json|xml|md)", re.ASCII)
_RUN_LOG = re.compile(r"run-(\d{8}-\d{6})-[0-9a-f]{4}\.db(?:-wal|-shm)?", re.ASCII)


def result_name(suite: str | None, at: datetime, kind: Format = "json") -> str:
    """Name the result file of a suite, or of all suites for None: `qa-20260315-143022.json`, in UTC."""
    return f"{ALL_SUITES if suite is None else _safe(suite)}-{at.astimezone(UTC).strftime(_TIME)}.{ENDINGS[kind]}"


def expired_results(names: Iterable[str], now: datetime, retain_days: int) -> list[str]:
    """Pick the result files that are older than `retain_days`; 0 keeps all, and other names are never picked."""
    return _expired(_RESULT, names, now, retain_days)


def expired_run_logs(names: Iterable[str], now: datetime, retain_days: int) -> list[str]:
    """Pick the logs of runs, `run-YYYYMMDD-HHMMSS-xxxx.db` and SQLite's files beside them, in the same way."""
    return _expired(_RUN_LOG, names, now, retain_days)


def _expired(pattern: re.Pattern[str], names: Iterable[str], now: datetime, retain_days: int) -> list[str]:
    if retain_days == 0:
        return []
    limit = now - timedelta(days=retain_days)
    dated = [(name, match) for name in names if (match := pattern.fullmatch(name))]
    return [name for name, match in dated if (written := _time(match[1])) is not None and written < limit]


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _safe(suite: str) -> str:
    """Give a name of its own to every suite; one that had to be changed gets a mark, so that `a/b` is not `a-b`."""
    safe = _UNSAFE.sub("-", suite.encode("ascii", "replace").decode().replace("?", "-")).strip(".-")[:BYTES]
    if safe and safe == suite and safe != ALL_SUITES:
        return safe
    return f"{safe or 'suite'}-{hashlib.sha256(suite.encode()).hexdigest()[:6]}"
