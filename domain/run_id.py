"""The names of runs."""

import re
from datetime import UTC, datetime

IS_RUN_ID = re.compile(r"run-\d{8}-\d{6}-[0-9a-f]{4}", re.ASCII)


def make_run_id(moment: datetime, number: int) -> str:
    """Name a run `run-YYYYMMDD-HHMMSS-xxxx`: UTC, and a random number below 65,536 as four hex digits."""
    return f"run-{moment.astimezone(UTC):%Y%m%d-%H%M%S}-{number:04x}"
