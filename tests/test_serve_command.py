"""`matchspec serve` and `matchspec --version` as typed: what they print, and how they end."""

import importlib.metadata
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from live_server import Document
from project import suite, write_config, write_project, write_yaml
from server import MATCHSPEC, Server, environment, log_of, of_type, read_log, run_serve

from service.version import VERSION

GOOD_HARNESS: Document = {
    "version": 1,
    "name": "qa-v1",
    "dataset": {"name": "d", "examples": [{"id": "a", "input": "q", "expected": "q"}]},
    "model": {"type": "echo"},
    "graders": [{"type": "exact_match"}],
}
COUNTED = """
import gc
from service.cli import main, serve

async def count(*_):
    print("the collector sees", len(gc.get_objects()), "of", gc.get_freeze_count())

serve._serve_until = count
main.main()
"""
"""Serves nobody: tells how many objects the collector of cycles looks at, and how many it does not."""

pytestmark = pytest.mark.timeout(120)


def refused(folder: Path, *options: str | Path, code: int = 2, **variables: str) -> list[str]:
    """What a server says that must end at once, listening to nobody; line by line."""
    ended = run_serve(folder, *options, **variables)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr
    assert "\x1b" not in ended.stderr
    return ended.stderr.splitlines()


def status_of(url: str, **headers: str) -> int:
    """The status code of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            code: int = answer.status
            return code
    except urllib.error.HTTPError as refusal:
        return refusal.code


def test_what_a_server_is_made_of_is_no_work_for_the_collector(tmp_path: Path) -> None:
    """A full look at some 100,000 objects stops every answer for 30 ms: next to none are left to look at."""
    command = [sys.executable, "-c", COUNTED, "serve", "--port", "0", "--config", str(write_project(tmp_path))]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    told = re.search(r"the collector sees (\d+) of (\d+)", ended.stdout)
    assert told
    assert int(told[1]) < int(told[2]) / 100


def test_version(tmp_path: Path) -> None:
    """The version is one line, anywhere."""
    ended = subprocess.run([MATCHSPEC, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("matchspec v0.1.0\n", "")


def test_the_package_has_the_version_that_the_command_tells() -> None:
    """What is installed is named as what runs."""
    assert importlib.metadata.version("matchspec") == VERSION


def test_help_is_readable(tmp_path: Path) -> None:
    """The help names every option with its default, fits 80 columns, and cuts no sentence."""
    env = environment(COLUMNS="80")
    texts = [
        subprocess.run([MATCHSPEC, *words, "--help"], env=env, capture_output=True, text=True, check=True).stdout
        for words in ([], ["serve"])
    ]
    assert all(len(line) <= 80 for text in texts for line in text.splitlines())
    assert "..." not in texts[0].partition("Commands:")[2]
    words = " ".join(texts[1].split())
    for option, default in [
        ("--port", "8090"),
        ("--host", "127.0.0.1"),
        ("--config", "./matchspec.yml, then $HOME/.matchspec/config.yml"),
        ("--db", ".matchspec/matchspec.db beside the configuration"),
        ("--config-root", "the configuration's folder"),
        ("--allowed-host", ""),
        ("--max-model-calls", "256"),
        ("--max-active-runs", "16"),
        ("--max-waiting-runs", "1000"),
    ]:
        assert re.search(rf"{option}\b[^\[]*(\[default: [^\]]*{re.escape(default)}|)", words), option
        assert default in words
    for variable in ("MATCHSPEC_CONFIG", "MATCHSPEC_DB", "MATCHSPEC_API_KEY", "MATCHSPEC_LOG_LEVEL"):
        assert variable in words


@pytest.mark.parametrize("words", [["serv"], ["serve", "--prot", "1"], ["serve", "--port", "65536"], ["serve", "here"]])
def test_wrong_words_are_a_usage_error(words: list[str]) -> None:
    """What can't be understood ends with 2 and says how to get help."""
    ended = subprocess.run([MATCHSPEC, *words], capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 2
    assert "--help" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_config_tells_where_it_looked(tmp_path: Path) -> None:
    """Without a configuration the places are named, nothing is made, and the exit code is 2."""
    (line,) = refused(tmp_path)
    for place in ("./matchspec.yml", "$HOME/.matchspec/config.yml", "--config", "MATCHSPEC_CONFIG"):
        assert place in line
    assert list(tmp_path.iterdir()) == []


def test_every_mistake_of_every_file_is_told(tmp_path: Path) -> None:
    """A broken configuration ends with 2 and each mistake of each file on a line of its own, with file, line, field."""
    (tmp_path / "matchspec.yml").write_text(
        "version: 1\n"
        "colour: red\n"
        "suites:\n"
        "  - name: qa\n"
        "    harnesses: [./one.yml, ./two.yml, ./three.yml]\n"
        "    thresholds: {overall: 1.2}\n"
    )
    (tmp_path / "one.yml").write_text(
        "version: 1\nname: one\ndataset: ./nowhere.jsonl\nmodel: {type: echo}\ngraders: [{type: bleu}]\nretries: -1\n"
    )
    (tmp_path / "two.yml").write_text("version: 1\nname: [\n")
    first, *lines = refused(tmp_path)
    assert "7 mistakes" in first
    for start in [
        "matchspec.yml, line 2, colour: unknown field",
        "matchspec.yml, line 6, suites[0].thresholds.overall: ",
        "matchspec.yml, line 5, suites[0].harnesses[2]: ./three.yml: no such file",
        "one.yml, line 3, dataset: no such file",
        "one.yml, line 5, graders[0].type: unknown type 'bleu'",
        "one.yml, line 6, retries: ",
        "two.yml, line 3",
    ]:
        assert sum(start in line for line in lines) == 1, (start, lines)
    assert len(lines) == 7


def test_mistakes_of_all_kinds_are_told_together(tmp_path: Path) -> None:
    """A field of the wrong type does not hide names that are there twice, nor a secret written into a file."""
    model = {"type": "http", "endpoint": "http://localhost:1/", "headers": {"Authorization": "Bearer abc"}}
    write_yaml(tmp_path / "one.yml", GOOD_HARNESS | {"model": model, "retries": "many", "version": 2})
    suites = [{"name": "qa", "harnesses": ["one.yml"]}, {"name": "qa", "harnesses": ["one.yml"]}]
    write_config(tmp_path, suites, colour="red")
    told = "\n".join(refused(tmp_path))
    for part in ("colour", "suites[1].name", "retries", "version: must be 1", "model.headers.Authorization"):
        assert part in told
    assert "Bearer abc" not in told


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_port_in_use(tmp_path: Path, host: str) -> None:
    """A port that is taken ends with 3 and a sentence; the log stays free and no run is begun."""
    config = write_project(tmp_path)
    with socket.create_server((host, 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_serve(tmp_path, "--port", port, "--host", host)
        assert (ended.returncode, ended.stdout) == (3, "")
        (line,) = [line for line in ended.stderr.splitlines() if "warning" not in line]
        assert port in line
        assert "in use" in line
        assert "--port" in line
    with Server(config) as server:
        assert server.result(server.start_run())["verdict"] == "PASS"


def test_unfinished_run_waits_for_a_server_that_listens(tmp_path: Path) -> None:
    """A server that can't listen asks no model and writes nothing about the runs it found."""
    calls = tmp_path / "evals/qa-v1/calls"
    model = {"type": "command", "command": ["sh", "-c", "echo >> calls; sleep 60"]}
    config = write_project(tmp_path, model=model)
    with Server(config) as server:
        run_id = server.start_run()
        while not calls.exists():
            assert server.process.poll() is None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(tmp_path, "--port", str(taken.getsockname()[1]), code=3)
    assert calls.read_text() == "\n"
    assert [event.type for event in read_log(log_of(config), run_id)] == ["started"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "300.1.1.1", "192.0.2.1"])
def test_address_that_is_not_ours(tmp_path: Path, host: str) -> None:
    """An address that this machine does not have ends with 3 and names it."""
    write_project(tmp_path)
    *_, line = refused(tmp_path, "--host", host, code=3)
    assert f"can't listen on {host}" in line


def test_port_zero_tells_the_real_one(tmp_path: Path) -> None:
    """With --port 0 the server prints where it listens, and answers there."""
    with Server(write_project(tmp_path)) as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", server.url)
        assert server.get("/health") == {"status": "ok", "version": "0.1.0"}
        assert str(tmp_path / "matchspec.yml") in server.said()
        assert "warning" not in server.said()


def test_config_from_the_environment(tmp_path: Path) -> None:
    """MATCHSPEC_CONFIG names the configuration, --config wins over it, and one that is missing is named."""
    for name in ("one", "two"):
        write_yaml(tmp_path / name / "h.yml", GOOD_HARNESS)
        write_config(tmp_path / name, [{"name": f"suite-{name}", "harnesses": ["h.yml"]}])
    one, two = str(tmp_path / "one/matchspec.yml"), tmp_path / "two/matchspec.yml"
    with Server(two, MATCHSPEC_CONFIG=one) as server:
        assert [suite["name"] for suite in server.get("/suites")["suites"]] == ["suite-two"]
    taken = socket.create_server(("127.0.0.1", 0))
    with taken:  # it reads the configuration, then ends since the port is taken: that is enough to see which one
        busy = ["--port", str(taken.getsockname()[1])]
        refused(tmp_path, *busy, code=3, MATCHSPEC_CONFIG="one/matchspec.yml")
    assert (tmp_path / "one/.matchspec").is_dir()
    (line,) = refused(tmp_path, MATCHSPEC_CONFIG="three.yml")
    assert "three.yml: no such file" in line
    assert "MATCHSPEC_CONFIG" in line


def test_config_from_the_home_folder(tmp_path: Path) -> None:
    """Without one here, the configuration in the home folder is taken, and its log lies beside it."""
    home = tmp_path / "home/.matchspec"
    write_yaml(home / "h.yml", GOOD_HARNESS)
    write_config(home, [{"name": "qa", "harnesses": ["h.yml"]}]).rename(home / "config.yml")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(tmp_path, "--port", str(taken.getsockname()[1]), code=3)
    assert (home / ".matchspec/matchspec.db").is_file()


def test_log_from_the_environment(tmp_path: Path) -> None:
    """MATCHSPEC_DB says where the log is, --db wins over it, and folders are made."""
    config = write_project(tmp_path / "project")
    first, second = tmp_path / "a/b/first.db", tmp_path / "second.db"
    with Server(config, MATCHSPEC_DB=str(first)) as server:
        server.result(server.start_run())
    with Server(config, "--db", second, MATCHSPEC_DB=str(first)) as server:
        assert server.get("/results")["total"] == 0
    assert len(of_type(read_log(first), "finished")) == 1
    assert [event.type for event in read_log(second)] == ["log_created"]
    assert not log_of(config).exists()


@pytest.mark.parametrize(
    ("db", "said"),
    [
        ("matchspec.yml/x.db", "matchspec.yml"),  # a file is no folder
        ("/proc/nowhere/x.db", "/proc/nowhere"),  # nobody may write there, root included
        ("/proc/self/x.db", "x.db"),
        ("folder", "folder"),
        ("matchspec.yml", "is not an event log"),
    ],
)
def test_log_that_cannot_be_written(tmp_path: Path, db: str, said: str) -> None:
    """A place where no log can be ends with 3 and a sentence that names it, and leaves what is there as it was."""
    config = write_project(tmp_path)
    (tmp_path / "folder").mkdir()
    before = config.read_bytes()
    (line,) = refused(tmp_path, code=3, MATCHSPEC_DB=db)
    assert said in line
    assert config.read_bytes() == before
    assert list((tmp_path / "folder").iterdir()) == []


def test_folder_that_we_may_not_write(tmp_path: Path) -> None:
    """A folder without the right to write ends with 3 and a sentence that names what can't be made there."""
    write_project(tmp_path / "project")
    (tmp_path / "project").chmod(0o500)
    # root may write everywhere, unless it gives that up
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    ended = subprocess.run(
        [*drop, MATCHSPEC, "serve", "--port", "0"],
        cwd=tmp_path / "project",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (3, "")
    folder = tmp_path / "project/.matchspec"
    assert ended.stderr == f"matchspec: can't make the folder {folder}: Permission denied\n"


@pytest.mark.parametrize(("level", "hint"), [("loud", "debug, error, info, warn"), ("warning", "'warn'")])
def test_unknown_log_level(tmp_path: Path, level: str, hint: str) -> None:
    """A log level that does not exist ends with 2 and those that do."""
    write_project(tmp_path)
    (line,) = refused(tmp_path, MATCHSPEC_LOG_LEVEL=level)
    assert f"MATCHSPEC_LOG_LEVEL: unknown level '{level}'" in line
    assert hint in line


@pytest.mark.parametrize("level", ["debug", "INFO", "warn", "error", ""])
def test_log_levels(tmp_path: Path, level: str) -> None:
    """The four levels, in any case, and none, are taken."""
    with Server(write_project(tmp_path), MATCHSPEC_LOG_LEVEL=level) as server:
        assert server.url


def test_wrong_variables_are_refused(tmp_path: Path) -> None:
    """Settings from the environment are checked at the start, beside the files, and end it with 2."""
    write_project(tmp_path, defaults={"retries": -1})
    lines = refused(tmp_path, MATCHSPEC_CONCURRENCY="0", MATCHSPEC_STATISTICS_USE_LOWER_BOUND="2")
    assert [line.strip(" ✗") for line in lines] == [
        "matchspec: 3 mistakes in the configuration",
        "MATCHSPEC_CONCURRENCY: must be a whole number from 1 to 100000, found the number 0",
        "MATCHSPEC_STATISTICS_USE_LOWER_BOUND: must be true or false, found the number 2",
        "matchspec.yml, line 12, defaults.retries: must be a whole number from 0 to 100, found the number -1",
    ]


def test_a_variable_of_no_meaning_is_a_warning(tmp_path: Path) -> None:
    """A misspelt name is told with the nearest, one of a harness's own is not; the server starts."""
    model = {"type": "http", "endpoint": "http://127.0.0.1:9/", "api_key_env": "MATCHSPEC_MODEL_KEY"}
    config = write_project(tmp_path, model=model)
    names = {"MATCHSPEC_DEFAULT_RETRIES": "2", "MATCHSPEC_MODEL_KEY": "k", "MATCHSPEC_TEST_X": "1"}
    with Server(config, **names) as server:
        assert server.url
        warnings = [line.strip() for line in server.said().splitlines() if "warning" in line]
    assert warnings == [
        "warning the environment variable MATCHSPEC_DEFAULT_RETRIES is unknown "
        "(did you mean 'MATCHSPEC_DEFAULTS_RETRIES'?)"
    ]


def test_key_from_the_environment(tmp_path: Path) -> None:
    """MATCHSPEC_API_KEY closes all but /health, and is printed nowhere."""
    with Server(write_project(tmp_path), "--host", "0.0.0.0", MATCHSPEC_API_KEY="a-secret-token") as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert status_of(f"{url}/health") == 200
        assert status_of(f"{url}/suites") == 401
        assert status_of(f"{url}/suites", Authorization="Bearer another-token") == 401
        assert status_of(f"{url}/suites", Authorization="Bearer a-secret-token") == 200
        assert "warning" not in server.said()
        assert "a-secret-token" not in server.said()


@pytest.mark.parametrize("key", ["", "  "])
def test_keyless_beyond_loopback_warns(tmp_path: Path, key: str) -> None:
    """Without a key, and with a blank one, a server that others can reach says so at start, and is open."""
    with Server(write_project(tmp_path), "--host", "0.0.0.0", MATCHSPEC_API_KEY=key) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert "warning MATCHSPEC_API_KEY is not set" in server.said()
        assert status_of(f"{url}/suites") == 200


def test_missing_variable_warns_at_start(tmp_path: Path) -> None:
    """A `${NAME}` that is not set is told at start with file, line and field; the server serves all the same."""
    model = {"type": "http", "endpoint": "http://localhost:1/${MODEL_PATH_NOT_SET}", "api_key_env": "KEY_NOT_SET"}
    config = write_project(tmp_path, model=model, suites=[suite("qa", "qa-v1"), suite("twice", "qa-v1")])
    with Server(config) as server:
        assert server.url
        warnings = [line for line in server.said().splitlines() if "warning" in line]
        assert server.get("/health")["status"] == "ok"
    assert len(warnings) == 2
    for name, field in (("MODEL_PATH_NOT_SET", "model.endpoint"), ("KEY_NOT_SET", "model.api_key_env")):
        assert sum(name in line and field in line and "harness.yml, line " in line for line in warnings) == 1


def test_config_root(tmp_path: Path) -> None:
    """--config-root must be a folder, and lets a request name a configuration below it."""
    config = write_project(tmp_path / "own")
    write_project(tmp_path / "other", suites=[suite("elsewhere", "qa-v1")])
    (line,) = refused(tmp_path, "--config", config, "--config-root", "nowhere")
    assert "--config-root" in line
    with Server(config, "--config-root", tmp_path) as server:
        result = server.result(server.start_run(suite="elsewhere", config="other/matchspec.yml"))
    assert result["verdict"] == "PASS"
