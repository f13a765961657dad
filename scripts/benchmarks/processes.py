"""Starts what is measured in processes of its own, and reads what they use."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from live_server import SCRIPTS, START_SECONDS, BrokenError, Document, ask, free_port, matchspec_serve, running

KEY = "benchmark"


class Served(NamedTuple):
    """A server under way: where, which process, and after how many seconds it answered for the first time."""

    port: int
    pid: int
    started_after: float

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: Document | None = None) -> Document:
        """The document at a path, asked with the key."""
        return ask(self.url + path, body, key=KEY)


@contextlib.contextmanager
def matchspec(home: Path, db: str | None = None, *options: str) -> Iterator[Served]:
    """`matchspec serve` over the project in a folder, with a key, for a block; its log is there, or in `db`."""
    command = matchspec_serve(home / "matchspec.yml", port := free_port(), "--db", db or str(home / "log.db"), *options)
    with _serving("matchspec serve", command, port, home, MATCHSPEC_API_KEY=KEY) as served:
        yield served


@contextlib.contextmanager
def model_server(folder: Path, latency_ms: float, *options: str) -> Iterator[Served]:
    """The model server, for the time of a block."""
    command = [*program("model"), "--port", str(port := free_port()), "--latency-ms", str(latency_ms), *options]
    with _serving("the model server", command, port, folder) as served:
        yield served


@contextlib.contextmanager
def bare_asgi(folder: Path, *arguments: str) -> Iterator[Served]:
    """The bare ASGI application, for the time of a block."""
    command = [*program("bare_asgi"), str(port := free_port()), *arguments]
    with _serving("the bare application", command, port, folder) as served:
        yield served


@contextlib.contextmanager
def _serving(name: str, command: list[str], port: int, folder: Path, **variables: str) -> Iterator[Served]:
    began = time.monotonic()
    log = folder / f"server-{port}.log"
    with running(name, command, f"http://127.0.0.1:{port}/health", log, PYTHONPATH=str(SCRIPTS), **variables) as pid:
        yield Served(port, pid, time.monotonic() - began)


@contextlib.contextmanager
def started(commands: Sequence[Sequence[str]], folder: Path, ready: str) -> Iterator[None]:
    """Programs that go on until the block ends, which begins when each has printed a word. They see no MATCHSPEC_."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MATCHSPEC_")}
    said = [folder / f"program-{number}.log" for number in range(len(commands))]
    with contextlib.ExitStack() as stack:
        processes = []
        for command, path in zip(commands, said, strict=True):
            log = stack.enter_context(path.open("wb"))
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
            processes.append(stack.enter_context(process))
            stack.callback(process.terminate)
        until = time.monotonic() + START_SECONDS
        while not all(ready in path.read_text() for path in said):
            if time.monotonic() > until or any(process.poll() is not None for process in processes):
                raise BrokenError("a program does not start:\n" + "\n".join(path.read_text() for path in said))
            time.sleep(0.02)
        yield


def get(path: str) -> bytes:
    """A GET request with the key."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()


def matchspec_command(*words: str) -> list[str]:
    """The command line of a command of matchspec."""
    return [str(Path(sys.executable).with_name("matchspec")), *words]


def program(name: str) -> list[str]:
    """The command that runs a module of this folder."""
    return [sys.executable, "-m", f"benchmarks.{name}"]


def run_program(name: str, *arguments: object) -> Document:
    """Run a module of this folder to its end; gives what it printed, as JSON. BrokenError where it failed."""
    command = [*program(name), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ended.returncode:
        raise BrokenError(f"benchmarks.{name} stopped:\n{ended.stderr}")
    printed: Document = json.loads(ended.stdout)
    return printed


def run_together(name: str, *arguments: Sequence[object]) -> list[Document]:
    """Run a module once for each of these arguments, at once: it says `ready` and begins at a line when all are.

    Gives what each printed then, as JSON. BrokenError where one failed.
    """
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    with contextlib.ExitStack() as stack:
        processes = []
        for one in arguments:
            command = [*program(name), *map(str, one)]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        if [process.stdout.readline() for process in processes if process.stdout] != ["ready\n"] * len(processes):
            raise BrokenError(f"benchmarks.{name} did not get ready")
        for process in processes:
            if process.stdin:
                process.stdin.write("\n")
                process.stdin.flush()
        printed = [process.communicate()[0] for process in processes]
        if any(process.returncode for process in processes):
            raise BrokenError(f"benchmarks.{name} stopped")
    return [json.loads(one) for one in printed]
