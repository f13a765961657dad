"""The short forms of the fault campaigns. `scripts/faults` runs the long ones; figures: docs/reliability.md."""

import random
from pathlib import Path

import fault_clock
import fault_disk
import fault_power
import fault_soak
import fault_sweep
import pytest
from fault_mount import small_ext4, small_tmpfs
from fault_replay import Cut, Disk, Operation
from fault_shim import ERRORS
from faulting import LONG, needed_tools

SEED = 1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800 if LONG else 120)]


def test_power_cuts_lose_nothing_that_was_shown(tmp_path: Path) -> None:
    """Whatever a power cut leaves of a recorded server's writes is a whole log with every event a client was shown."""
    with needed_tools():
        recording = fault_power.record(tmp_path / "run", runs=8 if LONG else 2, large=LONG)
    tally = fault_power.cut_everywhere(recording, 20_000 if LONG else 300, SEED)
    assert tally.states == (20_000 if LONG else 300)
    assert (tally.damaged, tally.lossy, tally.ahead) == (0, 0, 0), tally
    assert tally.shown == (16 if LONG else 4) * 22  # of each run its start, twenty scores and its end


def test_power_cuts_without_full_syncs_do_lose_something(tmp_path: Path) -> None:
    """The control: the same test finds losses where `synchronous` is NORMAL, so it would find them elsewhere."""
    with needed_tools():
        recording = fault_power.record(tmp_path / "run", runs=2, normal=True)
    tally = fault_power.cut_everywhere(recording, 200, SEED)
    assert tally.damaged == 0
    assert tally.lossy > 0


def replayed(*operations: Operation) -> Disk:
    """A disk on which this was done."""
    disk = Disk()
    for operation in operations:
        disk.apply(operation)
    return disk


@pytest.mark.parametrize(("cut", "left"), [("kept", b"abXYe"), ("dropped", b"abcde")])
def test_a_cut_takes_back_what_was_not_synced(tmp_path: Path, cut: Cut, left: bytes) -> None:
    """Bytes behind the last sync are there or not; those before it always are."""
    disk = replayed(
        Operation("C", "/log/db", 0, b""),
        Operation("W", "/log/db", 0, b"abcde"),
        Operation("S", "/log/db", 0, b""),
        Operation("S", "/log", 0, b""),
        Operation("W", "/log/db", 2, b"XY"),
    )
    disk.write_out(tmp_path, cut, random.Random(SEED))
    assert (tmp_path / "db").read_bytes() == left


@pytest.mark.parametrize(("cut", "left"), [("kept", b"new"), ("dropped", b"old")])
def test_a_cut_takes_back_a_rename(tmp_path: Path, cut: Cut, left: bytes) -> None:
    """A file that another one has replaced is there again, until the folder was synced."""
    disk = replayed(
        *(
            operation
            for name, content in (("a", b"old"), ("b", b"new"))
            for operation in (
                Operation("C", f"/log/{name}", 0, b""),
                Operation("W", f"/log/{name}", 0, content),
                Operation("S", f"/log/{name}", 0, b""),
            )
        ),
        Operation("S", "/log", 0, b""),
        Operation("R", "/log/b", 0, b"/log/a"),
    )
    disk.write_out(tmp_path, cut, random.Random(SEED))
    assert (tmp_path / "a").read_bytes() == left
    disk.apply(Operation("S", "/log", 0, b""))
    disk.write_out(tmp_path, cut, random.Random(SEED))
    assert (tmp_path / "a").read_bytes() == b"new"


def test_operations_that_fail_while_a_run_is_carried(tmp_path: Path) -> None:
    """Wherever a write, sync or open of the log fails, for a moment or longer: 503 with the reason, reads, no lost
    call, and the run ends rightly soon after.
    """
    with needed_tools():
        faults, lasting = fault_sweep.sweep_runs(tmp_path, None if LONG else 5)
    assert faults >= 3 * len(ERRORS)
    assert lasting >= 1


def test_operations_that_fail_while_a_server_starts(tmp_path: Path) -> None:
    """A start that can't make its log says so and exits with 3, and the next one is not hindered."""
    with needed_tools():
        faults, refused = fault_sweep.sweep_starts(tmp_path, None if LONG else 2)
    assert faults >= 2
    assert refused >= 1


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_full_disk(tmp_path: Path, kind: str) -> None:
    """On a full disk requests that write get 503, reads go on, no call is made, and space is enough to go on."""
    mounting = (
        small_tmpfs(tmp_path / "disk", "2m")
        if kind == "tmpfs"
        else small_ext4(tmp_path / "disk.img", tmp_path / "disk", 16_000_000)
    )
    with needed_tools(), mounting as mounted:
        fault_disk.fill_and_free(tmp_path / "run", mounted)


def test_power_of_a_file_system_is_cut(tmp_path: Path) -> None:
    """An ext4 that is shut down under a server has, mounted again, all that was shown, and the server goes on."""
    with needed_tools():
        assert fault_disk.cut_often(tmp_path, 20 if LONG else 1, SEED) > 0


def test_a_server_that_stands_still(tmp_path: Path) -> None:
    """While a server is stopped no second one takes its log, readers read on, and it goes on where it was."""
    assert fault_clock.stand_still(tmp_path, 30 if LONG else 2) > 10


def test_a_clock_that_jumps(tmp_path: Path) -> None:
    """Jumps of two days, back and forth: the log's order is by position, and no duration is negative."""
    with needed_tools():
        assert fault_clock.jump(tmp_path) == 6


def test_a_server_holds_no_more_as_time_goes_by(tmp_path: Path) -> None:
    """Runs that come and go leave no descriptor and no thread behind."""
    lives = fault_soak.soak(tmp_path, 180 if LONG else 8, 60 if LONG else 8)
    fault_soak.assert_level(lives)
    if LONG:
        assert max(map(fault_soak.a_minute, lives)) < fault_soak.GROWTH
