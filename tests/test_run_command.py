"""`matchspec run`: what each option does, what is printed, and how it exits."""

import re
from pathlib import Path

import msgspec
import pytest
from calling import Called, call, document_of, result_files, run_logs
from project import EXACT, Fields, examples, suite, write_config, write_harness, write_project, write_yaml

RUN_ID = r"run-\d{8}-\d{6}-[0-9a-f]{4}"
WRONG: Fields = {"id": "bad", "input": "x", "expected": "y"}
GOLDEN = Path(__file__).parent / "golden" / "run"


def six(folder: Path, threshold: float = 0.99) -> Path:
    """A project whose model answers five of six questions rightly."""
    one = suite("qa", "qa-v1", thresholds={"overall": threshold})
    return write_project(folder, examples=[*examples(5), WRONG], suites=[one])


def steady(text: str) -> str:
    """A text without what differs from run to run: ids, times, durations."""
    text = re.sub(RUN_ID, "RUN_ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\d{8}-\d{6}", "TIME", text)
    text = re.sub(r"\b\d+\.\d s\b", "SECONDS", text)
    text = re.sub(r'"(duration_seconds|latency_ms)":[\d.]+', r'"\1":0', text)
    return re.sub(r'time="\d+\.\d{3}"', 'time="SECONDS"', text)


def test_a_run_that_fails_is_told_in_plain_lines(tmp_path: Path) -> None:
    """What is loaded, the report and where results are, exactly as written by hand; exit code 1."""
    six(tmp_path)
    called = call(tmp_path, "run", "-c", "1")
    assert (called.code, called.stderr) == (1, "")
    assert steady(called.stdout) == (GOLDEN / "failed.txt").read_text()


def test_a_run_that_passes_exits_with_0(tmp_path: Path) -> None:
    """0.83 reaches 0.8."""
    six(tmp_path, 0.8)
    called = call(tmp_path, "run")
    assert called.code == 0
    assert "  exact_match  0.83  ✓  (≥0.80)\n  overall      PASS\n" in called.stdout


@pytest.mark.parametrize(("kind", "ending"), [("junit", "xml"), ("markdown", "md")])
def test_every_format_is_as_written_by_hand(tmp_path: Path, kind: str, ending: str) -> None:
    """The JSON file is always written, another format beside it under the same name."""
    six(tmp_path)
    called = call(tmp_path, "run", "-c", "1", "-o", kind)
    (path,) = (path for path in called.written if path.endswith(ending))
    assert steady((tmp_path / path).read_text()) == (GOLDEN / f"failed.{ending}").read_text()
    assert {Path(name).suffix for name in result_files(tmp_path)} == {".json", f".{ending}"}


def test_the_json_file_is_as_written_by_hand(tmp_path: Path) -> None:
    """The document of `docs/api.md`, field for field; a mean of five sixths with its interval."""
    six(tmp_path)
    called = call(tmp_path, "run", "-c", "1")
    document = msgspec.json.decode(steady((tmp_path / called.written[0]).read_text()))
    row = document["grader_results"][0]
    assert [row.pop(name) for name in ("score", "pass_rate")] == [5 / 6, 5 / 6]
    assert [row.pop(name) for name in ("ci_lower", "ci_upper")] == pytest.approx([0.4365, 0.9699], abs=5e-5)
    assert document.pop("log")["position"] == 1 + 1 + 6 + 1
    assert document == msgspec.json.decode((GOLDEN / "failed.json").read_text())


def test_badge_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    """An SVG with the verdict and the score of the only row; its place is said."""
    six(tmp_path, 0.8)
    called = call(tmp_path, "run", "--badge", "badges/qa.svg", "--no-write")
    assert "<title>matchspec: PASS 0.83</title>" in (tmp_path / "badges" / "qa.svg").read_text()
    assert "badge written to: badges/qa.svg\n" in called.stdout
    assert result_files(tmp_path) == []


def test_a_suite_can_be_named(tmp_path: Path) -> None:
    """Only its harnesses run; the file has its name."""
    write_harness(tmp_path, "a", examples=examples(1))
    write_harness(tmp_path, "b", examples=examples(2))
    write_config(tmp_path, [suite("one", "a"), suite("two", "b")])
    called = call(tmp_path, "run", "--suite", "two")
    document = document_of(tmp_path, called)
    assert (document["suite"], len(document["examples"])) == ("two", 2)
    assert called.stdout.startswith("loading suite: two\nloading harness: b (2 examples)\n")
    assert re.fullmatch(r"two-\d{8}-\d{6}\.json", result_files(tmp_path)[0])


def test_all_suites_run_together(tmp_path: Path) -> None:
    """One run, `suite` null, lines by suite, a file named all."""
    write_harness(tmp_path, "a", examples=examples(1))
    write_harness(tmp_path, "b", examples=examples(2))
    write_config(tmp_path, [suite("one", "a"), suite("two", "b", "a")])
    called = call(tmp_path, "run")
    document = document_of(tmp_path, called)
    assert (document["suite"], document["suites"]) == (None, ["one", "two"])
    assert called.stdout.splitlines()[:5] == [
        "loading suite: one",
        "loading harness: a (1 example)",
        "loading suite: two",
        "loading harness: b (2 examples)",
        "loading harness: a (1 example)",
    ]
    assert re.fullmatch(r"all-\d{8}-\d{6}\.json", result_files(tmp_path)[0])


def test_tags_choose_examples(tmp_path: Path) -> None:
    """Those with at least one of the tags; spaces around a comma don't count."""
    tagged = [{"id": tag, "input": tag, "expected": tag, "tags": [tag]} for tag in ("maths", "art", "music")]
    write_project(tmp_path, examples=tagged)
    document = document_of(tmp_path, call(tmp_path, "run", "--tags", "maths, music"))
    assert [example["id"] for example in document["examples"]] == ["maths", "music"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-s", "qaa"], "no suite 'qaa' in matchspec.yml (did you mean 'qa'?)"),
        (["--tags", "none"], "no example of any suite carries the tags that were asked for"),
        (["--config", "other.yml"], "other.yml: no such file (named by --config)"),
        (["-c", "0"], "0 is not in the range"),
        (["-c", "100001"], "100001 is not in the range"),
        (["--timeout", "0"], "0.0 is not in the range"),
        (["--timeout", "nan"], "--timeout: the value is out of range"),
        (["--timeout", "86401"], "86401.0 is not in the range"),
        (["-o", "html"], "'html' is not one of 'json', 'junit', 'markdown'"),
        (["--no-write=maybe"], "'maybe' is not a valid boolean"),
        (["--resume", "run-20260315-143022-a3f7"], "there is no run 'run-20260315-143022-a3f7' here"),
        (["--resume", "../../etc/passwd"], "there is no run '../../etc/passwd' here"),
        (["--resume", "run-20260315-143022-a3f7", "-s", "qa"], "--resume does not go with --suite"),
        (["--server", "http://127.0.0.1:1", "--dry-run"], "--server does not go with --dry-run"),
        (["--server", "ftp://127.0.0.1:1"], "is not an http:// or https:// address"),
        (["--frobnicate"], "--frobnicate"),
    ],
)
def test_usage_errors_exit_with_2_and_leave_nothing(tmp_path: Path, arguments: list[str], reason: str) -> None:
    """The reason is said on stderr; nothing is asked, and no log or result is left."""
    six(tmp_path)
    called = call(tmp_path, "run", *arguments)
    assert (called.code, called.stdout) == (2, "")
    assert reason in " ".join(called.stderr.split())
    assert result_files(tmp_path) == []
    assert run_logs(tmp_path) == []


def test_mistakes_in_files_exit_with_2(tmp_path: Path) -> None:
    """Each is told with file, line and field."""
    config = six(tmp_path)
    write_yaml(config, {"version": 1, "colour": "red", "suites": [suite("qa", "qa-v1", thresholds={"exact": 1})]})
    called = call(tmp_path, "run")
    assert (called.code, called.stdout) == (2, "")
    assert "2 mistakes" in called.stderr
    assert "suites[0].thresholds.exact" in called.stderr


def test_without_a_configuration_the_places_are_named(tmp_path: Path) -> None:
    """Exit code 2."""
    called = call(tmp_path, "run")
    assert called.code == 2
    assert "./matchspec.yml" in called.stderr


def test_a_model_that_never_answers_exits_with_3(tmp_path: Path) -> None:
    """The run is over as error, without a verdict, and that is reported and written."""
    write_project(tmp_path, examples=examples(2), model={"type": "command", "command": ["false"]})
    called = call(tmp_path, "run")
    assert called.code == 3
    assert document_of(tmp_path, called)["status"] == "error"
    assert "  overall       ERROR\n" in called.stdout
    assert "error: every model call failed (2 of 2)\n" in called.stdout


def test_a_variable_that_is_not_set_exits_with_2(tmp_path: Path) -> None:
    """It is named before anything is asked."""
    write_project(tmp_path, model={"type": "http", "endpoint": "http://127.0.0.1:1/", "api_key_env": "NO_SUCH_KEY"})
    called = call(tmp_path, "run")
    assert called.code == 2
    assert "the environment variable NO_SUCH_KEY is not set" in called.stderr


def test_the_time_limit_is_for_every_attempt(tmp_path: Path) -> None:
    """`--timeout` comes before what the harness file says."""
    model = {"type": "command", "command": ["sleep", "20"], "timeout_seconds": 30}
    write_project(tmp_path, model=model, harness={"timeout_seconds": 30})
    called = call(tmp_path, "run", "--timeout", "0.2")
    assert called.code == 3
    assert "0.2 s" in document_of(tmp_path, called)["examples"][0]["error"]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        (["--no-write"], False),
        (["--no-write=true"], False),
        (["--no-write=1"], False),
        (["--no-write=false"], True),
        (["--no-write=0"], True),
        ([], True),
    ],
)
def test_no_write_may_have_a_value(tmp_path: Path, typed: list[str], written: bool) -> None:
    """Without result files the run is in its log all the same."""
    six(tmp_path)
    called = call(tmp_path, "run", *typed, "evals")
    assert called.code == 1
    assert (len(result_files(tmp_path)), len(called.written)) == (int(written), int(written))
    assert len(run_logs(tmp_path)) == 1


def test_five_failing_examples_or_all(tmp_path: Path) -> None:
    """Of seven that failed, five are told, and how to see the rest."""
    write_project(tmp_path, examples=examples(7, expected="another"))
    some = call(tmp_path, "run", "-c", "1").stdout
    assert [number for number in range(7) if f"    ex-{number}  0.00\n" in some] == [0, 1, 2, 3, 4]
    assert "... and 2 more (--show-all-failures tells all)" in some
    everything = call(tmp_path, "run", "--show-all-failures").stdout
    assert all(f"    ex-{number}  0.00\n" in everything for number in range(7))


def test_verbose_tells_every_example(tmp_path: Path) -> None:
    """Harness, id, scores, and whether it passed; a model error by its reason."""
    six(tmp_path)
    lines = call(tmp_path, "run", "-v", "-c", "1").stdout.splitlines()
    told = [line for line in lines if line.startswith("[")]
    assert told == [*(f"[qa-v1] ex-{n}: exact_match=1.00 ✓" for n in range(5)), "[qa-v1] bad: exact_match=0.00 ✗"]


def test_verbose_keeps_an_example_on_its_line(tmp_path: Path) -> None:
    """What a model writes can't steer a terminal: control characters are shown, not sent."""
    model = {"type": "command", "command": ["sh", "-c", "printf 'a\\nb\\033[31m' >&2; exit 1"]}
    write_project(tmp_path, model=model)
    called = call(tmp_path, "run", "-v")
    assert "\x1b" not in called.stdout
    assert [line for line in called.stdout.splitlines() if line.startswith("[qa-v1] ex-0: model error: ")]


def test_quiet_prints_nothing(tmp_path: Path) -> None:
    """The exit code has the verdict; with `-v` too, and files are written all the same."""
    six(tmp_path)
    assert call(tmp_path, "run", "-q", "-v", "--badge", "b.svg") == Called(1, "", "")
    assert len(result_files(tmp_path)) == 1
    assert call(tmp_path, "run", "-q", "-s", "none").stderr != ""


def test_quiet_still_tells_why_there_is_no_verdict(tmp_path: Path) -> None:
    """A run that ends as error says so on stderr: the exit code alone would leave everybody guessing."""
    write_project(tmp_path, model={"type": "command", "command": ["false"]})
    called = call(tmp_path, "run", "-q")
    assert (called.code, called.stdout) == (3, "")
    assert called.stderr.startswith("matchspec: the run ended as error: every model call failed")


def test_a_dry_run_asks_nothing(tmp_path: Path) -> None:
    """Suites, harnesses, calls (times repeats) and thresholds are told; the model is not asked, nothing is written."""
    graders = [EXACT, {"type": "contains", "threshold": 0.5}]
    model = {"type": "command", "command": ["touch", str(tmp_path / "asked")]}
    one = suite("qa", "qa-v1", thresholds={"exact_match": 0.9})
    write_project(tmp_path, examples=examples(3), model=model, graders=graders, suites=[one], harness={"repeats": 2})
    called = call(tmp_path, "run", "--dry-run")
    assert called == Called(
        0,
        "suite: qa\n"
        "  harness: qa-v1 (6 calls, model command)\n"
        "    graders: exact_match (≥0.9), contains (≥0.5)\n"
        "6 model calls; nothing was run\n",
        "",
    )
    assert not (tmp_path / "asked").exists()
    assert not (tmp_path / ".matchspec").exists()


@pytest.mark.parametrize("arguments", [["-s", "qaa"], ["--tags", "none"]])
def test_a_dry_run_refuses_what_the_run_would(tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2 with the reason."""
    six(tmp_path)
    called = call(tmp_path, "run", "--dry-run", *arguments)
    assert (called.code, called.stdout) == (2, "")


def test_a_dry_run_looks_for_what_is_needed(tmp_path: Path) -> None:
    """A grader's script that is not there is told as the run would tell it."""
    write_project(tmp_path, graders=[{"type": "python", "config": {"callable": "none.py:grade"}}])
    dry, real = call(tmp_path, "run", "--dry-run"), call(tmp_path, "run")
    assert (dry.code, real.code) == (2, 2)
    assert dry.stderr == real.stderr
    assert "none.py: no such file" in dry.stderr


def test_a_dry_run_reads_datasets_to_their_ends(tmp_path: Path) -> None:
    """A bad row is found without a run."""
    six(tmp_path)
    dataset = tmp_path / "evals" / "qa-v1" / "dataset.jsonl"
    dataset.write_text(dataset.read_text() + '{"id": "ex-0", "input": "again", "expected": "again"}\n')
    called = call(tmp_path, "run", "--dry-run")
    assert called.code == 2
    assert "line 7" in called.stderr


def test_a_config_elsewhere_keeps_its_own_runs(tmp_path: Path) -> None:
    """Logs and results are beside the configuration, wherever the command was typed."""
    (tmp_path / "project").mkdir()
    six(tmp_path / "project")
    called = call(tmp_path, "run", "--config", "project/matchspec.yml")
    assert called.code == 1
    assert called.written == [f"project/.matchspec/results/{result_files(tmp_path / 'project')[0]}"]
    assert len(run_logs(tmp_path / "project")) == 1


def test_each_suite_has_intervals_where_it_sets_statistics(tmp_path: Path) -> None:
    """With `min_sample_size` the rows are a table, and six examples are few."""
    one = suite("qa", "qa-v1", thresholds={"overall": 0.8})
    write_project(tmp_path, examples=[*examples(5), WRONG], suites=[one], statistics={"min_sample_size": 10})
    called = call(tmp_path, "run")
    assert called.code == 0
    assert "[low confidence — n=6]" in called.stdout
    assert "0.44 - 0.97" in called.stdout
