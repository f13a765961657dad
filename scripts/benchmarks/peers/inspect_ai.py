"""Inspect AI: `inspect eval`, its OpenAI-compatible provider, one `.eval` log."""

import json
import shutil
import subprocess
from pathlib import Path

from live_server import BrokenError

from benchmarks.peers.environments import python_environment
from benchmarks.peers.peer import Peer
from benchmarks.peers.processes import Command
from benchmarks.peers.work import Scores, Work

VERSION = "0.3.285"
PROGRAMS = Path(__file__).parent / "programs"
RECOVERED = "recovered.eval"


def install() -> Path:
    """With the client library that its provider asks for."""
    return python_environment("inspect-ai", f"inspect-ai=={VERSION}", "openai==3.54.0")


def write(work: Work) -> None:
    """It takes a task by a path relative to where it is started."""
    shutil.copy(PROGRAMS / "inspect_task.py", work.folder)


def command(programs: Path, work: Work) -> Command:
    """The least that keeps results: samples in the log, but no events of them while they happen."""
    return evaluate(programs, work, "--no-log-realtime")


def kill_command(programs: Path, work: Work) -> Command:
    """`inspect log recover` reads the events that are kept while they happen, which is the default."""
    return evaluate(programs, work)


def evaluate(programs: Path, work: Work, *options: str) -> Command:
    """`inspect eval` with its provider for OpenAI-compatible servers."""
    return limited(programs, work, "eval", "inspect_task.py", "--model", "openai-api/bench/echo", *options)


def limited(programs: Path, work: Work, *arguments: str) -> Command:
    """With its limits lifted to the calls at once, where the model is, and nothing shown."""
    limits = ("--max-connections", work.at_once, "--max-samples", work.at_once)
    quiet = ("--display", "none", "--no-score-display", "--log-dir", "logs")
    variables = {"BENCH_API_KEY": "none", "BENCH_BASE_URL": work.base_url, "BENCH_DATASET": str(work.dataset)}
    return Command((programs / "inspect", *arguments, *limits, *quiet), variables)


def store(work: Work) -> Path:
    """Its logs."""
    return work.folder / "logs"


def scores(programs: Path, work: Work) -> Scores:
    """Of the last log; one that a killed run left is recovered first, as a person would."""
    log = max(store(work).glob("*.eval"), key=lambda path: path.stat().st_mtime)
    if is_cut_off(programs, work, log):
        must(programs / "inspect", "log", "recover", log, "--output", store(work) / RECOVERED, work=work)
        log = store(work) / RECOVERED
    return Scores(**json.loads(must(programs / "python", PROGRAMS / "inspect_read.py", log, work=work)))


def is_cut_off(programs: Path, work: Work, log: Path) -> bool:
    """Whether a log was never finished."""
    header = json.loads(must(programs / "inspect", "log", "dump", "--header-only", log, work=work))
    return log.name != RECOVERED and header["status"] == "started"


def go_on(programs: Path, work: Work) -> list[Command]:
    """The samples that are missing, in a log of their own with those that are there."""
    return [limited(programs, work, "eval-retry", f"logs/{RECOVERED}")]


def must(*arguments: str | Path, work: Work) -> str:
    """What one of its commands prints; BrokenError where it fails."""
    environment = {"HOME": str(work.folder), "PATH": "/usr/bin:/bin", "INSPECT_DISPLAY": "none"}
    ended = subprocess.run(
        arguments, cwd=work.folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if ended.returncode:
        raise BrokenError(f"{' '.join(map(str, arguments))}:\n{ended.stderr[-2000:]}")
    return ended.stdout


PEER = Peer(
    name="Inspect AI",
    version=VERSION,
    install=install,
    write=write,
    command=command,
    store=store,
    scores=scores,
    go_on=go_on,
    by_hand="`inspect log recover`, then `inspect eval-retry` with the recovered log",
    kill_command=kill_command,
)
