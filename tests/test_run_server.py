"""`matchspec run --server URL`: the same output and exit codes, with the run on a server."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Called, call, document_of, result_files, run_logs
from live_server import free_port
from project import examples, suite, write_config, write_harness, write_project
from server import MATCHSPEC, Server, environment, read_log, until

pytestmark = pytest.mark.timeout(120)

KEY = "a-key-of-the-tests"
SLOW_MODEL = {"type": "command", "command": ["sh", "-c", "sleep 0.2; cat"]}


def write_suites(folder: Path) -> Path:
    """Suites that pass, fail and end as error."""
    write_harness(folder, "right", examples=examples(3, tags=["t"]))
    write_harness(folder, "wrong", examples=examples(7, expected="another"))
    write_harness(folder, "lost", examples=examples(2), model={"type": "command", "command": ["false"]})
    return write_config(folder, [suite(name, name) for name in ("right", "wrong", "lost")])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a key."""
    config = write_suites(tmp_path_factory.mktemp("server"))
    with Server(config, MATCHSPEC_API_KEY=KEY) as running:
        assert running.url
        yield running


def steady(text: str) -> str:
    """A text without ids and times."""
    return re.sub(r"run-\d{8}-\d{6}-[0-9a-f]{4}|\d{8}-\d{6}|\d+\.\d s\b", "X", text)


def on_server(server: Server, folder: Path, *arguments: str, **variables: str) -> Called:
    """Run on the server, with its key."""
    return call(folder, "run", "--server", server.url, *arguments, **{"MATCHSPEC_API_KEY": KEY} | variables)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-s", "right"], 0),
        (["-s", "right", "-v", "-c", "1", "-o", "junit"], 0),
        (["-s", "wrong", "--show-all-failures"], 1),
        (["-s", "wrong", "-q"], 1),
        (["-s", "lost"], 3),
        (["--tags", "t"], 0),
        ([], 3),
    ],
)
def test_output_and_exit_code_are_those_of_a_run_here(
    server: Server, tmp_path: Path, arguments: list[str], code: int
) -> None:
    """Line by line on stdout; only ids and times differ. Results are written here, without any configuration."""
    write_suites(tmp_path / "project")
    (tmp_path / "elsewhere").mkdir()
    here = call(tmp_path / "project", "run", *arguments)
    there = on_server(server, tmp_path / "elsewhere", *arguments)
    assert (there.code, here.code) == (code, code)
    assert steady(there.stdout) == steady(here.stdout)
    assert [steady(name) for name in result_files(tmp_path / "elsewhere")] == [
        steady(name) for name in result_files(tmp_path / "project")
    ]
    assert run_logs(tmp_path / "elsewhere") == []


def test_the_run_is_the_servers(server: Server, tmp_path: Path) -> None:
    """Its id is told on stderr at once; the server's log has it, and who asked."""
    called = on_server(server, tmp_path, "-s", "right")
    run_id = document_of(tmp_path, called)["run_id"]
    assert called.stderr == f"run: {run_id}\n"
    events = read_log(server.config.parent / ".matchspec" / "matchspec.db", run_id)
    assert events[-1].type == "finished"


@pytest.mark.parametrize("key", ["", "another-key"])
def test_a_wrong_key_exits_with_2(server: Server, tmp_path: Path, key: str) -> None:
    """The server's reason is told, the key is not."""
    called = on_server(server, tmp_path, "-s", "right", MATCHSPEC_API_KEY=key)
    assert (called.code, called.stdout) == (2, "")
    assert called.stderr.startswith("matchspec: ")
    assert "another-key" not in called.stderr
    assert result_files(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "reason"), [(["-s", "rihgt"], "did you mean 'right'"), (["--tags", "none"], "no example")]
)
def test_what_a_server_refuses_exits_with_2(server: Server, tmp_path: Path, arguments: list[str], reason: str) -> None:
    """As a run here would."""
    called = on_server(server, tmp_path, *arguments)
    assert (called.code, called.stdout) == (2, "")
    assert reason in called.stderr


def test_the_config_is_the_servers(server: Server, tmp_path: Path) -> None:
    """`--config` names a file on the server; one that is not there is refused by it."""
    assert on_server(server, tmp_path, "--config", "matchspec.yml", "-s", "right").code == 0
    called = on_server(server, tmp_path, "--config", "nowhere.yml")
    assert called.code == 2
    assert "config" in called.stderr


def test_no_server_exits_with_3(tmp_path: Path) -> None:
    """It is named."""
    url = f"http://127.0.0.1:{free_port()}"
    called = call(tmp_path, "run", "--server", url)
    assert (called.code, called.stdout) == (3, "")
    assert f"can't reach the server {url}" in called.stderr


@pytest.mark.slow
def test_a_server_may_be_gone_for_a_moment(tmp_path: Path) -> None:
    """Killed and started again while the run is at work: the run is finished, and so is the command."""
    config = write_project(tmp_path / "project", examples=examples(20), model=SLOW_MODEL, harness={"concurrency": 2})
    port = str(free_port())
    (tmp_path / "here").mkdir()
    with Server(config, "--port", port) as first, begin(tmp_path / "here", first.url) as process:
        until(lambda: first.get("/results")["total"] == 1, 20, "the run")
        first.kill()
        with Server(config, "--port", port) as second:
            stdout, stderr = process.communicate(timeout=60)
            assert second.get("/results")["total"] == 1
    assert (process.returncode, "Traceback" in stderr) == (0, False)
    assert "qa  20 examples" in stdout


@pytest.mark.slow
def test_ctrl_c_leaves_the_run_to_the_server(tmp_path: Path) -> None:
    """130, and where the run goes on; it does."""
    config = write_project(tmp_path / "project", examples=examples(10), model=SLOW_MODEL, harness={"concurrency": 2})
    (tmp_path / "here").mkdir()
    with Server(config) as server, begin(tmp_path / "here", server.url) as process:
        until(lambda: server.get("/results")["total"] == 1, 20, "the run")
        run_id = server.get("/results")["runs"][0]["run_id"]
        process.send_signal(2)
        _, stderr = process.communicate(timeout=10)
        assert process.returncode == 130
        assert f"The run goes on at {server.url}/results/{run_id}\n" in stderr
        assert server.result(run_id)["verdict"] == "PASS"


def begin(folder: Path, url: str) -> subprocess.Popen[str]:
    """Start a command that runs on a server."""
    return subprocess.Popen(
        [MATCHSPEC, "run", "--server", url],
        cwd=folder,
        env=environment(HOME=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
