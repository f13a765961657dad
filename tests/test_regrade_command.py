"""`matchspec regrade`: the outputs of a past run, wherever it is recorded, held to today's files."""

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from calling import Called, call, document_of, run_logs
from commanding import matchspec
from live import serving as live_server
from project import ECHO, EXACT, Fields, examples, suite, write_config, write_harness, write_project
from running import Client, serving
from server import MATCHSPEC, assert_chained, environment, of_type, read_log, until

COUNTED = {"type": "command", "command": ["sh", "-c", 'echo asked >> "$0"; cat', "asked.txt"]}
"""Echoes, and notes every call in a file beside the harness file."""

SLOW: Fields = {"type": "python", "name": "slow", "config": {"callable": "grade.py:slow"}}
GRADER = (
    "import time\n\n\ndef slow(config):\n    def grade(input, expected, output, metadata):\n"
    "        time.sleep(0.1)\n        return 1.0\n\n    return grade\n"
)


def project(folder: Path, threshold: float = 0.9) -> Path:
    """Four examples, of which the model answers three rightly."""
    wrong = {"id": "bad", "input": "x", "expected": "y"}
    one = suite("qa", "qa-v1", thresholds={"overall": threshold})
    return write_project(folder, examples=[*examples(3), wrong], model=COUNTED, suites=[one])


def run_id_of(folder: Path) -> str:
    """The id of the only run so far."""
    (log,) = run_logs(folder)
    return log.stem


def asked(folder: Path) -> int:
    """How often the model was asked."""
    return len((folder / "evals" / "qa-v1" / "asked.txt").read_text().splitlines())


def test_a_laxer_threshold_passes_what_is_recorded(tmp_path: Path) -> None:
    """Exit code, report, result file and a log of its own, as `matchspec run` leaves them; the model is not asked."""
    project(tmp_path)
    before = call(tmp_path, "run")
    old = run_id_of(tmp_path)
    project(tmp_path, 0.7)
    (tmp_path / "evals" / "qa-v1" / "dataset.jsonl").unlink()
    after = call(tmp_path, "regrade", old)

    assert (before.code, after.code, after.stderr) == (1, 0, "")
    assert after.stdout.startswith("loading suite: qa\nloading harness: qa-v1 (4 examples)\n")
    document = document_of(tmp_path, after)
    assert (document["verdict"], document["regrades"], asked(tmp_path)) == ("PASS", old, 4)
    kept = ("id", "output", "latency_ms")
    shown = [
        [[one[name] for name in kept] for one in document["examples"]]
        for document in (document_of(tmp_path, before), document)
    ]
    assert shown[0] == shown[1]
    (log,) = (log for log in run_logs(tmp_path) if log.stem == document["run_id"])
    assert_chained(log)
    report = call(tmp_path, "report", document["run_id"]).stdout
    assert report in after.stdout
    assert report.splitlines()[0].endswith(f"  {document['run_id']} (outputs of {old})")
    markdown = call(tmp_path, "report", document["run_id"], "-f", "markdown").stdout
    assert f" · `{document['run_id']}`, outputs of `{old}`\n" in markdown


def test_a_regrade_stands_alone(tmp_path: Path) -> None:
    """Once it is over, the log of the old run is not needed: neither for a report nor for another regrade."""
    project(tmp_path)
    call(tmp_path, "run")
    old = run_id_of(tmp_path)
    first = document_of(tmp_path, call(tmp_path, "regrade", old))["run_id"]
    for part in (tmp_path / ".matchspec" / "runs").glob(f"{old}*"):
        part.unlink()
    assert call(tmp_path, "report", first).code == 0
    again = call(tmp_path, "regrade", first, "-q")
    assert (again.code, again.stdout) == (1, "")
    assert asked(tmp_path) == 4


def test_options_are_those_of_run(tmp_path: Path) -> None:
    """Files beside the JSON file, a folder for them, a badge, each example by `-v`, none of them by `--no-write`."""
    project(tmp_path)
    call(tmp_path, "run", "--no-write")
    old = run_id_of(tmp_path)
    called = call(tmp_path, "regrade", old, "-o", "junit", "--output-dir", "out", "--badge", "b.svg", "-v")
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json", ".xml"]
    assert "[qa-v1] bad: exact_match=0.00 ✗" in called.stdout
    assert (tmp_path / "b.svg").is_file()
    assert call(tmp_path, "regrade", old, "--no-write").written == []


def test_a_run_of_paths(tmp_path: Path) -> None:
    """Its harness files are found by the paths again, those that are new below them too; a configuration gives only
    statistics, though it has a suite of the same name.
    """
    write_harness(tmp_path, "a", examples=examples(2))
    first = call(tmp_path, "run", "evals")
    old = run_id_of(tmp_path)
    write_harness(tmp_path, "a", examples=[], graders=[{**EXACT, "name": "same"}])
    write_harness(tmp_path, "b", examples=examples(2))
    minimum = {"min_sample_size": 3, "min_sample_action": "fail"}
    write_config(tmp_path, [suite("evals", "a", thresholds={"same": 0.1})], statistics=minimum)
    called = call(tmp_path, "regrade", old)

    assert (first.code, called.code) == (0, 1)
    document = document_of(tmp_path, called)
    (row,) = document["grader_results"]
    assert (row["name"], row["suite"], row["threshold"], row["n"]) == ("same", "evals", 1.0, 2)
    assert f"harness 'b' of suite 'evals' is left out: {old} did not ask it" in document["warnings"]
    shutil.rmtree(tmp_path / "evals")
    (tmp_path / "matchspec.yml").unlink()
    gone = call(tmp_path, "regrade", old)
    assert (gone.code, gone.stdout) == (2, "")
    assert f"suite 'evals' of {old} is not there any more" in gone.stderr


async def server_run(config: Path) -> str:
    """A run of a server."""
    async with serving(config) as client:
        document = await client.run()
    return str(document["run_id"])


def new_document(folder: Path, called: Called) -> dict[str, Any]:
    """The document of a regrade that passed."""
    assert (called.code, called.stderr) == (0, "")
    return document_of(folder, called)


@pytest.mark.parametrize("named", [False, True], ids=["usual place", "--db"])
def test_a_run_of_a_server(tmp_path: Path, named: bool) -> None:
    """It is found in the server's log; the new run has a log of its own, with the examples it needs."""
    config = write_project(tmp_path, examples=examples(3))
    old = asyncio.run(server_run(config))
    db = ["--db", "elsewhere.db"] if named else []
    if named:
        (tmp_path / ".matchspec" / "matchspec.db").rename(tmp_path / "elsewhere.db")
    document = new_document(tmp_path, call(tmp_path, "regrade", old, *db))
    assert (document["regrades"], len(document["examples"])) == (old, 3)
    (log,) = run_logs(tmp_path)
    with closing(sqlite3.connect(log)) as database:
        assert database.execute("SELECT count(*) FROM contents").fetchone() == (3,)  # plan, manifest, one block


async def test_beside_a_server_that_writes(tmp_path: Path) -> None:
    """A server that holds the log is not disturbed, and `--server` does the same there."""
    config = write_project(tmp_path, examples=examples(3))
    async with serving(config) as client:
        old = (await client.run())["run_id"]
        here = await asyncio.to_thread(matchspec, tmp_path, "regrade", old)
        assert (here.returncode, here.stderr) == (0, "")
        assert len(run_logs(tmp_path)) == 1
        assert (await client.http.get("/results")).json()["total"] == 1
        assert await newest(client) == old


async def newest(client: Client) -> str:
    """The id of the run that started last."""
    return str((await client.http.get("/results")).json()["runs"][0]["run_id"])


@pytest.mark.slow
def test_on_a_server(tmp_path: Path) -> None:
    """`--server` regrades there and reports here; what is refused there is told, with 2."""
    with live_server(project(tmp_path / "server")) as live, live.client() as client:
        old = client.post("/run").json()["run_id"]
        until(lambda: client.get(f"/results/{old}").json()["status"] != "running", 20, "the run's end")
        project(tmp_path / "server", 0.7)
        url = f"http://127.0.0.1:{live.port}"
        called = call(tmp_path, "regrade", old, "--server", url)
        document = new_document(tmp_path, called._replace(stderr=""))
        assert client.get(f"/results/{document['run_id']}").json() == document
        assert (document["regrades"], run_logs(tmp_path)) == (old, [])
        unknown = call(tmp_path, "regrade", "run-20260315-143022-a3f7", "--server", url)
        assert (unknown.code, "there is no run 'run-20260315-143022-a3f7'" in unknown.stderr) == (2, True)
    clash = call(tmp_path, "regrade", old, "--server", url, "--db", "x.db", "--config", "server/matchspec.yml")
    assert (clash.code, clash.stderr) == (2, "matchspec: --server does not go with --config, --db\n")


def test_a_run_that_there_is_not(tmp_path: Path) -> None:
    """2, where it was looked for, and no log is left behind."""
    called = call(tmp_path, "regrade", "run-20260315-143022-a3f7")
    assert called.code == 2
    assert "there is no run 'run-20260315-143022-a3f7': looked in " in called.stderr
    assert run_logs(tmp_path) == []


def test_mistakes_in_the_files(tmp_path: Path) -> None:
    """All of them, with 2; another configuration may be named."""
    project(tmp_path)
    call(tmp_path, "run")
    old = run_id_of(tmp_path)
    other = project(tmp_path, 0.7).rename(tmp_path / "other.yml")
    gone = call(tmp_path, "regrade", old)
    assert (gone.code, "no such file" in gone.stderr) == (2, True)
    (tmp_path / "matchspec.yml").write_text("suites: [")
    assert call(tmp_path, "regrade", old).code == 2
    assert run_logs(tmp_path) == [tmp_path / ".matchspec" / "runs" / f"{old}.db"]
    document = new_document(tmp_path, call(tmp_path, "regrade", old, "--config", other.name))
    assert document["grader_results"][0]["threshold"] == 0.7


def interrupted(folder: Path, *arguments: str) -> str:
    """Interrupt a regrade that takes its time, once some examples are scored; gives the command that goes on."""
    known = set(run_logs(folder))
    process = subprocess.Popen(
        [MATCHSPEC, "regrade", *arguments],
        cwd=folder,
        env=environment(HOME=str(folder / "no-home")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def under_way() -> bool:
        logs = set(run_logs(folder)) - known
        return bool(logs) and len(_scored(logs.pop())) > 2

    until(under_way, 30, "some scores")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    return stderr.partition("Go on with: ")[2].strip()


def _scored(log: Path) -> list[object]:
    try:
        return list(of_type(read_log(log), "example_scored"))
    except (sqlite3.Error, json.JSONDecodeError):  # it is just being made
        return []


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_interrupted_regrade_goes_on(tmp_path: Path) -> None:
    """By the command that it names, which finds the old run again; without it, it says what is missing and waits."""
    config = write_project(tmp_path, examples=examples(40), model=ECHO)
    old = asyncio.run(server_run(config))
    write_project(tmp_path, examples=examples(40), graders=[SLOW], harness={"concurrency": 2})
    (tmp_path / "evals" / "qa-v1" / "grade.py").write_text(GRADER)
    log = (tmp_path / ".matchspec" / "matchspec.db").rename(tmp_path / "server.db")
    command = interrupted(tmp_path, old, "--db", "server.db")
    assert command.startswith("MATCHSPEC_DB=server.db matchspec run --resume run-")
    arguments = command.split()[2:]
    missing = matchspec(tmp_path, *arguments)
    assert missing.returncode == 2
    assert f"grades the outputs of {old}, which is not there any more: looked in " in missing.stderr
    ended = matchspec(tmp_path, *arguments, MATCHSPEC_DB=log.name)
    assert (ended.returncode, ended.stderr) == (0, "")
    (own,) = run_logs(tmp_path)
    assert len(of_type(read_log(own), "example_scored")) == 40
    assert_chained(own)
