"""Starts model servers and `matchspec serve` for a script, speaks to their HTTP, and stops them again."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

SCRIPTS = Path(__file__).parent
START_SECONDS = 30.0
STOP_SECONDS = 6.0

Document = dict[str, Any]


class BrokenError(Exception):
    """Something did not work; the message is a sentence for the person who started the script."""


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Whether something listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(url: str, body: Document | None = None, key: str | None = None) -> Document:
    """The JSON that a server answers with, to a GET or, with a body, to a POST; raises BrokenError."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
            document: Document = json.load(response)
            return document
    except urllib.error.HTTPError as refusal:
        raise BrokenError(f"{url} answered {refusal.code}: {_reason(refusal.read())}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise BrokenError(f"{url} did not answer: {error}") from None


def _reason(body: bytes) -> str:
    """What a refusal says: the detail of a problem document (RFC 9457), else its text."""
    with contextlib.suppress(ValueError, LookupError, TypeError):
        return str(json.loads(body)["detail"])
    return body.decode(errors="replace")


@contextlib.contextmanager
def running(name: str, command: Sequence[str | Path], ready_url: str, log: Path, **variables: str) -> Iterator[int]:
    """A server for the time of a block, ready when `ready_url` answers; raises BrokenError with what it last wrote.

    Gives its process id.

    It does not see our MATCHSPEC_ settings but MATCHSPEC_DB and `variables`, and no Ctrl-C: it is stopped when the
    block ends.
    """
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith("MATCHSPEC_") or key == "MATCHSPEC_DB"
    } | variables
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=kept, start_new_session=True
        )
    try:
        _wait_until_ready(name, process, ready_url, log)
        yield process.pid
    finally:
        _stop(process)


def _wait_until_ready(name: str, process: subprocess.Popen[bytes], ready_url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BrokenError(f"{name} stopped at once (exit {process.returncode}):\n{_tail(log)}")
        with contextlib.suppress(BrokenError):
            ask(ready_url)
            return
        time.sleep(0.05)
    raise BrokenError(f"{name} was not ready within {START_SECONDS:.0f} seconds:\n{_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return (
        "\n".join("  " + line for line in log.read_text(errors="replace").splitlines()[-15:]) or "  (it wrote nothing)"
    )


def python_script(name: str, *arguments: str) -> list[str]:
    """The command that runs a script of this folder."""
    return [sys.executable, str(SCRIPTS / name), *arguments]


def matchspec_serve(config: Path, port: int, *arguments: str) -> list[str]:
    """The command that serves a config."""
    matchspec = str(Path(sys.executable).with_name("matchspec"))
    return [matchspec, "serve", "--config", str(config), "--port", str(port), *arguments]


def follow(results_url: str, pause_seconds: float) -> Iterator[Document]:
    """The run's document, again and again until it is over; the last one is the result."""
    while True:
        document = ask(results_url)
        yield document
        if document["status"] != "running":
            return
        time.sleep(pause_seconds)


def exit_on_signals() -> None:
    """Lets SIGTERM and SIGHUP unwind the blocks that are open, as Ctrl-C does, so that nothing is left running."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
