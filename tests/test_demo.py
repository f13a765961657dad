"""`./scripts/demo` as a newcomer types it."""

import os
import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from live_server import is_taken
from server import of_type, read_log

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("port 8091")]


@pytest.fixture(autouse=True)
def port_given_back() -> None:
    """Wait while another checkout's demo has the port: its model would end in the middle of ours."""
    deadline = time.monotonic() + 60
    while is_taken(8091) and time.monotonic() < deadline:
        time.sleep(0.2)


def demo(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The demo, ended, its output piped; it inherits nothing of ours that matchspec reads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MATCHSPEC_")}
    return subprocess.run(
        [ROOT / "scripts/demo", *options],
        env=kept | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1", "TERM": "xterm-256color"}], ids=["piped", "NO_COLOR"])
def test_demo_shows_a_run_from_start_to_end(tmp_path: Path, variables: dict[str, str]) -> None:
    """It ends by itself with 0 and shows progress, verdict, rows, failing examples and what to type next, in plain."""
    db = tmp_path / "folder" / "demo.db"
    ended = demo("--latency-ms", "20", MATCHSPEC_DB=str(db), **variables)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = ended.stdout
    assert "\x1b" not in said + ended.stderr
    assert "\r" not in said
    assert "Traceback" not in said + ended.stderr

    (run_id,) = set(re.findall(r"run-\d{8}-\d{6}-[0-9a-f]{4}", said))
    ((passing, total),) = (
        (int(right), int(of))
        for right, of in re.findall(r"^(?:PASS|FAIL)  suite reading: (\d+) of (\d+) right", said, re.MULTILINE)
    )
    assert total >= 60
    assert total / 2 <= passing <= total * 9 / 10
    assert f"answered {total} of {total}" in said
    for row in ("exact_match", "contains", "brief"):
        assert re.search(rf"^  {row} +[01]\.\d\d\d +0\.\d\d +0\.\d+ - [01]\.\d+  [✓✗]$", said, re.MULTILINE), row
    failing = min(5, total - passing)
    assert f"The first {failing} of {total - passing} failing examples:" in said
    for label in ("expected", "got     "):
        assert len(re.findall(rf"^    {label}  ", said, re.MULTILINE)) == failing
    for command in ("scripts/demo_model.py", "matchspec serve", f"curl -s http://127.0.0.1:8090/results/{run_id}"):
        assert command in said.partition("What next?")[2]

    (finished,) = of_type(read_log(db, run_id), "finished")
    assert said.partition("  suite reading")[0].endswith("\n" + finished.body["verdict"])
    assert (finished.body["examples"], finished.body["passed"]) == (total, passing)


def test_demo_keeps_what_it_ran(tmp_path: Path) -> None:
    """A second demo on the same log adds its run to the first one's; another suite can be chosen."""
    db = tmp_path / "demo.db"
    for suite in ("reading-smoke", "reading-facts"):
        ended = demo("--latency-ms", "0", "--suite", suite, MATCHSPEC_DB=str(db))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert f"suite {suite}:" in ended.stdout
    assert [event.body["suite"] for event in of_type(read_log(db), "started")] == ["reading-smoke", "reading-facts"]
    assert len(of_type(read_log(db), "finished")) == 2


def test_demo_says_what_stands_in_its_way(tmp_path: Path) -> None:
    """A suite that does not exist, and a port that another program has, are told in a sentence; then it ends with 1."""
    ended = demo("--suite", "writing", MATCHSPEC_DB=str(tmp_path / "demo.db"))
    assert ended.returncode == 1
    assert "no suite 'writing'" in ended.stderr
    assert "Traceback" not in ended.stderr
    with ThreadingHTTPServer(("127.0.0.1", 8091), BaseHTTPRequestHandler) as another:
        threading.Thread(target=another.serve_forever, daemon=True).start()
        ended = demo(MATCHSPEC_DB=str(tmp_path / "demo.db"))
        another.shutdown()
    assert ended.returncode == 1
    assert "8091" in ended.stderr
    assert "Traceback" not in ended.stderr
