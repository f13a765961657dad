"""One server writes a log at a time: a second one says who does, and ends."""

import subprocess
import time
from pathlib import Path

import pytest
from project import examples, write_project
from server import Server, assert_chained, log_of, of_type, read_log, recorded_model, run_serve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def refused(first: Server, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """A second server, which must refuse quickly and name the first."""
    began = time.monotonic()
    second = run_serve(first.config.parent, *options)
    assert time.monotonic() - began < 10
    assert second.returncode == 3
    assert f"process {first.process.pid}," in second.stderr
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr
    assert "listening" not in second.stdout
    return second


def test_second_server_refuses_and_first_goes_on(tmp_path: Path) -> None:
    """A second server on the same log names the holder and ends, while the first one's run goes on undisturbed."""
    answers = {f"q{number}": f"q{number}" for number in range(20)}
    with recorded_model(tmp_path, answers, 400) as model:
        config = write_project(
            tmp_path / "project", examples=examples(20), model=model.spec, harness={"concurrency": 1}
        )
        with Server(config) as first:
            run_id = first.start_run(suite="qa")
            second = refused(first)
            assert str(log_of(config)) in second.stderr
            assert first.get(f"/results/{run_id}")["status"] == "running"
            result = first.result(run_id)
        assert model.calls().total == 20
    assert result["verdict"] == "PASS"
    assert of_type(read_log(log_of(config)), "resumed") == []
    assert_chained(log_of(config))


@pytest.mark.parametrize("linked", ["folder", "file"])
def test_second_name_of_a_log_is_the_same_log(tmp_path: Path, linked: str) -> None:
    """A log that is reached through a link is in use as well."""
    config = write_project(tmp_path / "project")
    with Server(config) as first:
        assert first.url
        if linked == "folder":
            (tmp_path / "other").symlink_to(log_of(config).parent)
            other = tmp_path / "other" / "matchspec.db"
        else:
            other = tmp_path / "other.db"
            other.symlink_to(log_of(config))
        refused(first, "--db", other)
        assert first.result(first.start_run())["verdict"] == "PASS"


def test_log_is_free_after_any_end(tmp_path: Path) -> None:
    """A server that was stopped or killed leaves its log to the next one."""
    config = write_project(tmp_path / "project")
    with Server(config) as first:
        assert first.url
        first.kill()
    with Server(config) as second:
        assert second.url
        assert second.stop() == 0
    with Server(config) as third:
        assert third.result(third.start_run())["verdict"] == "PASS"


def test_other_logs_are_free(tmp_path: Path) -> None:
    """Two servers of one configuration work side by side, each on a log of its own."""
    config = write_project(tmp_path / "project")
    with Server(config) as first, Server(config, MATCHSPEC_DB=str(tmp_path / "second.db")) as second:
        assert first.result(first.start_run())["verdict"] == "PASS"
        assert second.get("/results")["total"] == 0
