"""The examples of the documentation, run as they stand."""

import asyncio
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from doc_pages import API, LOG_FORMAT, README, VERDICT, block, commands, marked_tables, write_files
from live import Document, Live, in_process, run_through, run_to_end, serving, wait_for_end
from server import MATCHSPEC


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skips a test where a program it shows is missing."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)} (apt-get install)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the README."""
    return write_files(README, tmp_path_factory.mktemp("readme")).parent


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Live]:
    """A server on the files of the README, for the time of this module."""
    with serving(folder / "matchspec.yml") as live:
        yield live


def shell(script: str, server: Live, **variables: str) -> subprocess.CompletedProcess[str]:
    """A finished shell script of a page, with the server's port in it."""
    return subprocess.run(
        ["bash", "-c", script.replace("localhost:8090", f"127.0.0.1:{server.port}")],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def steady(document: str) -> object:
    """A document with what differs from run to run made equal."""
    document = re.sub(r"run-\d{8}-\d{6}-[0-9a-f]{4}", "RUN", document)
    document = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", document)
    document = re.sub(r'"hash": "[0-9a-f]{64}"', '"hash": "HASH"', document)
    return json.loads(re.sub(r'"(latency_ms|duration_seconds)": [\d.]+', r'"\1": 0', document))


def without_times(report: str) -> str:
    """A report with run ids, times and durations made equal."""
    return re.sub(r"\d{8}-\d{6}(-[0-9a-f]{4})?|\d+\.\d s", "T", report)


def test_the_readme_runs_without_a_server(tmp_path: Path) -> None:
    """`matchspec run` in the README's folder prints what the README shows, but for times and ids."""
    write_files(README, tmp_path)
    arguments = block(README, "run-here").split()[1:]
    finished = subprocess.run(
        [MATCHSPEC, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert without_times(finished.stdout) == without_times(block(README, "run-here-output"))


@pytest.mark.slow
@needs("curl", "jq")
def test_the_readme_example_gives_what_is_shown(server: Live) -> None:
    """The commands of the README, on its files, print its document."""
    ((script, shown),) = commands(README)
    finished = shell(script, server)
    assert finished.returncode == 0, finished.stderr
    assert steady(finished.stdout) == steady(shown)


@pytest.mark.slow
@needs("curl", "jq")
def test_the_api_examples_give_what_is_shown(tmp_path: Path) -> None:
    """Each command of docs/api.md, one after the other on a fresh server, prints the document below it."""
    found = list(commands(API))
    assert len(found) == 13
    with serving(write_files(README, tmp_path)) as server, server.client() as client:
        run_id = ""
        for script, shown in found:
            finished = shell(script, server, RUN_ID=run_id)
            assert steady(finished.stdout) == steady(shown), finished.stderr
            if not run_id:
                run_id = json.loads(finished.stdout)["run_id"]
                wait_for_end(client, f"/results/{run_id}")


@pytest.mark.slow
@needs("curl", "jq")
def test_the_script_that_polls_exits_by_the_verdict(server: Live) -> None:
    """The script of docs/api.md ends with exit 0 after PASS, also where no key is set."""
    finished = shell(block(API, "poll"), server, MATCHSPEC_API_KEY="")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.endswith("Verdict: PASS\n")


@pytest.mark.slow
@needs("curl")
def test_the_request_with_a_key_gives_one_run(server: Live) -> None:
    """The command of docs/api.md, given twice, names the same run."""
    first, second = (json.loads(shell(block(API, "key"), server).stdout) for _ in range(2))
    assert first["run_id"] == second["run_id"]


@pytest.mark.slow
@needs("curl")
def test_the_other_commands_of_the_api_do_what_they_say(server: Live) -> None:
    """A run that is over: its events up to the end, 304 for its tag, and a cancel that changes nothing."""
    with server.client() as client:
        run_id = run_to_end(client, suite="shouting")["run_id"]
    events, tag, cancel = (
        shell(block(API, name), server, RUN_ID=run_id).stdout for name in ("events", "etag", "cancel")
    )
    assert events.startswith("retry: 1000\n\nid: 1\nevent: started\ndata: {")
    assert "\n\nid: 6\nevent: finished\n" in events
    assert tag == "304\n"
    assert json.loads(cancel)["status"] == "passed"


async def test_the_readme_tells_what_the_lower_bound_does(tmp_path: Path) -> None:
    """With `use_lower_bound` the answers of the README's example fail, as it says."""
    config = write_files(README, tmp_path)
    config.write_text(config.read_text() + "    statistics: {use_lower_bound: true}\n")
    async with in_process(config, environment=os.environ) as client:
        assert (await run_through(client))["verdict"] == "FAIL"


async def run_worked_example(folder: Path, statistics: str = "") -> Document:
    """The document of the worked example of docs/verdict.md, with more statistics if given."""
    config = write_files(VERDICT, folder)
    config.write_text(config.read_text() + (f"    statistics: {statistics}\n" if statistics else ""))
    async with in_process(config, environment=os.environ) as client:
        return await run_through(client, suite="support")


async def test_the_worked_example_has_the_examples_shown(tmp_path: Path) -> None:
    """Outputs, scores and what passed are as the table of docs/verdict.md has them."""
    document = await run_worked_example(tmp_path)
    graders = ("exact_match", "contains", "form")
    got = [
        [
            example["id"],
            "model error" if example["output"] is None else example["output"],
            *(str(int(example["scores"][name])) if name in example["scores"] else "" for name in graders),
            "yes" if example["passed"] else "no",
        ]
        for example in document["examples"]
    ]
    assert got == marked_tables(VERDICT)["examples"]


async def test_the_worked_example_has_the_rows_worked_out_by_hand(tmp_path: Path) -> None:
    """Scores, intervals and what passes are as the table of docs/verdict.md has them, with and without lower bounds."""
    document = await run_worked_example(tmp_path)
    strict = await run_worked_example(tmp_path, "{use_lower_bound: true}")
    got = [
        [
            row["name"],
            row["harness"] or "null",
            str(row["n"]),
            f"{row['score']:.4f}",
            f"{row['ci_lower']:.4f} – {row['ci_upper']:.4f}",  # noqa: RUF001 - as the page has it
            f"{row['threshold']:.2f}",
            *("yes" if one["passed"] else "no" for one in (row, held)),
        ]
        for row, held in zip(document["grader_results"], strict["grader_results"], strict=True)
    ]
    assert got == marked_tables(VERDICT)["rows"]
    assert (document["verdict"], strict["verdict"]) == ("PASS", "FAIL")
    assert document["warnings"] == ["the model of harness 'orders' failed on 1 of 4 examples"]


async def test_the_worked_example_has_no_verdict_below_its_error_rate(tmp_path: Path) -> None:
    """One error in seven examples is more than a `max_error_rate` of 0.1 allows."""
    document = await run_worked_example(tmp_path, "{max_error_rate: 0.1}")
    assert document["status"] == "error"
    assert "verdict" not in document


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """The document of the second worked example of docs/verdict.md."""
    config = write_files(VERDICT, tmp_path_factory.mktemp("more"), under="more/")

    async def run() -> Document:
        async with in_process(config, environment=os.environ) as client:
            return await run_through(client)

    return asyncio.run(run())


def yes_or_no(passed: bool) -> str:
    """As the tables have it."""
    return "yes" if passed else "no"


def test_the_second_worked_example_has_the_examples_shown(more: Document) -> None:
    """Scores and what passed, means over the repeats included."""
    got = [
        [
            example["id"],
            ", ".join(f"`{name}` {round(score, 4):g}" for name, score in example["scores"].items()) or "none",
            yes_or_no(example["passed"]),
        ]
        for example in more["examples"]
    ]
    assert got == marked_tables(VERDICT)["more examples"]


def test_the_second_worked_example_has_the_rows_worked_out_by_hand(more: Document) -> None:
    """Weights, marks, repeats and a small sample: rows in their order, verdict, what informs, and warnings."""
    got = [
        [
            *(row["suite"], row["name"], row["harness"] or "null", str(row["n"])),
            *(f"{row['score']:.4f}", f"{row['threshold']:.2f}", yes_or_no(row["passed"])),
        ]
        for row in more["grader_results"]
    ]
    assert got == marked_tables(VERDICT)["more rows"]
    assert (more["verdict"], more["grader_errors"], more["model_errors"]) == ("FAIL", 1, 0)
    informs = [(one["name"], one["harness"], one["score"]) for one in more["informational"]]
    assert informs == [("exact_match", "weighted", 0.5)]
    small, error = more["warnings"]
    assert "n=2" in small
    assert "'marked'" in error


def test_the_second_worked_example_tells_of_repeats_what_is_shown(more: Document) -> None:
    """pass@k and pass^k for 1, 2 and 3 tries, and the share of examples that disagree."""
    (row,) = [row for row in more["grader_results"] if row["suite"] == "repeats"]
    estimates = enumerate(zip(row["pass_at_k"], row["pass_all_k"], strict=True), 1)
    got = [[str(k), f"{at:.4f}", f"{every:.4f}"] for k, (at, every) in estimates]
    assert got == marked_tables(VERDICT)["more repeats"]
    assert row["disagree"] == pytest.approx(1 / 3)
    (second,) = [example for example in more["examples"] if example["id"] == "r2"]
    assert [one["output"] for one in second["repeats"]] == ["1", "0", "0"]


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    """A copy of a real log, with all its rows in one file, where a server's folder would have it."""
    config = write_files(README, tmp_path / "served")
    async with in_process(config, environment=os.environ) as client:
        await run_through(client)
    copy = tmp_path / ".matchspec" / "matchspec.db"
    copy.parent.mkdir()
    shutil.copy(config.parent / ".matchspec" / "matchspec.db", copy)
    return copy


def check_with_python(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python program of docs/log-format.md on the log of a folder; it sees nothing of ours."""
    write_files(LOG_FORMAT, folder)
    command = [sys.executable, "-I", "-S", "check_log.py", ".matchspec/matchspec.db"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def check_with_javascript(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the JavaScript program of docs/log-format.md on the log of a folder, by the command that stands there."""
    write_files(LOG_FORMAT, folder)
    command = ["bash", "-o", "pipefail", "-c", block(LOG_FORMAT, "check_log")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


Check = Callable[[Path], subprocess.CompletedProcess[str]]

CHECKS = [
    pytest.param(check_with_python, id="python"),
    pytest.param(check_with_javascript, id="javascript", marks=needs("node", "sqlite3")),
]


def head_of(log: Path) -> str:
    """What a checking program must say of a whole log."""
    with closing(sqlite3.connect(log)) as connection:
        ((position, head),) = connection.execute(
            "SELECT position, hex(hash) FROM events ORDER BY position DESC LIMIT 1"
        )
    return f"{position} events, {head.lower()}\n"


def tamper(log: Path, statement: str) -> None:
    """Change a log as someone would who can write the file: without its triggers."""
    with closing(sqlite3.connect(log)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("check", CHECKS)
def test_the_checking_programs_accept_a_real_log(check: Check, log: Path) -> None:
    """The programs of docs/log-format.md find a real log whole, and name its length and last hash."""
    finished = check(log.parent.parent)
    assert (finished.returncode, finished.stdout) == (0, head_of(log)), finished.stderr


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("UPDATE events SET body = CAST(replace(body, 'example', 'Example') AS BLOB) WHERE position = 3", 3),
        ("UPDATE events SET body = CAST(body || ' ' AS BLOB) WHERE position = 4", 4),
        ("UPDATE events SET at = '2026-03-15T14:30:22.123456Z' WHERE position = 5", 5),
        ("UPDATE events SET run_id = 'run-20260315-143022-a3f7' WHERE position = 2", 2),
        ("UPDATE events SET version = 9 WHERE position = 7", 7),
        ("UPDATE events SET hash = zeroblob(32) WHERE position = 6", 6),
        ("DELETE FROM events WHERE position = 4", 4),
    ],
)
def test_the_checking_programs_find_what_was_changed(check: Check, statement: str, position: int, log: Path) -> None:
    """Whatever is changed in the middle of a log, the programs name the first event that is wrong."""
    tamper(log, statement)
    finished = check(log.parent.parent)
    assert finished.returncode == 1
    assert finished.stderr == f"event {position} is not what was recorded\n"


def test_the_python_program_finds_changed_contents(log: Path) -> None:
    """Pinned contents that no longer have their digest are named."""
    tamper(log, "UPDATE contents SET bytes = CAST(replace(bytes, 'hello', 'jello') AS BLOB)")
    finished = check_with_python(log.parent.parent)
    assert finished.returncode == 1
    assert re.fullmatch(r"the contents [0-9a-f]{64} are not what was recorded\n", finished.stderr)
