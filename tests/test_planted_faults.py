"""The faults that `scripts/planted-faults` plants still fit the code; that all are caught is what the script shows."""

from pathlib import Path

import planted_faults
import pytest
from planted_faults_table import FAULTS, Fault

TESTS = Path(__file__).parent


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_breaks_code_that_is_there(tmp_path: Path, fault: Fault) -> None:
    """Each text that a fault replaces stands once in its file, and the tests that are to catch it are there."""
    for file in {file for file, _, _ in fault.changes}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text((planted_faults.ROOT / file).read_text())
    planted_faults.break_code(tmp_path, fault)
    for file in {file for file, _, _ in fault.changes if file.endswith(".py")}:
        compile((tmp_path / file).read_text(), file, "exec")
    assert all((TESTS / test).is_file() for test in fault.tests.split())


def test_there_are_at_least_twenty_faults() -> None:
    """Twenty different ways to break what matters, at least."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_planted_fault_is_caught_and_sound_code_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """The script tells a fault that a test catches from one that none catches."""
    hash_fault = next(fault for fault in FAULTS if fault.name == "a hash that leaves out the run")
    harmless = hash_fault._replace(name="harmless", changes=(("domain/chain.py", "content = b", "content  = b"),))
    assert planted_faults.plant_all([hash_fault, harmless]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == ["caught", "MISSED", "1"]
