"""Logs changed behind the program's back: `matchspec verify` finds each change that can be seen, and no other."""

import os
from pathlib import Path

import fault_tamper
import pytest

LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))


@pytest.mark.slow
@pytest.mark.timeout(1_200 if LONG else 120)
def test_every_visible_change_is_found(capfd: pytest.CaptureFixture[str]) -> None:
    """20 kinds of changes, and logs that nobody changed: closed, crashed, resumed, restored from a backup."""
    count, clean = (2_000, 500) if LONG else (160, 40)
    code = fault_tamper.main(["--count", str(count), "--clean", str(clean), "--seed", "1"])
    said = capfd.readouterr().out
    assert code == 0, said
    assert ": 0 missed, " in said
    assert said.endswith(", 0 false alarms\n")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_verify_that_sees_nothing_fails_the_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The campaign itself can fail: what can be seen and is not found is kept, by its kind."""
    monkeypatch.setattr(fault_tamper, "is_found", lambda *_: "not")
    assert fault_tamper.main(["--count", "20", "--clean", "0", "--keep", str(tmp_path)]) == 1
    kept = tmp_path / "missed-14-cut_the_tail"
    assert f"{kept}\n" in capfd.readouterr().out
    assert (kept / "matchspec.db").is_file()
