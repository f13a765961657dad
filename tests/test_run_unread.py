"""A run does not depend on whether anybody reads what it prints."""

import os
import subprocess
from pathlib import Path

import pytest
from calling import result_files
from project import write_project
from server import MATCHSPEC, environment


def run_into(folder: Path, stdout: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command whose stdout is this descriptor."""
    return subprocess.run(
        [MATCHSPEC, *arguments],
        cwd=folder,
        env=environment(HOME=str(folder)),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_run_whose_reader_went_away_goes_on(tmp_path: Path) -> None:
    """`matchspec run | head -1` leaves its result file and exits with the verdict, without a word."""
    write_project(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    ended = run_into(tmp_path, writing, "run")
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(result_files(tmp_path)) == 1


@pytest.mark.parametrize(("arguments", "code"), [(["run"], 0), (["schema"], 3), (["validate"], 3)])
def test_a_full_disk_behind_stdout_is_told(tmp_path: Path, arguments: list[str], code: int) -> None:
    """What can't be printed is told on stderr; a run keeps its verdict, since its files are elsewhere."""
    write_project(tmp_path)
    with Path("/dev/full").open("w") as full:
        ended = run_into(tmp_path, full.fileno(), *arguments)

    assert ended.returncode == code
    assert ended.stderr == "matchspec: can't write to standard output: No space left on device\n"
