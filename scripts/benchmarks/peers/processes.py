"""Runs a command to its end, or kills it in the middle, and reads what it used."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from live_server import BrokenError

LIMIT_SECONDS = 900.0
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


class Command(NamedTuple):
    """What to type: a program with its arguments, and the environment variables that it is given."""

    arguments: tuple[str | Path, ...]
    variables: dict[str, str]


class Used(NamedTuple):
    """Seconds of the clock, seconds of CPU, and the most memory in MB."""

    wall: float
    cpu: float
    peak_mb: float


def run(command: Command, folder: Path) -> Used:
    """Run a command in a folder, which is also its home; BrokenError where it fails or takes longer than it may.

    CPU is that of the process and of all its descendants that were waited for, memory that of the largest of them, both
    as the kernel tells them at the end (wait4(2)).
    """
    began = time.monotonic()
    with started(command, folder) as process:
        watchdog = threading.Timer(LIMIT_SECONDS, kill, [process])
        watchdog.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BrokenError(f"{Path(command.arguments[0]).name} ended with {process.returncode}:\n{tail(folder)}")
    return Used(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


@contextlib.contextmanager
def started(command: Command, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command under way, in a session of its own; what is left of it is killed when the block ends."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": str(folder), "NO_PROXY": "127.0.0.1"} | command.variables
    with (folder / "output.log").open("ab") as output:
        process = subprocess.Popen(
            command.arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and all of its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        process.wait()


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    """Look every 20 ms whether something holds; BrokenError where the process ends before."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        if process.poll() is not None or time.monotonic() > deadline:
            raise BrokenError(f"it ended (exit {process.returncode}) or hung before its middle:\n{tail(folder)}")
        time.sleep(0.02)


def stored_bytes(path: Path) -> int:
    """What a file, or all files below a folder, hold."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def tail(folder: Path) -> str:
    """The last lines that the commands of a folder wrote."""
    lines = (folder / "output.log").read_text(errors="replace").splitlines()[-15:]
    return "\n".join("  " + line for line in lines) or "  (it wrote nothing)"
