"""The names of runs."""

from datetime import UTC, datetime


def make_run_id(moment: datetime, number: int) -> str:
    """Name a run `run-YYYYMMDD-HHMMSS-xxxx`: UTC, and a random number below 65,536 as four hex digits."""
    return f"run-{moment.astimezone(UTC):%Y%m%d-%H%M%S}-{number:04x}"
