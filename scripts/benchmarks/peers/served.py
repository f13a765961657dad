"""`matchspec serve`: a server that is up takes a run over HTTP; killed, it is started again and goes on by itself."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from live_server import BrokenError, Document, ask, free_port, matchspec_serve

from benchmarks.peers import matchspec
from benchmarks.peers.processes import Command, Used, started, tail
from benchmarks.peers.work import Scores, Work
from benchmarks.used import cpu_seconds, peak_mb

NAME = "matchspec serve"
BY_HAND = "nothing, once it is started again"
START_SECONDS = 30.0
STOP_SECONDS = 15.0


class Server:
    """A server under way."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def post_run(self) -> None:
        """Start the run."""
        ask(f"{self.url}/run", {"suite": "bench"})

    def latest(self) -> Document:
        """The run, as it stands in the listing."""
        run: Document = ask(f"{self.url}/results?limit=1")["runs"][0]
        return run

    def wait_for_end(self) -> None:
        """Looks at the listing ten times a second, which costs the server little."""
        while self.latest()["status"] == "running":
            time.sleep(0.1)

    def stop(self) -> None:
        """As a supervisor stops it."""
        self.process.terminate()
        self.process.wait(STOP_SECONDS)


@contextmanager
def serving(work: Work) -> Iterator[Server]:
    """A server over the folder's configuration and log, killed at the end of the block unless it was stopped before."""
    port = free_port()
    command = matchspec_serve(work.folder / "matchspec.yml", port, "--db", str(log(work)))
    with started(Command((*command,), {}), work.folder) as process:
        server = Server(process, port)
        _wait_until_ready(server, work.folder)
        yield server


def _wait_until_ready(server: Server, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(BrokenError):
            ask(f"{server.url}/health")
            return
        time.sleep(0.05)
    raise BrokenError(f"{NAME} was not ready within {START_SECONDS:.0f} seconds:\n{tail(folder)}")


def run(work: Work) -> Used:
    """One run by a server that was just started: from the request to the recorded end; CPU of the run alone."""
    with serving(work) as server:
        pid = server.process.pid
        cpu, began = cpu_seconds(pid), time.monotonic()
        server.post_run()
        accepted = time.monotonic() - began
        time.sleep(work.case.ideal)
        server.wait_for_end()
        used = Used(accepted + duration(server), cpu_seconds(pid) - cpu, peak_mb(pid))
        server.stop()
    return used


def duration(server: Server) -> float:
    """Seconds from the recorded start to the recorded end."""
    seconds: float = ask(f"{server.url}/results/{server.latest()['run_id']}?examples=none")["duration_seconds"]
    return seconds


def log(work: Work) -> Path:
    """The server's log."""
    return work.folder / "server" / "log.db"


def store(work: Work) -> Path:
    """The log with its checkpoint."""
    return log(work).parent


def scores(work: Work) -> Scores:
    """Of the events of its log."""
    return matchspec.read_log(log(work))
