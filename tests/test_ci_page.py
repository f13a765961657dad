"""docs/ci.md: its jobs are YAML, their commands exist and do what the page says."""

import json
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import click
import pytest
import yaml
from doc_pages import ROOT, block, blocks
from live_server import Document
from project import examples, suite, write_project
from server import MATCHSPEC, Server, environment

from service.cli.main import main

PAGE = ROOT / "docs/ci.md"
GITHUB, GITLAB = ".github/workflows/evaluate.yml", ".gitlab-ci.yml"
RIGHT: list[Document] = examples(4)
WRONG: list[Document] = [*examples(3), {"id": "wrong", "input": "q", "expected": "r"}]


def github_steps(job: str) -> list[Document]:
    """The steps of a job of the GitHub workflow."""
    steps: list[Document] = yaml.safe_load(block(PAGE, GITHUB))["jobs"][job]["steps"]
    return steps


def gitlab_job(name: str) -> Document:
    """A job of the GitLab pipeline."""
    job: Document = yaml.safe_load(block(PAGE, GITLAB))[name]
    return job


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A finished script, run as a CI job runs it: with matchspec on its path."""
    env = environment(**{"PATH": f"{MATCHSPEC.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)} | variables)
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def commands_shown() -> list[list[str]]:
    """Every `matchspec ...` of the page, as words."""
    texts = [one.text for one in blocks(PAGE)] + re.findall(r"`(matchspec [^`]+)`", PAGE.read_text())
    found = [found for text in texts for found in re.findall(r"(?<![\w-])matchspec (?!or)[a-z][^\n#>|]*", text)]
    return [shlex.split(command) for command in found]


def test_every_command_of_the_page_exists() -> None:
    """Commands and their options are those of the program."""
    assert len(commands_shown()) >= 8
    for _, name, *words in commands_shown():
        known = {opt for one in main.commands[name].params if isinstance(one, click.Option) for opt in one.opts}
        assert {word for word in words if word.startswith("-")} <= known


def test_the_github_job_gates_the_deployment() -> None:
    """The run's exit code is not swallowed, `deploy` needs the job, and what follows a failure always runs."""
    jobs = yaml.safe_load(block(PAGE, GITHUB))["jobs"]
    assert jobs["deploy"]["needs"] == "evaluate"
    (at,) = [index for index, step in enumerate(jobs["evaluate"]["steps"]) if "matchspec run" in step.get("run", "")]
    assert "continue-on-error" not in jobs["evaluate"]["steps"][at]
    assert all(step["if"].startswith("always()") for step in jobs["evaluate"]["steps"][at + 1 :])


def test_the_gitlab_job_gates_the_deployment() -> None:
    """The run stands in `script`, nothing allows its failure, `deploy` is of a later stage, the JUnit file is kept."""
    pipeline = yaml.safe_load(block(PAGE, GITLAB))
    job = pipeline["evaluate"]
    assert any(line.startswith("matchspec run") for line in job["script"])
    assert "allow_failure" not in job
    assert pipeline["stages"].index(pipeline["deploy"]["stage"]) > pipeline["stages"].index(job["stage"])
    assert job["artifacts"]["reports"]["junit"] == "results/*.xml"
    assert job["artifacts"]["when"] == "always"


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "code"), [(RIGHT, 0), (WRONG, 1)])
def test_the_steps_of_github_do_what_the_page_says(asked: Sequence[Document], code: int, tmp_path: Path) -> None:
    """The run's exit code is the verdict's; JUnit, JSON and the table are there after both verdicts."""
    write_project(tmp_path, examples=asked)
    summary = tmp_path / "summary.md"
    scripts = [step["run"] for step in github_steps("evaluate") if step.get("run", "").startswith("matchspec ")]
    codes = [shell(script, tmp_path, GITHUB_STEP_SUMMARY=str(summary)).returncode for script in scripts]
    assert codes == [0, code, 0]
    assert {path.suffix for path in (tmp_path / "results").iterdir()} == {".json", ".xml", ".md"}
    assert summary.read_text() == (tmp_path / "results/table.md").read_text()
    assert "exact_match" in summary.read_text()


@contextmanager
def notes() -> Iterator[tuple[str, list[tuple[str, Document]]]]:
    """Something that takes a merge request's notes: its address, and what was sent to it."""
    sent: list[tuple[str, Document]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((f"{self.path} {self.headers['PRIVATE-TOKEN']}", json.loads(body)))
            self.send_response(201)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/v4", sent
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_the_steps_of_gitlab_do_what_the_page_says(tmp_path: Path) -> None:
    """A failing run exits with 1, and afterwards the table is a note on the merge request."""
    write_project(tmp_path, examples=WRONG)
    job = gitlab_job("evaluate")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(shutil.which("python3") or "python3")
    assert shell("\n".join([*job["before_script"][1:], *job["script"]]), tmp_path).returncode == 1
    with notes() as (url, sent):
        merge_request = {"CI_API_V4_URL": url, "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "3"}
        after = shell("\n".join(job["after_script"]), tmp_path, GITLAB_TOKEN="t0ken", **merge_request)
    assert (after.returncode, after.stderr) == (0, "")
    ((to, note),) = sent
    assert to == "/api/v4/projects/7/merge_requests/3/notes t0ken"
    assert note == {"body": (tmp_path / "results/table.md").read_text()}
    assert len(list((tmp_path / "results").glob("*.xml"))) == 1


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl, jq (apt-get install)")
@pytest.mark.parametrize("script", ["gate", "curl-gate"])
@pytest.mark.parametrize(("asked", "code"), [(RIGHT, 0), (WRONG, 1)])
def test_the_gates_on_a_server_exit_by_the_verdict(
    script: str, asked: Sequence[Document], code: int, tmp_path: Path
) -> None:
    """With the server's key, both ways end with 0 after PASS and 1 after FAIL."""
    config = write_project(tmp_path / "server", examples=asked, suites=[suite("production-gate", "qa-v1")])
    job = tmp_path / "job"
    job.mkdir()
    key = {"MATCHSPEC_API_KEY": "a-key-of-the-server"}
    with Server(config, **key) as server:
        done = shell(block(PAGE, script), job, MATCHSPEC_SERVER=server.url, **key)
        refused = shell(block(PAGE, script), job, MATCHSPEC_SERVER=server.url, MATCHSPEC_API_KEY="another")
    assert done.returncode == code, done.stdout + done.stderr
    assert refused.returncode not in (0, 1) if script == "gate" else refused.returncode != 0
    if script == "gate":
        assert {path.suffix for path in (job / "results").iterdir()} == {".json", ".xml"}
