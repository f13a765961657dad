"""`matchspec run PATH...`: harness files and folders of them, with and without a configuration."""

import re
from pathlib import Path

import pytest
from calling import call, document_of, result_files, run_logs
from project import examples, write_config, write_harness, write_yaml


def test_a_harness_file_needs_no_configuration(tmp_path: Path) -> None:
    """The suite is named after the path, and without any threshold all must be right."""
    write_harness(tmp_path, "qa", examples=examples(2))
    called = call(tmp_path, "run", "evals/qa/harness.yml")
    assert called.code == 0
    assert called.stdout.startswith("loading suite: evals/qa/harness.yml\nloading harness: qa (2 examples)\n")
    document = document_of(tmp_path, called)
    assert document["suite"] == "evals/qa/harness.yml"
    assert document["grader_results"][0]["threshold"] == 1.0
    assert len(run_logs(tmp_path)) == 1


def test_a_folder_stands_for_the_harness_files_below_it(tmp_path: Path) -> None:
    """At any depth and by their keys, in the order of their names; datasets, other YAML and hidden folders are none."""
    for name in ("b", "deep/er/a", ".hidden"):
        write_harness(tmp_path, name, examples=examples(1))
    write_yaml(tmp_path / "evals" / "b" / "more.yaml", {"version": 1, "name": "d", "examples": examples(1)})
    write_yaml(tmp_path / "evals" / "notes.yml", ["dataset", "model", "graders"])
    (tmp_path / "evals" / "b" / "bytes.yml").write_bytes(b"\xff\xfe")
    called = call(tmp_path, "run", "evals/")
    assert called.stdout.splitlines()[:3] == [
        "loading suite: evals",
        "loading harness: b (1 example)",
        "loading harness: deep/er/a (1 example)",
    ]
    assert re.fullmatch(r"evals-\d{8}-\d{6}\.json", result_files(tmp_path)[0])


def test_every_path_is_a_suite(tmp_path: Path) -> None:
    """Several paths are several suites in one run; a path that is written twice is one."""
    write_harness(tmp_path, "a", examples=examples(1))
    write_harness(tmp_path, "b", examples=examples(1))
    paths = ["evals/b", "./evals/a/harness.yml", "evals/b/", "evals/./b"]
    document = document_of(tmp_path, call(tmp_path, "run", *paths))
    assert (document["suite"], document["suites"]) == (None, ["evals/b", "evals/a/harness.yml"])
    document = document_of(tmp_path, call(tmp_path, "run", *paths, "-s", "evals/a/harness.yml"))
    assert document["suite"] == "evals/a/harness.yml"


def test_one_path_twice_is_one_suite(tmp_path: Path) -> None:
    """It has the document of one suite."""
    write_harness(tmp_path, "a", examples=examples(1))
    assert document_of(tmp_path, call(tmp_path, "run", "evals", "./evals/"))["suite"] == "evals"


def test_a_path_may_be_anywhere(tmp_path: Path) -> None:
    """An absolute path works; results are where the command was typed."""
    write_harness(tmp_path / "far", "qa", examples=examples(1))
    (tmp_path / "here").mkdir()
    path = str(tmp_path / "far" / "evals")
    called = call(tmp_path / "here", "run", path)
    assert called.code == 0
    assert document_of(tmp_path / "here", called)["suite"] == path


def test_the_defaults_of_a_configuration_are_used(tmp_path: Path) -> None:
    """Its statistics, output and defaults hold; its suites and their thresholds do not."""
    write_harness(tmp_path, "qa", examples=examples(1))
    write_config(
        tmp_path,
        [{"name": "own", "harnesses": [], "thresholds": {"overall": 0.1}}],
        statistics={"min_sample_size": 7},
        output={"dir": "out", "format": "markdown"},
    )
    called = call(tmp_path, "run", "evals")
    assert document_of(tmp_path, called)["warnings"] == [
        "low confidence: 'exact_match' of suite 'evals' has n=1, below min_sample_size 7"
    ]
    assert [Path(path).parent.name for path in called.written] == ["out", "out"]
    assert [Path(path).suffix for path in called.written] == [".json", ".md"]


def test_a_configuration_of_the_user_is_used_too(tmp_path: Path) -> None:
    """`$HOME/.matchspec/config.yml` gives defaults; the run stays in the folder in which it was typed."""
    write_harness(tmp_path, "qa", examples=examples(1))
    write_yaml(
        tmp_path / "home" / ".matchspec" / "config.yml",
        {"version": 1, "suites": [], "statistics": {"min_sample_size": 7}},
    )
    called = call(tmp_path, "run", "evals", HOME=str(tmp_path / "home"))
    assert "low confidence" in called.stdout
    (log,) = run_logs(tmp_path)
    for again in (["run", "--resume", log.stem], ["report"], ["report", log.stem]):
        told = call(tmp_path, *again, HOME=str(tmp_path / "home"))
        assert (told.code, log.stem in told.stdout) == (0, True)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere", "nowhere: no such file"),
        ("empty", "empty: holds no harness file: no YAML with dataset, model and graders"),
        ("notes.yml", "notes.yml"),
        ("x" * 300, "at most 256 characters"),
    ],
)
def test_a_path_that_is_no_harness_is_a_mistake(tmp_path: Path, path: str, reason: str) -> None:
    """Exit code 2, with the reason and the path; nothing is run."""
    (tmp_path / "empty").mkdir()
    write_yaml(tmp_path / "notes.yml", {"version": 1})
    write_harness(tmp_path, "qa", examples=examples(1))
    called = call(tmp_path, "run", "evals", path)
    assert (called.code, called.stdout) == (2, "")
    assert reason in called.stderr
    assert run_logs(tmp_path) == []


def test_every_mistake_of_every_path_is_told(tmp_path: Path) -> None:
    """Broken YAML below a folder is told, not left out: a gate that runs less than it seems to is none."""
    write_harness(tmp_path, "good", examples=examples(1))
    write_harness(tmp_path, "wrong", examples=examples(1), retries=-1)
    (tmp_path / "evals" / "broken.yml").write_text("version: 1\ndataset: ./d.jsonl\nmodel: {type: echo\ngraders: []\n")
    called = call(tmp_path, "run", "evals", "nowhere.yml")
    assert called.code == 2
    for reason in ("evals/broken.yml, line", "evals/wrong/harness.yml, line 13, retries", "nowhere.yml: no such file"):
        assert reason in called.stderr


def test_two_harnesses_of_a_folder_need_two_names(tmp_path: Path) -> None:
    """A harness's name is unique within its suite; in two suites it may be the same."""
    for folder in ("a", "b"):
        write_harness(tmp_path / folder, "qa", examples=examples(1))
    called = call(tmp_path, "run", ".")
    assert called.code == 2
    assert "qa" in called.stderr
    assert call(tmp_path, "run", "a", "b").code == 0


def test_a_dry_run_of_paths(tmp_path: Path) -> None:
    """What would be asked, without a log."""
    write_harness(tmp_path, "qa", examples=examples(3))
    called = call(tmp_path, "run", "--dry-run", "evals")
    assert (called.code, called.stdout.splitlines()[0]) == (0, "suite: evals")
    assert called.stdout.endswith("3 model calls; nothing was run\n")
    assert run_logs(tmp_path) == []


def test_a_typing_error_in_a_key_does_not_hide_a_harness(tmp_path: Path) -> None:
    """Two of the three keys make a harness file: the third is told, with the name that was meant."""
    write_harness(tmp_path, "good", examples=examples(1))
    bad = write_harness(tmp_path, "bad", examples=examples(1))
    bad.write_text(bad.read_text().replace('"graders"', '"grader"'))
    called = call(tmp_path, "run", "evals")
    assert called.code == 2
    assert "evals/bad/harness.yml" in called.stderr
    assert "unknown field 'grader' (did you mean 'graders'?)" in called.stderr
