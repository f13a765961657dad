"""Tests of one group never run at the same time: what they need, a port or a browser, there is once."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import os
import pytest

@pytest.mark.xdist_group("one at a time")
@pytest.mark.parametrize("number", range(6))
def test_tells_where_it_runs(number):
    with open("processes.txt", "a") as told:
        print(os.environ["PYTEST_XDIST_WORKER"], file=told)
"""


@pytest.mark.slow
def test_a_group_runs_in_one_process(tmp_path: Path) -> None:
    """Six tests of a group, two processes: all six run in the same one."""
    (tmp_path / "test_group.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "--numprocesses", "2", "--dist", "loadgroup", "-q"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 0, ended.stdout
    told = (tmp_path / "processes.txt").read_text().split()
    assert (len(told), len(set(told))) == (6, 1)
