"""A real `matchspec serve` that a test may kill, the recorded model it asks, and the log it leaves behind."""

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from struct import pack
from typing import Any, NamedTuple, Self

from live_server import Document, ask, free_port, python_script, running
from openai_shape import CHAT_PATH, MODELS_PATH

MATCHSPEC = Path(sys.executable).with_name("matchspec")
START_SECONDS = 30.0
OVER_SECONDS = 60.0


def environment(**variables: str) -> dict[str, str]:
    """Ours without the names that matchspec reads, and with these."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MATCHSPEC_")} | variables


def serve_command(*options: str | Path) -> list[str]:
    """The command that serves on any free port."""
    return [str(MATCHSPEC), "serve", "--port", "0", *map(str, options)]


def run_serve(folder: Path, *options: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A `matchspec serve` that must end by itself, in a folder without a home."""
    variables = {"HOME": str(folder / "home")} | variables
    return subprocess.run(
        serve_command(*options),
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class Spawned:
    """A `matchspec` process; `output` holds all it prints. Killed at the block's end."""

    def __init__(self, command: Sequence[str], folder: Path, cwd: Path | None, variables: Mapping[str, str]) -> None:
        self.output = folder / f"{command[1]}-{time.monotonic_ns()}.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(**variables),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def said(self) -> str:
        """All that it printed."""
        return self.output.read_text(errors="replace")

    def says(self, words: str) -> None:
        """Wait until it has printed some words."""
        until(lambda: words in self.said() or self.process.poll() is not None, START_SECONDS, "a start")
        assert words in self.said(), self.said()

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15.0) -> int:
        """Send a signal; gives the exit code. Fails when the process lives on."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


class Server(Spawned):
    """A `matchspec serve` process on a port of its own."""

    def __init__(self, config: Path, *options: str | Path, **variables: str) -> None:
        self.config = config
        self._url = ""
        super().__init__(serve_command("--config", config, *options), config.parent, None, variables)

    @property
    def url(self) -> str:
        """Its address, once it listens."""
        if not self._url:
            self.says("listening on ")
            self._url = self.said().partition("listening on ")[2].split()[0]
        return self._url

    def get(self, path: str) -> Document:
        """The document at a path; raises BrokenError."""
        return ask(self.url + path)

    def start_run(self, **body: object) -> str:
        """Start a run; gives its id."""
        return str(ask(f"{self.url}/run", body)["run_id"])

    def result(self, run_id: str, seconds: float = OVER_SECONDS) -> Document:
        """The run's document once it is over."""
        documents: list[Document] = []

        def over() -> bool:
            documents[:] = [self.get(f"/results/{run_id}")]
            return bool(documents[0]["status"] != "running")

        until(over, seconds, f"the end of {run_id}")
        return documents[0]


class Worker(Spawned):
    """A `matchspec worker` process that is at work."""

    def __init__(self, folder: Path, *options: str | Path, **variables: str) -> None:
        super().__init__([str(MATCHSPEC), "worker", *map(str, options)], folder, folder, variables)
        try:
            self.says("working")
        except AssertionError:
            self.kill()
            raise


def until(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something holds; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.01)


class Calls(NamedTuple):
    """What a recorded model was asked: how often in all, and each input."""

    total: int
    in_flight: int
    inputs: dict[str, int]


class Model:
    """A running scripts/replay_model.py."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def spec(self) -> Document:
        """The `model` of a harness file that asks it."""
        return {
            "type": "http",
            "endpoint": self.url + CHAT_PATH,
            "request_template": '{"model": "m", "messages": [{"role": "user", "content": "{{input}}"}]}',
            "response_path": "choices[0].message.content",
        }

    def calls(self) -> Calls:
        """What it was asked so far."""
        counts = ask(f"{self.url}/calls?detail=1")
        return Calls(counts["total"], counts["in_flight"], counts["inputs"])


@contextlib.contextmanager
def recorded_model(
    folder: Path, outputs: dict[str, str], latency_ms: float, port: int | None = None
) -> Iterator[Model]:
    """A model that answers inputs with outputs after a while, for the time of a block."""
    answers = folder / f"answers-{time.monotonic_ns()}.jsonl"
    answers.write_text("".join(json.dumps({"input": one, "output": two}) + "\n" for one, two in outputs.items()))
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = python_script("replay_model.py", str(answers), "--port", str(port), "--latency-ms", str(latency_ms))
    with running("replay_model", command, url + MODELS_PATH, answers.with_suffix(".txt")):
        yield Model(url)


class Logged(NamedTuple):
    """An event as it stands in the log."""

    position: int
    run_id: str
    version: int
    type: str
    at: str
    body: dict[str, Any]


def log_of(config: Path) -> Path:
    """Where a server keeps the log of a config, unless told otherwise."""
    return config.parent / ".matchspec" / "matchspec.db"


def read_log(db: Path, run_id: str | None = None) -> list[Logged]:
    """The events of a log, or of one of its runs, read with nothing of ours."""
    rows = _rows(db, "SELECT position, run_id, version, type, at, body FROM events ORDER BY position")
    events = [Logged._make((*row[:5], json.loads(row[5]))) for row in rows]
    return [event for event in events if run_id in (None, event.run_id)]


def of_type(events: Sequence[Logged], name: str) -> list[Logged]:
    """The events of a type."""
    return [event for event in events if event.type == name]


def assert_chained(db: Path) -> None:
    """The log's positions have no gap and its hashes are those of section "Hash chain" of the log's format."""
    previous = bytes(32)
    query = "SELECT position, run_id, version, type, at, body, leaf, hash FROM events ORDER BY position"
    for place, (position, run_id, version, name, at, body, leaf, link) in enumerate(_rows(db, query), 1):
        texts = b"".join(pack(">I", len(text.encode())) + text.encode() for text in (run_id, name, at))
        own = hashlib.sha256(b"\0" + pack(">Q", version) + texts + hashlib.sha256(body).digest()).digest()
        previous = hashlib.sha256(b"\1" + previous + pack(">Q", position) + own).digest()
        assert (position, leaf, link) == (place, own, previous)


def _rows(db: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        return list(connection.execute(query))
