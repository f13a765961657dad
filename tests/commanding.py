"""`matchspec` as typed in a folder: a process with no more of our environment than it needs."""

import subprocess
from pathlib import Path

from server import MATCHSPEC, environment


def matchspec(folder: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A finished command, whose home is empty; it never ends with a traceback."""
    finished = subprocess.run(
        [MATCHSPEC, *arguments],
        cwd=folder,
        env=environment(**{"HOME": str(folder / "no-home")} | variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in finished.stderr, finished.stderr
    return finished
