"""Times and the names of runs."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.run_id import make_run_id
from domain.times import seconds_between, stamp, whole_seconds

MOMENT = datetime(2026, 3, 15, 14, 30, 22, 123456, tzinfo=UTC)
IN_INDIA = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))


@pytest.mark.parametrize("moment", [MOMENT, IN_INDIA], ids=["UTC", "another zone"])
def test_the_log_writes_utc_with_microseconds(moment: datetime) -> None:
    """Whatever the zone, a moment has one spelling."""
    assert stamp(moment) == "2026-03-15T14:30:22.123456Z"


def test_a_moment_without_a_fraction_has_six_digits_all_the_same() -> None:
    """All stamps are of one length, so that their order as text is their order in time."""
    assert stamp(datetime(2026, 3, 5, 4, 3, 2, tzinfo=UTC)) == "2026-03-05T04:03:02.000000Z"


@pytest.mark.parametrize("at", ["2026-03-15T14:30:22.000000Z", "2026-03-15T14:30:22.999999Z"])
def test_the_api_shows_whole_seconds(at: str) -> None:
    """The fraction is cut, not rounded: a run never ends later than it did."""
    assert whole_seconds(at) == "2026-03-15T14:30:22Z"


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        ("2026-03-15T14:31:05.000000Z", 43.0),
        ("2026-03-15T14:30:22.001400Z", 0.001),
        ("2027-03-15T14:30:22.000000Z", 31_536_000.0),
        ("2026-03-15T14:30:21.999999Z", 0.0),
        ("2025-03-15T14:30:22.000000Z", 0.0),
    ],
)
def test_a_duration_is_rounded_to_the_millisecond_and_never_negative(end: str, seconds: float) -> None:
    """A clock that was set back gives 0."""
    assert seconds_between("2026-03-15T14:30:22.000000Z", end) == seconds


@pytest.mark.parametrize(("number", "digits"), [(0, "0000"), (0xA3F7, "a3f7"), (0xFFFF, "ffff"), (7, "0007")])
@pytest.mark.parametrize("moment", [MOMENT, IN_INDIA], ids=["UTC", "another zone"])
def test_a_run_is_named_after_its_start_and_four_hex_digits(moment: datetime, number: int, digits: str) -> None:
    """The name's time is UTC."""
    assert make_run_id(moment, number) == f"run-20260315-143022-{digits}"
