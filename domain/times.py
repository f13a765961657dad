"""Times as the log and the API write them."""

import re
from datetime import UTC, datetime

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def stamp(moment: datetime) -> str:
    """Write a time as the log does: UTC, microseconds, `2026-03-15T14:30:22.123456Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def is_stamp(at: str) -> bool:
    """Tell whether a text is a time as the log writes it."""
    if not _STAMP.fullmatch(at):
        return False
    try:
        datetime.fromisoformat(at)
    except ValueError:
        return False
    return True


def whole_seconds(at: str) -> str:
    """Cut a log time to what the API shows: `2026-03-15T14:30:22Z`."""
    return at[:19] + "Z"


def seconds_between(start: str, end: str) -> float:
    """Seconds from one log time to another, to the millisecond; 0 where the clock was set back in between."""
    passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return max(0.0, round(passed.total_seconds(), 3))
