"""The run-and-poll script of the API's description, as it is written there, against a real server."""

import shutil
import subprocess
from pathlib import Path

import pytest
from live import run_to_end, serving
from project import examples, suite, write_project

from service.cli.main import serve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq"),
]

SCRIPT = r"""# Trigger a run
RUN_ID=$(curl -s -X POST http://localhost:8090/run \
-H "Authorization: Bearer $MATCHSPEC_API_KEY" \
-H "Content-Type: application/json" \
-d '{"suite": "summarization"}' | jq -r .run_id)
echo "Started run: $RUN_ID"
# Poll until complete
while true; do
STATUS=$(curl -s "http://localhost:8090/results/$RUN_ID" \
-H "Authorization: Bearer $MATCHSPEC_API_KEY" | jq -r .status)
echo "Status: $STATUS"
if [ "$STATUS" != "running" ]; then break; fi
sleep 5
done
# Check verdict
VERDICT=$(curl -s "http://localhost:8090/results/$RUN_ID" \
-H "Authorization: Bearer $MATCHSPEC_API_KEY" | jq -r .verdict)
echo "Verdict: $VERDICT"
[ "$VERDICT" = "PASS" ] || exit 1"""

KEY = "your-secret-token"
WAIT = {"type": "command", "command": ["sh", "-c", "sleep 1; cat"]}


def poll(port: int, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script's end, with nothing changed but the port."""
    script = SCRIPT.replace("localhost:8090", f"localhost:{port}")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"} | variables
    return subprocess.run(
        ["bash"], input=script, env=environment, capture_output=True, text=True, timeout=50, check=False
    )


def project(folder: Path, right: bool = True, **fields: object) -> Path:
    """A config with the suite that the script names, whose model is right or wrong."""
    rows = examples(3) if right else [{"id": "a", "input": "x", "expected": "y"}]
    suites = [suite("summarization", "qa-v1", thresholds={"overall": 0.8})]
    model = fields.pop("model", {"type": "echo"})
    assert isinstance(model, dict)
    return write_project(folder, examples=rows, suites=suites, model=model)


@pytest.mark.parametrize("key", [None, KEY])
def test_a_passing_suite_ends_the_script_with_0(tmp_path: Path, key: str | None) -> None:
    """PASS: exit 0, with a key and without one."""
    variables = {"MATCHSPEC_API_KEY": key} if key else {}
    with serving(project(tmp_path), **variables) as live:
        done = poll(live.port, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Started run: run-")
    assert lines[-2:] == ["Status: passed", "Verdict: PASS"]


@pytest.mark.parametrize("key", [None, KEY])
def test_a_failing_suite_ends_the_script_with_1(tmp_path: Path, key: str | None) -> None:
    """FAIL: exit 1, with a key and without one."""
    variables = {"MATCHSPEC_API_KEY": key} if key else {}
    with serving(project(tmp_path, right=False), **variables) as live:
        done = poll(live.port, **variables)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == ["Status: failed", "Verdict: FAIL"]


def test_the_script_waits_for_a_slow_suite(tmp_path: Path) -> None:
    """A run of more than a second is seen running, then passed."""
    with serving(project(tmp_path, model=WAIT)) as live:
        done = poll(live.port)
    statuses = [line for line in done.stdout.splitlines() if line.startswith("Status: ")]
    assert statuses == ["Status: running", "Status: passed"]
    assert done.returncode == 0


def test_a_wrong_key_ends_the_script_with_1(tmp_path: Path) -> None:
    """With another key no run starts, and the script does not hang."""
    with serving(project(tmp_path), MATCHSPEC_API_KEY=KEY) as live, live.client() as client:
        done = poll(live.port, MATCHSPEC_API_KEY="other")
        listed = client.get("/results", headers={"Authorization": f"Bearer {KEY}"}).json()
    assert done.returncode == 1
    assert listed["total"] == 0


def test_a_run_that_ends_in_error_ends_the_script_with_1(tmp_path: Path) -> None:
    """A model that fails every call: status error, no verdict, exit 1."""
    with serving(project(tmp_path, model={"type": "command", "command": ["false"]})) as live:
        done = poll(live.port)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == ["Status: error", "Verdict: null"]


def test_the_server_listens_where_the_script_asks() -> None:
    """Without options it is 127.0.0.1, port 8090."""
    defaults = {option.name: option.default for option in serve.params}
    assert (defaults["host"], defaults["port"]) == ("127.0.0.1", 8090)


def test_a_document_is_the_same_bytes_after_a_real_restart(tmp_path: Path) -> None:
    """A finished run, all suites and their tags, is served byte for byte by the next server on the log."""
    config = write_project(tmp_path, examples=examples(500, tags=["ä", "b"], metadata={"n": 1.5, "x": None}))
    with serving(config) as live, live.client() as client:
        path = f"/results/{run_to_end(client)['run_id']}"
        before = client.get(path)
    with serving(config) as live, live.client() as client:
        after = [client.get(path) for _ in range(2)]
    assert [answer.content for answer in after] == [before.content] * 2
    assert after[0].headers["Content-Type"] == before.headers["Content-Type"] == "application/json"


def test_head_and_options_leave_the_connection_usable(tmp_path: Path) -> None:
    """Over one connection of a real server, HEAD, OPTIONS and refusals are each followed by a right answer."""
    config = write_project(tmp_path, examples=examples(300))
    with serving(config) as live, live.client() as client:
        path = f"/results/{run_to_end(client)['run_id']}"
        document = client.get(path).content
        for method in ("HEAD", "OPTIONS", "DELETE", "POST"):
            for asked in (path, "/results", "/suites", "/health", "/results/none", "/nothing", "/results?limit=0"):
                answer = client.request(method, asked)
                assert answer.status_code < 500
                assert not (method == "HEAD" and answer.content)
            assert client.get(path).content == document
        assert client.get("/results").json()["total"] == 1
