"""Logs changed behind the program's back: `matchspec verify` finds each change that can be seen, and no other.

The short form of `scripts/faults tamper`; figures: docs/reliability.md.
"""

from pathlib import Path

import fault_tamper
import pytest
from faulting import LONG

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200 if LONG else 120)]


def test_every_visible_change_is_found(tmp_path: Path) -> None:
    """20 kinds of changes, and logs that nobody changed: closed, crashed, resumed, restored from a backup."""
    said = fault_tamper.campaign(tmp_path, 1, None if LONG else 160)
    assert ": 0 missed, " in said
    assert said.endswith(" unchanged logs, 0 false alarms")


def test_a_verify_that_sees_nothing_fails_the_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign itself can fail: what can be seen and is not found is kept, by its kind."""
    monkeypatch.setattr(fault_tamper, "is_found", lambda *_: "not")
    with pytest.raises(AssertionError, match="missed-14-cut_the_tail"):
        fault_tamper.campaign(tmp_path, 1, 20)
    assert (tmp_path / "missed-14-cut_the_tail" / "matchspec.db").is_file()
