"""matchspec: `matchspec run`, which is started for one run as the peers are; and what it shares with a served run."""

import json
import sqlite3
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers.peer import Peer
from benchmarks.peers.processes import Command
from benchmarks.peers.work import BRIEF, Scores, Work
from benchmarks.projects import CONFIG

RUN = ("run", "--quiet", "--no-write")


def install() -> Path:
    """It is there."""
    return Path(sys.executable).parent


def write(work: Work) -> None:
    """A configuration and a harness, in JSON, which is YAML too."""
    model = {"type": "openai", "model": "echo", "base_url": work.base_url}
    graders = [
        {"type": "exact_match"},
        {"type": "contains"},
        {"type": "regex", "name": "brief", "config": {"pattern": BRIEF}},
    ]
    harness = {
        "version": 1,
        "name": "bench",
        "dataset": "./dataset.jsonl",
        "model": model,
        "graders": graders,
        "concurrency": work.case.concurrency,
    }
    (work.folder / "matchspec.yml").write_text(CONFIG)
    (work.folder / "harness.yml").write_text(json.dumps(harness))


def command(programs: Path, _work: Work) -> Command:
    """The run's log is kept, synced; no file with the result beside it."""
    return Command((programs / "matchspec", *RUN), {})


def store(work: Work) -> Path:
    """The run's log."""
    return work.folder / ".matchspec"


def scores(_programs: Path, work: Work) -> Scores:
    """Of the events of the run's log."""
    return read_log(log(work))


def log(work: Work) -> Path:
    """The one log of the folder."""
    (found,) = (store(work) / "runs").glob("*.db")
    return found


def read_log(path: Path) -> Scores:
    """The scores in a log, a server's or a run's."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        bodies = database.execute("SELECT body FROM events WHERE type = 'example_scored'").fetchall()
    found = [json.loads(body)["scores"] for (body,) in bodies]
    names = ("exact_match", "contains", "brief")
    return Scores(len(found), *(round(sum(scores[name] for scores in found)) for name in names))


def go_on(programs: Path, work: Work) -> list[Command]:
    """The log's name is the run's id."""
    return [Command((programs / "matchspec", *RUN, "--resume", log(work).stem), {})]


PEER = Peer(
    name="matchspec run",
    version=version("matchspec"),
    install=install,
    write=write,
    command=command,
    store=store,
    scores=scores,
    go_on=go_on,
    by_hand="`matchspec run --resume RUN_ID`",
)
