"""The server that the fuzzers attack: a real `matchspec serve` over a small project, whose log must stay as it is."""

import argparse
import contextlib
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from live_server import BrokenError, ask, exit_on_signals, free_port, matchspec_serve, running

CONFIG = {"version": 1, "suites": [{"name": "qa", "harnesses": ["harness.yml"]}]}
HARNESS = {
    "version": 1,
    "name": "qa-v1",
    "dataset": {"name": "d", "examples": [{"id": "a", "input": "q", "expected": "q"}]},
    "model": {"type": "echo"},
    "graders": [{"type": "exact_match"}],
}


class Target(NamedTuple):
    """A server under attack."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def assert_sound(self) -> None:
        """Raise BrokenError where it does not answer any more, or has written a traceback."""
        ask(f"{self.url}/health")
        ask(f"{self.url}/results")
        said = self.log.read_text(errors="replace")
        if "Traceback" in said:
            raise BrokenError(f"the server wrote a traceback:\n{said[-3_000:]}")


@contextlib.contextmanager
def target() -> Iterator[Target]:
    """Serve for the time of a block; it must be sound at the end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "matchspec.yml").write_text(json.dumps(CONFIG))
        (path / "harness.yml").write_text(json.dumps(HARNESS))
        server = Target(free_port(), path / "server.txt")
        command = matchspec_serve(path / "matchspec.yml", server.port)
        with running("matchspec serve", command, f"{server.url}/health", server.log):
            yield server
            server.assert_sound()


def arguments(description: str, count: int) -> argparse.Namespace:
    """What was typed: `count`, and the `seed` with which a failure can be met again."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=count, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of what is random")
    exit_on_signals()
    return parser.parse_args()
