"""`matchspec run` on a terminal: a bar while it goes, colours unless they are not wanted."""

import contextlib
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from project import examples, write_project
from server import MATCHSPEC, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

MODEL = {"type": "command", "command": ["sh", "-c", "sleep 0.3; cat"]}


def on_terminal(folder: Path, *arguments: str, **variables: str) -> str:
    """All that a command writes to a terminal of 100 columns; it must pass."""
    ours, theirs = pty.openpty()
    variables = {"HOME": str(folder / "no-home"), "TERM": "xterm-256color", "COLUMNS": "100"} | variables
    env = environment(**variables)
    if "NO_COLOR" not in variables:
        env.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [MATCHSPEC, *arguments], cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # the terminal is closed with the last process that has it
        while part := os.read(ours, 65_536):
            written += part
    os.close(ours)
    assert process.wait(20) == 0
    return written.decode()


def test_a_bar_with_rate_and_time_left(tmp_path: Path) -> None:
    """While it runs: how many of how many, how fast, how long still; then the report, in colour."""
    write_project(tmp_path, examples=examples(8), model=MODEL, harness={"concurrency": 1})
    written = on_terminal(tmp_path, "run")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert re.search(r"[1-7]/8 +\d+\.\d/s +0:00:0\d", plain)
    assert "overall      PASS" in plain
    assert "\x1b[32m" in written
    assert "loading" not in plain


def test_no_color(tmp_path: Path) -> None:
    """NO_COLOR leaves the bar and takes every colour away."""
    write_project(tmp_path, examples=examples(4), model=MODEL, harness={"concurrency": 1})
    written = on_terminal(tmp_path, "run", NO_COLOR="1")
    assert re.search(r"[1-3]/4", written)
    assert re.search(r"\x1b\[[0-9;]*m", written.replace("\x1b[0m", "").replace("\x1b[1m", "")) is None


def test_verbose_has_no_bar(tmp_path: Path) -> None:
    """A bar would tear the lines of `-v`."""
    write_project(tmp_path, examples=examples(2), model=MODEL)
    written = on_terminal(tmp_path, "run", "-v")
    assert "loading harness: qa-v1 (2 examples)" in written
    assert "[qa-v1] ex-0: exact_match=1.00 ✓" in written
    assert "/2" not in written


def test_quiet_is_quiet_here_too(tmp_path: Path) -> None:
    """Nothing at all."""
    write_project(tmp_path, examples=examples(2))
    assert on_terminal(tmp_path, "run", "-q") == ""
