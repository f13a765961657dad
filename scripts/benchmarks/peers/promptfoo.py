"""promptfoo: `promptfoo eval`, its OpenAI provider, its SQLite database."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.peers.environments import node, node_environment
from benchmarks.peers.peer import Peer
from benchmarks.peers.processes import Command
from benchmarks.peers.work import BRIEF, Scores, Work
from benchmarks.projects import rows

VERSION = "0.121.20"
ENTRY = Path("promptfoo") / "dist" / "src" / "entrypoint.js"
SWITCHES = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_DISABLE_SHARING": "1",
    "PROMPTFOO_DISABLE_DEBUG_LOG": "1",
    "PROMPTFOO_DISABLE_ERROR_LOG": "1",
    "PROMPTFOO_FAILED_TEST_EXIT_CODE": "0",
}
QUIET = ("--no-cache", "--no-share", "--no-table", "--no-progress-bar")


def install() -> Path:
    """With npm, without the scripts of its packages."""
    return node_environment("promptfoo", f"promptfoo@{VERSION}")


def write(work: Work) -> None:
    """A configuration in JSON, which is YAML too, and the examples as test cases."""
    model = {"id": "openai:chat:echo", "config": {"apiBaseUrl": work.base_url, "apiKey": "none"}}
    graders = [
        {"type": "equals", "value": "{{expected}}"},
        {"type": "contains", "value": "{{expected}}"},
        {"type": "regex", "value": BRIEF},
    ]
    document = {
        "prompts": ["{{input}}"],
        "providers": [model],
        "tests": "file://tests.jsonl",
        "defaultTest": {"assert": graders},
    }
    (work.folder / "promptfooconfig.yaml").write_text(json.dumps(document))
    with (work.folder / "tests.jsonl").open("w") as file:
        for row in rows(work.case.examples):
            file.write(json.dumps({"vars": {"input": row["input"], "expected": row["expected"]}}) + "\n")


def command(modules: Path, work: Work) -> Command:
    """All examples."""
    return evaluate(modules, work, "-c", "promptfooconfig.yaml")


def evaluate(modules: Path, work: Work, *options: str) -> Command:
    """`promptfoo eval` with its database in the folder, nothing shown but the summary."""
    variables = {**SWITCHES, "PROMPTFOO_CONFIG_DIR": str(store(work))}
    return Command((node(), modules / ENTRY, "eval", "-j", work.at_once, *QUIET, *options), variables)


def store(work: Work) -> Path:
    """Its database and what stands beside it."""
    return work.folder / "promptfoo"


def scores(_modules: Path, work: Work) -> Scores:
    """Of the rows of its database; an example that is there twice counts once."""
    with closing(sqlite3.connect(f"file:{store(work) / 'promptfoo.db'}?mode=ro", uri=True)) as database:
        found = dict(database.execute("SELECT test_idx, grading_result FROM eval_results WHERE failure_reason <> 2"))
    passed = [[part["pass"] for part in json.loads(result)["componentResults"]] for result in found.values()]
    return Scores(len(found), *(sum(column) for column in zip(*passed, strict=True)))


def go_on(modules: Path, work: Work) -> list[Command]:
    """The latest evaluation."""
    return [evaluate(modules, work, "--resume")]


PEER = Peer(
    name="promptfoo",
    version=VERSION,
    install=install,
    write=write,
    command=command,
    store=store,
    scores=scores,
    go_on=go_on,
    by_hand="`promptfoo eval --resume`",
)
