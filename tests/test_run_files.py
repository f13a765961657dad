"""The files that `matchspec run` leaves: where, under which names, and how long."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from calling import call, document_of, result_files, run_logs
from commanding import matchspec
from project import examples, suite, write_project
from running import serving

from domain.errors import LogUnavailable
from service.log.sqlite.event_log import SqliteLog


def test_results_are_named_after_suite_and_start(tmp_path: Path) -> None:
    """`<suite>-YYYYMMDD-HHMMSS.json` with the run's own time, in UTC."""
    write_project(tmp_path)
    called = call(tmp_path, "run", "-s", "qa", "-o", "junit")
    started_at = str(document_of(tmp_path, called)["started_at"])
    time = started_at.replace("-", "").replace(":", "").replace("T", "-").removesuffix("Z")
    assert result_files(tmp_path) == [f"qa-{time}.json", f"qa-{time}.xml"]
    assert called.written == [f".matchspec/results/qa-{time}.json", f".matchspec/results/qa-{time}.xml"]


def test_the_folder_can_be_chosen(tmp_path: Path) -> None:
    """`--output-dir` is relative to where the command was typed, `output.dir` to the configuration."""
    write_project(tmp_path / "project", output={"dir": "out"})
    config = ["--config", "project/matchspec.yml"]
    call(tmp_path, "run", *config)
    call(tmp_path, "run", *config, "--output-dir", "a/b")
    assert len(list((tmp_path / "project" / "out").glob("all-*.json"))) == 1
    assert len(list((tmp_path / "a" / "b").glob("all-*.json"))) == 1


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """The report is shown all the same; exit code 3."""
    write_project(tmp_path)
    (tmp_path / "file").touch()
    called = call(tmp_path, "run", "--output-dir", "file")
    assert called.code == 3
    assert "  overall      PASS\n" in called.stdout
    assert "can't write" in called.stderr


async def answer(config: Path, db: Path, run_id: str) -> bytes:
    """What a server over this log answers."""
    async with serving(config, db=db) as client:
        return (await client.http.get(f"/results/{run_id}")).content


def test_the_json_file_is_what_a_server_answers(tmp_path: Path) -> None:
    """Byte for byte, for a server on a copy of the run's log."""
    graders = [{"type": "exact_match", "pass_at": 0.5}, {"type": "contains", "threshold": 0.1}]
    config = write_project(tmp_path, examples=examples(3, tags=["a"], metadata={"x": 1.5}), graders=graders)
    called = call(tmp_path, "run")
    (log,) = run_logs(tmp_path)
    (tmp_path / "copy.db").write_bytes(log.read_bytes())
    served = asyncio.run(answer(config, tmp_path / "copy.db", log.stem))
    assert served == (tmp_path / called.written[0]).read_bytes()


def test_only_expired_files_with_our_names_are_deleted(tmp_path: Path) -> None:
    """With `retain_days: 2`: results and run logs of three days ago go, with their side files; all else stays."""
    write_project(tmp_path, output={"retain_days": 2})
    results, runs = tmp_path / ".matchspec" / "results", tmp_path / ".matchspec" / "runs"
    old, young = (f"{datetime.now(UTC) - timedelta(days=days):%Y%m%d-%H%M%S}" for days in (3, 1))
    gone = [results / f"qa-{old}.{ending}" for ending in ("json", "xml", "md")]
    gone += [runs / f"run-{old}-00ff.db{ending}" for ending in ("", "-wal", "-shm", ".lock", ".checkpoint")]
    kept = [results / f"qa-{young}.json", results / f"qa-{old}.txt", results / "qa.json", results / f"{old}.json.bak"]
    kept += [runs / f"run-{young}-00ff.db", runs / f"run-{old}.db", runs / "matchspec.db", tmp_path / f"qa-{old}.json"]
    for path in gone + kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (results / f"folder-{old}.json").mkdir()
    assert call(tmp_path, "run").code == 0
    assert [path.name for path in gone if path.exists()] == []
    assert [path.name for path in kept if not path.exists()] == []
    assert len(run_logs(tmp_path)) == 3
    assert (results / f"folder-{old}.json").is_dir()


def test_without_retain_days_nothing_is_deleted(tmp_path: Path) -> None:
    """0, the default, keeps for ever."""
    write_project(tmp_path)
    old = tmp_path / ".matchspec" / "results" / "qa-20200101-000000.json"
    old.parent.mkdir(parents=True)
    old.touch()
    assert call(tmp_path, "run").code == 0
    assert old.exists()


@pytest.mark.slow
def test_two_runs_at_once_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Two commands, each asking for a second: both end well, each in a log of its own, while a third is reported."""
    model = {"type": "command", "command": ["sh", "-c", "sleep 1; cat"]}
    write_project(tmp_path, examples=examples(1), model=model)
    with ThreadPoolExecutor() as together:
        ended = list(together.map(lambda _: matchspec(tmp_path, "run"), range(2)))
    assert [one.returncode for one in ended] == [0, 0]
    assert len(run_logs(tmp_path)) == 2
    assert len({re.findall(r"run-\S+", one.stdout)[0] for one in ended}) == 2


def test_a_suite_whose_name_is_no_file_name(tmp_path: Path) -> None:
    """It gets one that is, within the folder."""
    write_project(tmp_path, suites=[suite("../a b/ä", "qa-v1")])
    (written,) = call(tmp_path, "run", "-s", "../a b/ä").written
    assert (tmp_path / written).parent == tmp_path / ".matchspec" / "results"
    assert re.fullmatch(r"a-b--?-[0-9a-f]{6}-\d{8}-\d{6}\.json|[\w.-]+-\d{8}-\d{6}\.json", Path(written).name)


def test_the_environment_comes_before_the_configuration(tmp_path: Path) -> None:
    """Where results go and in which format, by variable; a wrong value is a mistake before anything runs."""
    write_project(tmp_path, output={"dir": "out"})
    called = call(tmp_path, "run", MATCHSPEC_OUTPUT_DIR="other", MATCHSPEC_OUTPUT_FORMAT="markdown")
    assert [Path(path).parent.name for path in called.written] == ["other", "other"]
    assert Path(called.written[1]).suffix == ".md"
    wrong = call(tmp_path, "run", MATCHSPEC_OUTPUT_FORMAT="html")
    assert wrong.code == 2
    assert "MATCHSPEC_OUTPUT_FORMAT" in wrong.stderr
    assert len(run_logs(tmp_path)) == 1


def test_a_run_that_could_record_nothing_leaves_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full before the first event: a log without any is of no use to anyone."""
    write_project(tmp_path)

    async def full(*_: object) -> NoReturn:
        raise LogUnavailable("the log can't be written: database or disk is full")

    monkeypatch.setattr(SqliteLog, "_commit", full)
    called = call(tmp_path, "run")
    assert (called.code, called.stderr) == (3, "matchspec: the log can't be written: database or disk is full\n")
    assert list((tmp_path / ".matchspec" / "runs").iterdir()) == []
