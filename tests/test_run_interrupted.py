"""A run that is interrupted is kept, says how to go on, and goes on with `--resume`."""

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from calling import call, document_of, result_files, run_logs
from commanding import matchspec
from project import examples, write_harness, write_project
from server import MATCHSPEC, assert_chained, environment, of_type, read_log, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SLOW_MODEL = {"type": "command", "command": ["sh", "-c", 'echo asked >> "$0"; sleep 0.2; cat', "asked.txt"]}
"""Answers after 0.2 seconds and notes every call in a file beside the harness file."""


def write_slow(folder: Path, count: int = 20) -> Path:
    """A project that takes a few seconds: two calls at once."""
    return write_project(folder, examples=examples(count), model=SLOW_MODEL, harness={"concurrency": 2})


def asked(folder: Path) -> int:
    """How often the model was asked."""
    notes = folder / "evals" / "qa-v1" / "asked.txt"
    return len(notes.read_text().splitlines()) if notes.exists() else 0


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a run and wait until its model has been asked a few times."""
    process = subprocess.Popen(
        [MATCHSPEC, "run", *arguments],
        cwd=folder,
        env=environment(HOME=str(folder / "no-home")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: asked(folder) >= 5 or process.poll() is not None, 30, "some calls")
    return process


def result_of(folder: Path, stdout: str) -> dict[str, Any]:
    """The document that a finished command wrote."""
    path = re.findall(r"results written to: (\S+\.json)", stdout)[0]
    document: dict[str, Any] = msgspec.json.decode((folder / path).read_bytes())
    return document


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    """130, no report, no result file; the command it names finishes the run, asking nothing twice."""
    write_slow(tmp_path)
    process = start(tmp_path)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert (stdout, result_files(tmp_path)) == ("loading suite: qa\nloading harness: qa-v1 (20 examples)\n", [])
    command = re.findall(r"Go on with: matchspec (run --resume run-\S+)\n", stderr)[0]
    before = len(of_type(read_log(run_logs(tmp_path)[0]), "example_scored"))
    assert 3 <= before < 20
    ended = matchspec(tmp_path, *command.split())
    assert ended.returncode == 0
    document = result_of(tmp_path, ended.stdout)
    assert (document["verdict"], len(document["examples"])) == ("PASS", 20)
    assert asked(tmp_path) == 20
    (log,) = run_logs(tmp_path)
    assert len(of_type(read_log(log), "resumed")) == 1
    assert_chained(log)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """After `kill -9` at most the calls in flight, two, are made again; `report` says that it is not over."""
    write_slow(tmp_path)
    process = start(tmp_path)
    process.kill()
    process.communicate()
    (log,) = run_logs(tmp_path)
    unfinished = matchspec(tmp_path, "report")
    assert unfinished.returncode == 3
    assert f"the run {log.stem} is not over" in unfinished.stderr
    ended = matchspec(tmp_path, "run", "--resume", log.stem, "-v")
    assert ended.returncode == 0
    assert len(result_of(tmp_path, ended.stdout)["examples"]) == 20
    assert asked(tmp_path) <= 22
    assert_chained(log)


def test_a_run_goes_on_without_the_files_it_began_with(tmp_path: Path) -> None:
    """Configuration and dataset are pinned: what has become of them since changes nothing."""
    config = write_slow(tmp_path)
    process = start(tmp_path, "-q")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    (log,) = run_logs(tmp_path)
    config.write_text("suites: [")
    (tmp_path / "evals" / "qa-v1" / "dataset.jsonl").unlink()
    ended = matchspec(tmp_path, "run", "--resume", log.stem)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(result_of(tmp_path, ended.stdout)["examples"]) == 20


def test_a_run_is_resumed_by_one_process_at_a_time(tmp_path: Path) -> None:
    """While it runs, a second one is told who holds it; the first is not disturbed."""
    write_slow(tmp_path, 80)
    process = start(tmp_path)
    (log,) = run_logs(tmp_path)
    second = matchspec(tmp_path, "run", "--resume", log.stem)
    assert second.returncode == 3
    assert f"in use by process {process.pid}" in second.stderr
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(result_of(tmp_path, stdout)["examples"]) == 80


def test_a_run_that_is_over_is_reported_again(tmp_path: Path) -> None:
    """The same document, the same exit code, and no call."""
    write_harness(tmp_path, "qa-v1", examples=examples(2, expected="another"), model=SLOW_MODEL)
    first = call(tmp_path, "run", "evals")
    (log,) = run_logs(tmp_path)
    again = call(tmp_path, "run", "--resume", log.stem)
    assert (first.code, again.code) == (1, 1)
    assert document_of(tmp_path, again) == document_of(tmp_path, first)
    assert again.stdout == first.stdout
    assert asked(tmp_path) == 2
