"""`matchspec init`: what it writes runs as it stands, and nothing that is there is lost."""

import json
import re
from pathlib import Path

import pytest
from commanding import matchspec
from live_server import Document

from service.cli.init import starter_files
from service.files.config import read_config

BASIC = [
    "matchspec.yml",
    "evals/capitals/dataset.yml",
    "evals/capitals/harness.yml",
    "evals/capitals/model.sh",
]
MORE = ["evals/orders/dataset.jsonl", "evals/orders/harness.yml"]


def files_below(folder: Path) -> dict[str, bytes]:
    """What a folder holds, by path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def result_of(folder: Path) -> Document:
    """The document of the one run of a folder."""
    (path,) = (folder / ".matchspec/results").glob("*.json")
    document: Document = json.loads(path.read_text())
    return document


def uncommented(harness: str) -> str:
    """A harness file with the model that stands in its last comment in place of its own."""
    text, _, comment = harness.rpartition("\n#\n")
    model = re.sub(r"^# ?", "", comment, flags=re.MULTILINE)
    assert model.startswith("model:\n")
    return re.sub(r"^model:.*?(?=^graders:)", model, text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("flags", "names"), [((), BASIC), (("--with-examples",), [*BASIC, *MORE])])
def test_init_writes_the_files_it_names_and_no_others(flags: tuple[str, ...], names: list[str], tmp_path: Path) -> None:
    """Every file is told as written, in exit 0, and what to type next."""
    done = matchspec(tmp_path, "init", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(files_below(tmp_path)) == sorted(names)
    told, _, rest = done.stdout.partition("\n\n")
    assert sorted(told.splitlines()) == sorted(f"wrote {name}" for name in names)
    assert "matchspec validate" in rest
    assert "matchspec run" in rest


@pytest.mark.parametrize("flags", [(), ("--with-examples",)])
def test_what_init_writes_is_valid_without_a_warning(flags: tuple[str, ...], tmp_path: Path) -> None:
    """`matchspec validate` finds nothing to say about it."""
    matchspec(tmp_path, "init", *flags)
    checked = matchspec(tmp_path, "validate")
    assert checked.returncode == 0
    assert "✗" not in checked.stdout
    assert "warning" not in checked.stdout


def test_the_starter_runs_without_a_key(tmp_path: Path) -> None:
    """All five questions are answered rightly: PASS, exit 0."""
    matchspec(tmp_path, "init")
    done = matchspec(tmp_path, "run")
    assert (done.returncode, done.stderr) == (0, "")
    result = result_of(tmp_path)
    assert result["verdict"] == "PASS"
    assert [example["id"] for example in result["examples"]] == ["france", "peru", "japan", "kenya", "norway"]


def test_the_examples_run_and_show_what_they_are_for(tmp_path: Path) -> None:
    """Tags leave one example of four out; of the three, two have each form: rows of 0.67, held to three thresholds."""
    matchspec(tmp_path, "init", "--with-examples")
    done = matchspec(tmp_path, "run", "--suite", "orders")
    assert (done.returncode, done.stderr) == (0, "")
    result = result_of(tmp_path)
    rows = [(row["name"], row["threshold"], row["n"], round(row["score"], 2)) for row in result["grader_results"]]
    assert rows == [
        ("one-sentence", 0.5, 3, 0.67),
        ("order-first", 0.6, 3, 0.67),
        ("names-the-order", 0.6, 3, 0.67),
    ]
    assert result.get("warnings", []) == []


@pytest.mark.parametrize("name", ["evals/capitals/harness.yml", "evals/orders/harness.yml"])
def test_the_model_in_the_comment_is_valid(name: str, tmp_path: Path) -> None:
    """Who takes the comment's sign away has a harness file without a mistake, which asks a real model."""
    for path, content in starter_files(with_examples=True).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    harness = tmp_path / name
    harness.write_text(uncommented(harness.read_text()))
    models = {
        one.file: one.spec.model
        for _, harnesses in read_config(tmp_path / "matchspec.yml").suites()
        for one in harnesses
    }
    assert type(models[name]).__name__ in {"OpenAIModel", "HttpModel"}


@pytest.mark.parametrize("name", BASIC)
def test_init_overwrites_nothing(name: str, tmp_path: Path) -> None:
    """One file that is there stops it: exit 2, the file is named, nothing is written."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine\n")
    done = matchspec(tmp_path, "init")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1:] == [f"  {name}"]
    assert "--force" in done.stderr
    assert files_below(tmp_path) == {name: b"mine\n"}


def test_init_names_all_that_is_there(tmp_path: Path) -> None:
    """A second time, it lists every file of the first."""
    matchspec(tmp_path, "init")
    before = files_below(tmp_path)
    done = matchspec(tmp_path, "init", "--with-examples")
    assert done.returncode == 2
    assert [line.strip() for line in done.stderr.splitlines()[1:]] == BASIC
    assert files_below(tmp_path) == before


def test_force_overwrites_its_own_files_only(tmp_path: Path) -> None:
    """With --force the starter's files are as new, and others stay as they are."""
    (tmp_path / "matchspec.yml").write_text("mine\n")
    (tmp_path / "notes.txt").write_text("mine\n")
    done = matchspec(tmp_path, "init", "--force")
    assert done.returncode == 0
    after = files_below(tmp_path)
    assert after.pop("notes.txt") == b"mine\n"
    assert after == starter_files(with_examples=False)


def test_a_link_counts_as_a_file_and_is_not_followed(tmp_path: Path) -> None:
    """A link, also one that leads nowhere, stops init; --force replaces the link, not what it leads to."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere.yml"
    project.mkdir()
    (project / "matchspec.yml").symlink_to(elsewhere)
    assert matchspec(project, "init").returncode == 2
    assert not elsewhere.exists()
    elsewhere.write_text("mine\n")
    assert matchspec(project, "init", "--force").returncode == 0
    assert elsewhere.read_text() == "mine\n"
    assert not (project / "matchspec.yml").is_symlink()


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_file_where_a_folder_must_be_stops_init(force: tuple[str, ...], tmp_path: Path) -> None:
    """`evals` as a file: exit 2, said in a sentence, nothing written, with --force too."""
    (tmp_path / "evals").write_text("mine\n")
    done = matchspec(tmp_path, "init", *force)
    assert (done.returncode, done.stdout) == (2, "")
    assert "evals is a file" in done.stderr
    assert files_below(tmp_path) == {"evals": b"mine\n"}


def test_a_folder_where_a_file_must_be_stops_force(tmp_path: Path) -> None:
    """`matchspec.yml` as a folder: exit 2 and nothing written."""
    (tmp_path / "matchspec.yml").mkdir()
    done = matchspec(tmp_path, "init", "--force")
    assert done.returncode == 2
    assert "matchspec.yml is a folder" in done.stderr
    assert files_below(tmp_path) == {}


def test_a_folder_that_cant_be_written_is_told() -> None:
    """Where nothing can be written the exit code is 3, with the name and the system's reason."""
    done = matchspec(Path("/proc"), "init")
    assert done.returncode == 3
    assert done.stderr.startswith("matchspec: matchspec.yml can't be written: ")
