"""`matchspec report`: a past run, from its log, a server's log or a file."""

import asyncio
from pathlib import Path

import pytest
from calling import call, result_files, run_logs
from project import examples, suite, write_project
from running import serving

WRONG = {"id": "bad", "input": "x", "expected": "y"}


def six(folder: Path) -> str:
    """A project whose model answers five of six questions rightly, and one run of it; gives the report's text."""
    one = suite("qa", "qa-v1", thresholds={"overall": 0.99})
    write_project(folder, examples=[*examples(5), WRONG], suites=[one])
    return told(call(folder, "run", "-s", "qa").stdout)


def told(stdout: str) -> str:
    """The report within what `run` printed."""
    return stdout[stdout.index("qa  6 examples") :].partition("\nresults written to")[0]


def test_the_latest_run_is_reported_as_it_was(tmp_path: Path) -> None:
    """The same text as when it ran, and the exit code tells no verdict."""
    text = six(tmp_path)
    called = call(tmp_path, "report")
    assert (called.code, called.stdout, called.stderr) == (0, text, "")


def test_a_run_by_its_id(tmp_path: Path) -> None:
    """Whichever is the latest."""
    first = six(tmp_path)
    six(tmp_path)
    (one, two) = run_logs(tmp_path)
    own, other = (one, two) if one.stem in first else (two, one)
    assert call(tmp_path, "report", own.stem).stdout == first
    assert other.stem in call(tmp_path, "report", other.stem).stdout


def test_the_latest_of_runs_in_the_same_second(tmp_path: Path) -> None:
    """Names tell seconds only; the log tells which run started last."""
    reports = [six(tmp_path) for _ in range(4)]
    assert call(tmp_path, "report").stdout == reports[-1]


def test_a_result_file(tmp_path: Path) -> None:
    """It needs neither log nor configuration."""
    text = six(tmp_path)
    (name,) = result_files(tmp_path)
    file = (tmp_path / ".matchspec" / "results" / name).read_bytes()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "r.json").write_bytes(file)
    assert call(tmp_path / "elsewhere", "report", "r.json").stdout == text


def test_json_is_the_document(tmp_path: Path) -> None:
    """The bytes of the result file, and a newline."""
    six(tmp_path)
    (name,) = result_files(tmp_path)
    content = (tmp_path / ".matchspec" / "results" / name).read_text()
    for which in ([], [run_logs(tmp_path)[0].stem], [f".matchspec/results/{name}"]):
        assert call(tmp_path, "report", "-f", "json", *which).stdout == content + "\n"


def test_markdown_is_what_run_writes(tmp_path: Path) -> None:
    """The same as the file beside the JSON."""
    six(tmp_path)
    markdown = call(tmp_path, "report", "--format", "markdown").stdout
    call(tmp_path, "run", "--resume", run_logs(tmp_path)[0].stem, "-o", "markdown", "-q")
    (name,) = (name for name in result_files(tmp_path) if name.endswith(".md"))
    assert (tmp_path / ".matchspec" / "results" / name).read_text() == markdown
    assert markdown.startswith("## ❌ FAIL: `qa`\n")


def test_passing_examples_on_demand(tmp_path: Path) -> None:
    """The five that passed, after the report."""
    text = six(tmp_path)
    full = call(tmp_path, "report", "--show-passing").stdout
    assert full.startswith(text)
    assert "Passing examples: 5 of 6 examples\n" in full
    assert [f"    ex-{number}  exact_match 1.00\n" in full for number in range(5)] == [True] * 5


async def run_on_server(config: Path) -> tuple[str, str]:
    """Run a suite on a server; gives the run's id and its document."""
    async with serving(config) as client:
        run_id = await client.start(suite="qa")
        await client.over(run_id)
        return run_id, (await client.http.get(f"/results/{run_id}")).text


def test_a_run_of_a_server(tmp_path: Path) -> None:
    """A server's log is read too: by id, as the latest, and from another place with --db."""
    one = suite("qa", "qa-v1", thresholds={"overall": 0.8})
    config = write_project(tmp_path, examples=[*examples(5), WRONG], suites=[one])
    run_id, content = asyncio.run(run_on_server(config))
    log = tmp_path / ".matchspec" / "matchspec.db"
    for where in ([], [run_id], ["--db", str(log)]):
        assert call(tmp_path, "report", "-f", "json", *where).stdout == content + "\n"


@pytest.mark.parametrize("which", [[], ["run-20260315-143022-a3f7"]])
def test_no_run_is_a_usage_error(tmp_path: Path, which: list[str]) -> None:
    """It says where it looked, and makes nothing."""
    called = call(tmp_path, "report", *which)
    assert (called.code, called.stdout) == (2, "")
    assert str(tmp_path / ".matchspec" / "runs") in called.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "r.json"), (b"[1]", "r.json"), (b"\xff", "r.json"), (None, "no-such.json")]
)
@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_file_that_is_no_result(tmp_path: Path, content: bytes | None, reason: str, kind: str) -> None:
    """It is named, whatever the format."""
    (tmp_path / "r.json").write_bytes(content or b"")
    called = call(tmp_path, "report", "-f", kind, "no-such.json" if content is None else "r.json")
    assert (called.code, called.stdout) == (2, "")
    assert reason in called.stderr


def test_a_refused_run_leaves_the_latest_as_it_was(tmp_path: Path) -> None:
    """What never began is no run."""
    text = six(tmp_path)
    assert call(tmp_path, "run", "--tags", "none").code == 2
    assert call(tmp_path, "run", "-s", "none").code == 2
    assert call(tmp_path, "report").stdout == text


def test_a_log_that_was_never_made_whole_is_passed_over(tmp_path: Path) -> None:
    """A process may be killed while it makes its log."""
    text = six(tmp_path)
    (tmp_path / ".matchspec" / "runs" / "run-20990101-000000-0000.db").touch()
    assert call(tmp_path, "report").stdout == text
