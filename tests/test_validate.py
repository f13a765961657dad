"""`matchspec validate`: every file with its sign, every mistake with its line, warnings that fail nothing."""

import os
import pty
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from commanding import matchspec
from project import EXACT, examples, suite, write_config, write_dataset, write_harness, write_project, write_yaml
from server import MATCHSPEC, environment

from service.cli.main import main
from service.graders import local_embeddings


def lines(folder: Path, *options: str, code: int = 0, **variables: str) -> list[str]:
    """What `validate` says that must end with this exit code, without the empty line before its summary."""
    done = matchspec(folder, "validate", *options, **variables)
    assert (done.returncode, done.stderr) == (code, ""), done
    return [line for line in done.stdout.splitlines() if line]


def test_a_project_without_a_mistake(tmp_path: Path) -> None:
    """Every file has its ✓, datasets their number of examples; the summary counts, and the exit code is 0."""
    write_project(tmp_path, examples=examples(3))
    assert lines(tmp_path) == [
        "✓ matchspec.yml",
        "✓ evals/qa-v1/harness.yml",
        "✓ evals/qa-v1/dataset.jsonl (3 examples)",
        "3 files, 1 suite, 3 examples",
    ]


def test_a_mistake_in_every_file_is_told_at_once(tmp_path: Path) -> None:
    """Config, harness file and dataset each have their ✗ with line, field, what was found and what is allowed."""
    (tmp_path / "matchspec.yml").write_text(
        "version: 1\nsuites:\n  - name: qa\n    harnesses: [harness.yml]\n    thresholds: {overall: 1.2}\n"
    )
    (tmp_path / "harness.yml").write_text(
        "version: 1\nname: qa-v1\ndataset: dataset.yml\nmodel: {type: ecko}\n"
        "graders: [{type: exact_match}]\nretires: 2\n"
    )
    (tmp_path / "dataset.yml").write_text(
        "version: 1\nname: d\nexamples:\n  - {id: a, input: q, expected: 42}\n  - {id: b, input: q, expected: r}\n"
    )
    assert lines(tmp_path, code=2) == [
        "✗ matchspec.yml",
        "    line 5, suites[0].thresholds.overall: must be a number from 0 to 1, found the number 1.2",
        "✗ harness.yml",
        "    line 4, model.type: unknown type 'ecko' (did you mean 'echo'?)",
        "    line 6, retires: unknown field 'retires' (did you mean 'retries'?)",
        "✗ dataset.yml",
        '    line 4, examples[0].expected: must be text, found the number 42; quote it: "42"',
        "3 files, 1 suite, 0 examples: mistakes in matchspec.yml and 2 more",
    ]


def test_datasets_are_read_to_their_last_row(tmp_path: Path) -> None:
    """A wrong row, and an id that is there twice, are told with the lines of the file; good rows are counted."""
    config = write_project(tmp_path, examples=examples(4))
    dataset = config.parent / "evals/qa-v1/dataset.jsonl"
    dataset.write_text(
        dataset.read_text()
        + '{"id": "ex-9", "input": 7, "expected": "q"}\n{"id": "ex-0", "input": "q", "expected": "q"}\n'
    )
    told = lines(tmp_path, code=2)
    assert told[2].startswith("✗ evals/qa-v1/dataset.jsonl")
    assert told[3].startswith("    line 5, input: must be text, found the number 7")
    assert told[4] == "    line 6, id: the example 'ex-0' is already there (first in line 1)"
    assert told[5].endswith(": mistakes in evals/qa-v1/dataset.jsonl")


def test_a_csv_dataset_is_read_too(tmp_path: Path) -> None:
    """The rows of a CSV file count like others."""
    config = write_project(tmp_path)
    harness = config.parent / "evals/qa-v1/harness.yml"
    harness.write_text(harness.read_text().replace("dataset.jsonl", "dataset.csv"))
    (harness.parent / "dataset.csv").write_text("id,input,expected\na,q,q\nb,r,r\n")
    assert lines(tmp_path)[2:] == ["✓ evals/qa-v1/dataset.csv (2 examples)", "3 files, 1 suite, 2 examples"]


def test_a_harness_file_with_a_mistake_still_has_its_dataset_read(tmp_path: Path) -> None:
    """One mistake does not hide the next file's."""
    write_harness(tmp_path, "qa-v1", examples=[{"id": "a", "input": "q"}], graders=[{"type": "nope"}])
    write_config(tmp_path, [suite("qa", "qa-v1")])
    told = lines(tmp_path, code=2)
    assert [line for line in told if not line.startswith(" ")] == [
        "✓ matchspec.yml",
        "✗ evals/qa-v1/harness.yml",
        "✗ evals/qa-v1/dataset.jsonl",
        "3 files, 1 suite, 0 examples: mistakes in evals/qa-v1/harness.yml and 1 more",
    ]


def test_a_harness_file_that_is_not_there(tmp_path: Path) -> None:
    """It is told where it is named."""
    write_config(tmp_path, [suite("qa", "gone")])
    told = lines(tmp_path, code=2)
    assert told[0] == "✗ matchspec.yml"
    assert "suites[0].harnesses[0]: evals/gone/harness.yml: no such file" in told[1]


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    """The harness file that names it has the mistake, with the places that were looked at."""
    write_project(tmp_path)
    (tmp_path / "evals/qa-v1/dataset.jsonl").unlink()
    told = lines(tmp_path, code=2)
    assert told[1] == "✗ evals/qa-v1/harness.yml"
    assert "dataset: no such file; looked for evals/qa-v1/dataset.jsonl and dataset.jsonl" in told[2]


def test_broken_yaml_is_one_mistake(tmp_path: Path) -> None:
    """A config that is no YAML has its line told, and nothing follows from it."""
    (tmp_path / "matchspec.yml").write_text("version: 1\nsuites: [\n")
    told = lines(tmp_path, code=2)
    assert told[0] == "✗ matchspec.yml"
    assert "not valid YAML" in told[1]
    assert told[-1] == "1 file, 0 suites, 0 examples: mistakes in matchspec.yml"


def test_a_user_graders_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """`callable` names a file; without it no run can start."""
    write_project(tmp_path, graders=[{"type": "python", "config": {"callable": "graders.py:overlap"}}])
    told = lines(tmp_path, code=2)
    assert told[1] == "✗ evals/qa-v1/harness.yml"
    assert "graders[0].config.callable: graders.py: no such file" in told[2]


def test_files_that_several_name_are_told_once(tmp_path: Path) -> None:
    """Two suites over one harness, two harnesses over one dataset: each file has one line."""
    shared = {"version": 1, "dataset": "shared.jsonl", "model": {"type": "echo"}, "graders": [EXACT]}
    write_dataset(tmp_path / "shared.jsonl", examples(2))
    for name in ("a", "b"):
        write_yaml(tmp_path / f"evals/{name}/harness.yml", shared | {"name": name})
    write_config(tmp_path, [suite("one", "a", "b"), suite("two", "a")])
    assert lines(tmp_path) == [
        "✓ matchspec.yml",
        "✓ evals/a/harness.yml",
        "✓ shared.jsonl (2 examples)",
        "✓ evals/b/harness.yml",
        "4 files, 2 suites, 2 examples",
    ]


def test_inline_examples_count(tmp_path: Path) -> None:
    """A dataset inside its harness file is told with that file."""
    harness = write_harness(tmp_path, "qa-v1", examples=examples(1))
    (harness.parent / "dataset.jsonl").unlink()
    inline = {"name": "d", "examples": examples(5)}
    write_yaml(
        harness, {"version": 1, "name": "qa-v1", "dataset": inline, "model": {"type": "echo"}, "graders": [EXACT]}
    )
    write_config(tmp_path, [suite("qa", "qa-v1")])
    assert lines(tmp_path)[1:] == ["✓ evals/qa-v1/harness.yml (5 examples)", "2 files, 1 suite, 5 examples"]


def test_a_variable_that_is_not_set_is_a_warning(tmp_path: Path) -> None:
    """It is named with its place, the exit code stays 0; once it is set, nothing is said."""
    model = {"type": "http", "endpoint": "http://127.0.0.1:1/", "api_key_env": "QA_KEY"}
    write_project(tmp_path, model=model)
    told = lines(tmp_path)
    assert told[1] == "✓ evals/qa-v1/harness.yml"
    assert told[2].startswith("    warning: line ")
    assert told[2].endswith("model.api_key_env: the environment variable QA_KEY is not set")
    assert told[-1] == "3 files, 1 suite, 1 example: 1 warning"
    assert lines(tmp_path, QA_KEY="k")[-1] == "3 files, 1 suite, 1 example"


def test_a_suite_without_a_harness_is_a_warning(tmp_path: Path) -> None:
    """`harnesses: []` is valid, but can't be run."""
    write_project(tmp_path, suites=[suite("qa", "qa-v1"), suite("empty")])
    told = lines(tmp_path)
    assert told[0] == "✓ matchspec.yml"
    assert told[1].endswith("suites[1].harnesses: holds no harness file: this suite can't be run")


@pytest.mark.parametrize(("tags", "warns"), [(["smoke"], False), (["smoke", "other"], False), (["smok"], True)])
def test_tags_that_no_example_carries_are_a_warning(tags: list[str], warns: bool, tmp_path: Path) -> None:
    """One of a suite's tags must be on one example."""
    write_project(tmp_path, examples=examples(2, tags=["smoke"]), suites=[suite("qa", "qa-v1", tags=tags)])
    told = lines(tmp_path)
    assert ("suites[0].tags: no example carries one of these: this suite can't be run" in told[1]) == warns


def test_the_local_model_that_is_not_installed_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine may have it; the advice how to install it is told."""
    from service.cli.checking import check

    config = write_project(tmp_path, graders=[{"type": "semantic_similarity"}])
    monkeypatch.setattr(local_embeddings, "find_spec", lambda _: None)
    checked = check(config, {})
    assert [file.mistakes for file in checked.files] == [[], [], []]
    (warning,) = checked.files[1].warnings
    assert "pip install 'matchspec[embeddings]'" in warning.message


def test_wrong_and_unknown_variables_of_ours(tmp_path: Path) -> None:
    """A setting from the environment that is not allowed is a mistake; a name that means nothing is a warning."""
    write_project(tmp_path)
    told = lines(tmp_path, code=2, MATCHSPEC_DEFAULTS_RETRIES="many", MATCHSPEC_OUTPT_DIR="x")
    assert told[3] == "✗ the environment"
    assert told[4].startswith("    MATCHSPEC_DEFAULTS_RETRIES: must be a whole number from 0 to 100")
    assert (
        told[5]
        == "    warning: the environment variable MATCHSPEC_OUTPT_DIR is unknown (did you mean 'MATCHSPEC_OUTPUT_DIR'?)"
    )
    assert told[-1] == "3 files, 1 suite, 1 example: mistakes in the environment, 1 warning"


def test_another_folders_configuration_is_named(tmp_path: Path) -> None:
    """Paths are relative to the configuration, so its folder is told where that is not the current one."""
    write_project(tmp_path / "project")
    assert lines(tmp_path, "--config", "project/matchspec.yml")[0] == f"in {tmp_path / 'project'}:"
    assert lines(tmp_path, MATCHSPEC_CONFIG="project/matchspec.yml")[0] == f"in {tmp_path / 'project'}:"


def test_no_configuration_at_all(tmp_path: Path) -> None:
    """Exit 2, with the places that were looked at, on stderr."""
    done = matchspec(tmp_path, "validate")
    assert (done.returncode, done.stdout) == (2, "")
    assert "./matchspec.yml" in done.stderr


def test_many_mistakes_of_a_dataset_are_cut_short(tmp_path: Path) -> None:
    """The first hundred are listed, and how many more there are."""
    write_project(tmp_path, examples=[{"id": f"ex-{n}", "input": n, "expected": "x"} for n in range(130)])
    told = lines(tmp_path, code=2)
    assert len([line for line in told if "input: must be text" in line]) == 100
    assert "    and 30 more mistakes" in told


def on_a_terminal(folder: Path, **variables: str) -> bytes:
    """What `validate` writes to a terminal."""
    ours, theirs = pty.openpty()
    env = environment(HOME=str(folder / "no-home"), TERM="xterm-256color", **variables)
    process = subprocess.Popen([MATCHSPEC, "validate"], cwd=folder, env=env, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            break
        written += part
    os.close(ours)
    process.wait(30)
    return written


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    """A terminal gets colours, unless NO_COLOR is set; a pipe gets none (the other tests compare it whole)."""
    write_project(tmp_path)
    assert b"\x1b[32m" in on_a_terminal(tmp_path)
    assert b"\x1b" not in on_a_terminal(tmp_path, NO_COLOR="1")


def test_a_terminal_that_has_no_check_mark(tmp_path: Path) -> None:
    """Where ✓ can't be written something else is, and the exit code is the same."""
    write_project(tmp_path)
    told = lines(tmp_path, PYTHONIOENCODING="latin-1")
    assert told[0] == "? matchspec.yml"


def test_an_interrupted_command_exits_with_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is no verdict: it is told in a word, without a traceback."""
    monkeypatch.chdir(write_project(tmp_path).parent)
    monkeypatch.setattr("service.cli.validate.check", interrupt)
    ended = CliRunner().invoke(main, ["validate"])
    assert (ended.exit_code, ended.stderr) == (130, "matchspec: interrupted\n")


def interrupt(*_: object) -> None:
    """What Ctrl-C does, wherever the command is."""
    raise KeyboardInterrupt
