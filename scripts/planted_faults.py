"""Breaks a copy of the code, one fault at a time, and shows that the tests catch each: `scripts/planted-faults`.

A fault counts as caught when a test named for it fails or hangs; not when the tests can no longer be collected.
First the same tests must pass on the code as it is.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from planted_faults_table import FAULTS, Fault

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["domain", "projections", "service", "scripts", "tests", "docs", "evals"]
FILES = ["pyproject.toml", "matchspec.yml", "README.md", "CHANGELOG.md", "LICENSE"]
TESTS_FAILED = 1
HUNG = -9
HANG_SECONDS = 300
AT_ONCE = 2


class Tried(NamedTuple):
    """How a run of the tests ended and what it printed."""

    returncode: int
    said: str


class Verdict(NamedTuple):
    """What became of a fault, and the last line of what the tests printed."""

    fault: Fault
    caught: bool
    said: str


def main(arguments: Sequence[str]) -> int:
    """Plant the faults that are named, or all; 0 when each was caught."""
    parser = argparse.ArgumentParser(prog="scripts/planted-faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a fault; all when none is named")
    parser.add_argument("--list", action="store_true", help="print the faults and stop")
    chosen = parser.parse_args(arguments)
    faults = [fault for fault in FAULTS if not chosen.names or fault.name in chosen.names]
    if chosen.list:
        print("\n".join(f"{fault.name:34} {fault.tests}" for fault in faults))
        return 0
    if not faults:
        parser.error("no such fault; --list names them")
    return plant_all(faults)


def plant_all(faults: Sequence[Fault]) -> int:
    """Try the code as it is, then with each fault."""
    tests = sorted({test for fault in faults for test in fault.tests.split()})
    untouched = try_with(None, tests)
    if untouched.returncode:
        print(untouched.said)
        print("the tests fail on the code as it is: what they catch proves nothing")
        return 2
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = [tell(verdict) for verdict in pool.map(plant, faults)]
    caught = sum(verdict.caught for verdict in verdicts)
    print(f"{caught} of {len(verdicts)} planted faults were caught")
    return 0 if caught == len(verdicts) else 1


def plant(fault: Fault) -> Verdict:
    """Try the tests of one fault on a copy that has it."""
    finished = try_with(fault, fault.tests.split())
    said = finished.said.strip().splitlines()
    return Verdict(fault, finished.returncode in (TESTS_FAILED, HUNG), said[-1] if said else "")


def tell(verdict: Verdict) -> Verdict:
    """Print what became of a fault."""
    print(f"{'caught' if verdict.caught else 'MISSED'}  {verdict.fault.name:34} {verdict.said}", flush=True)
    return verdict


def try_with(fault: Fault | None, tests: Sequence[str]) -> Tried:
    """Run tests in a copy of the project, with a fault in it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_project(Path(folder))
        if fault:
            break_code(copy, fault)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", "--tb=line"]
        running = subprocess.Popen(
            [*command, *(f"tests/{test}" for test in tests)],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy)},  # before the installed project, also for its command
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = running.communicate(timeout=HANG_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            said, _ = running.communicate()
            said += "hung"
        return Tried(running.returncode, said)


def copy_project(target: Path) -> Path:
    """Copy what the tests need."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, target / name)
    return target


def break_code(folder: Path, fault: Fault) -> None:
    """Put a fault into a copy; ValueError where the code it breaks has changed."""
    for file, old, new in fault.changes:
        path = folder / file
        text = path.read_text()
        if text.count(old) != 1:
            raise ValueError(f"{fault.name}: {file} holds this {text.count(old)} times, not once:\n{old}")
        path.write_text(text.replace(old, new))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
