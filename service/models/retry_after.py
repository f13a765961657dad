"""The Retry-After header (RFC 9110, section 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 60.0


def retry_after_seconds(value: str | None, now: datetime) -> float:
    """How many seconds a server asks to wait, 60 at most; 0 where it does not say, or says nothing sensible."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text.lstrip("0")[:6] or 0), LONGEST_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wait.total_seconds(), 0.0), LONGEST_SECONDS)
