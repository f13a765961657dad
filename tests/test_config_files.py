"""matchspec.yml with its harness files: read together, found, refused."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.errors import ConfigNotAllowed, InvalidFiles
from service.files.config import missing_variables, read_config
from service.files.finding import find_config, resolve_requested
from service.files.yaml_tree import Parsed, parse_yaml

CONFIG = "version: 1\nsuites:\n  - name: s\n    harnesses: [./evals/h.yml]\n"
HARNESS = """version: 1
name: h
dataset: d.jsonl
model: {type: echo}
graders:
  - type: exact_match
"""
ROW = '{"id": "a", "input": "i", "expected": "e"}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a config, a harness file and a dataset without mistakes."""
    write(tmp_path, {"matchspec.yml": CONFIG, "evals/h.yml": HARNESS, "evals/d.jsonl": ROW})
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files, making their folders."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def told(folder: Path) -> list[str]:
    """List what is told about the config in a folder."""
    with pytest.raises(InvalidFiles) as refused:
        read_config(folder / "matchspec.yml")
    return [str(mistake) for mistake in refused.value.mistakes]


def test_a_config_is_read_with_its_harness_files(folder: Path) -> None:
    """Values, folders, the dataset's place and lines are there."""
    files = read_config(folder / "matchspec.yml")
    ((suite, (harness,)),) = files.suites()
    assert (suite.name, files.folder) == ("s", folder)
    assert (harness.file, harness.spec.name, harness.folder) == ("evals/h.yml", "h", folder / "evals")
    assert harness.dataset is not None
    assert (harness.dataset.file, harness.dataset.path) == ("evals/d.jsonl", folder / "evals/d.jsonl")
    assert harness.line_of("graders", 0, "type") == 6


def test_a_dataset_may_stand_beside_the_config(folder: Path) -> None:
    """It is looked for beside the harness file first."""
    write(folder, {"d.jsonl": ROW})
    (((_, (harness,)),)) = tuple(read_config(folder / "matchspec.yml").suites())
    assert harness.dataset is not None
    assert harness.dataset.file == "evals/d.jsonl"
    (folder / "evals/d.jsonl").unlink()
    (((_, (harness,)),)) = tuple(read_config(folder / "matchspec.yml").suites())
    assert harness.dataset is not None
    assert harness.dataset.file == "d.jsonl"


def test_every_mistake_of_every_file_is_told_at_once(folder: Path) -> None:
    """A broken config does not hide what is wrong in its harness files."""
    write(
        folder,
        {
            "matchspec.yml": "version: 1\nsuites:\n  - name: s\n    harnesses: [evals/h.yml, gone.yml]\n    tag: []\n",
            "evals/h.yml": HARNESS.replace("exact_match", "exact_mtch").replace("d.jsonl", "gone.jsonl"),
        },
    )
    assert told(folder) == [
        "matchspec.yml, line 5, suites[0].tag: unknown field 'tag' (did you mean 'tags'?)",
        "evals/h.yml, line 6, graders[0].type: unknown type 'exact_mtch' (did you mean 'exact_match'?)",
        "evals/h.yml, line 3, dataset: no such file; looked for evals/gone.jsonl and gone.jsonl",
        "matchspec.yml, line 4, suites[0].harnesses[1]: gone.yml: no such file",
    ]


def test_a_file_that_two_suites_share_is_told_once(folder: Path) -> None:
    """Its mistakes are not doubled."""
    write(
        folder,
        {
            "matchspec.yml": CONFIG + "  - name: t\n    harnesses: [evals/h.yml]\n",
            "evals/h.yml": HARNESS + "colour: red\n",
        },
    )
    assert len(told(folder)) == 1


def test_a_part_that_is_broken_hides_no_mistake_of_the_others(folder: Path) -> None:
    """Where a required field or an item of a list is wrong, the rest of the file is still held to its rules."""
    write(
        folder,
        {
            "matchspec.yml": (
                "version: 2\n"
                "suites:\n"
                "  - {name: a, harnesses: [evals/h.yml, ./evals/h.yml]}\n"
                "  - {name: a, harnesses: [evals/h.yml]}\n"
                "  - {harnesses: [evals/h.yml]}\n"
            ),
            "evals/h.yml": (
                "version: 1\n"
                "name: 5\n"
                "dataset: d.jsonl\n"
                "model: {type: http, endpoint: 'http://u:p@x/'}\n"
                "graders:\n"
                "  - {type: contans}\n"
                "  - {type: exact_match, name: overall}\n"
                "  - {type: regex, config: {pattern: '('}}\n"
            ),
        },
    )
    mistakes = told(folder)
    assert [mistake.partition(": ")[0] for mistake in mistakes] == [
        "matchspec.yml, line 1, version",
        "matchspec.yml, line 5, suites[2].name",
        "matchspec.yml, line 4, suites[1].name",
        "matchspec.yml, line 3, suites[0].harnesses[1]",
        "evals/h.yml, line 2, name",
        "evals/h.yml, line 6, graders[0].type",
        "evals/h.yml, line 4, model.endpoint",
        "evals/h.yml, line 7, graders[1].name",
        "evals/h.yml, line 8, graders[2].config.pattern",
    ]


def test_rules_are_told_with_their_lines(folder: Path) -> None:
    """Unknown thresholds, double names and secrets are told where they stand."""
    write(
        folder,
        {
            "matchspec.yml": CONFIG + "    thresholds:\n      overal: 1\n  - name: s\n    harnesses: []\n",
            "evals/h.yml": HARNESS.replace(
                "{type: echo}", "\n  type: http\n  endpoint: http://h/\n  headers:\n    Authorization: Bearer abc"
            ),
        },
    )
    assert told(folder) == [
        "matchspec.yml, line 7, suites[1].name: the suite 's' is already there (first in line 3)",
        "evals/h.yml, line 8, model.headers.Authorization: must not hold the secret itself; use api_key_env, or "
        "${NAME} with a variable that holds it",
        "matchspec.yml, line 6, suites[0].thresholds.overal: 'overal' is no grader of this suite's harnesses "
        "(did you mean 'overall'?)",
    ]


def test_graders_that_do_not_fit_together_are_told_in_the_second_file(folder: Path) -> None:
    """The place is the harness file's."""
    second = HARNESS.replace("name: h", "name: g").replace(
        "exact_match", "exact_match\n    config: {trim_whitespace: no}"
    )
    write(folder, {"matchspec.yml": CONFIG.replace("]", ", evals/g.yml]"), "evals/g.yml": second})
    (mistake,) = told(folder)
    assert mistake.startswith("evals/g.yml, line 6, graders[0]: the grader 'exact_match' differs from the one of")


def test_double_ids_of_an_inline_dataset_name_both_lines(folder: Path) -> None:
    """The line of each is told."""
    rows = "\n  name: d\n  examples:\n" + "    - {id: a, input: i, expected: e}\n" * 2
    write(folder, {"evals/h.yml": HARNESS.replace(" d.jsonl\n", rows)})
    assert told(folder) == [
        "evals/h.yml, line 7, dataset.examples[1].id: the example 'a' is already there (first in line 6)"
    ]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("d.json", "a dataset file ends in .yml, .yaml, .jsonl or .csv"),
        ("../gone.yml", "no such file; looked for gone.yml and ../gone.yml"),
        ("deep.yml", "evals/deep.yml is a folder, not a file"),
        ("/nowhere/d.yml", "no such file; looked for /nowhere/d.yml"),
    ],
)
def test_a_dataset_that_can_not_be_read_is_told(folder: Path, dataset: str, message: str) -> None:
    """Endings, missing files and folders, with the places that were looked at."""
    (folder / "evals/deep.yml").mkdir()
    write(folder, {"evals/h.yml": HARNESS.replace("d.jsonl", dataset)})
    assert told(folder) == [f"evals/h.yml, line 3, dataset: {message}"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "is a folder, not a file"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda path: path.symlink_to(path), "can't be read: Too many levels of symbolic links"),
        (lambda path: path.write_bytes(b"#" * 1_000_001), "is over 1 MB"),
    ],
)
def test_only_regular_files_of_some_size_are_read(folder: Path, make: Callable[[Path], object], message: str) -> None:
    """Folders, pipes, devices, loops of links and huge files are told, in no time, whichever file it is."""
    (folder / "evals/h.yml").unlink()
    make(folder / "evals/h.yml")
    assert told(folder) == [f"matchspec.yml, line 4, suites[0].harnesses[0]: ./evals/h.yml: {message}"]
    (folder / "matchspec.yml").unlink()
    make(folder / "matchspec.yml")
    assert told(folder) == [f"matchspec.yml: {message}"]


def test_a_file_of_exactly_a_megabyte_is_read(folder: Path) -> None:
    """The limit is exact."""
    write(folder, {"matchspec.yml": CONFIG.ljust(1_000_000, "#")})
    assert read_config(folder / "matchspec.yml").config.suites[0].name == "s"


def test_a_path_with_a_nul_is_told(folder: Path) -> None:
    """It is no file name."""
    write(folder, {"matchspec.yml": CONFIG.replace("./evals/h.yml", '"a\\0b"')})
    (mistake,) = told(folder)
    assert mistake.endswith("is not a possible file name")


def test_a_config_that_is_no_mapping_is_told(folder: Path) -> None:
    """An empty file, and a list."""
    write(folder, {"matchspec.yml": ""})
    assert told(folder) == ["matchspec.yml, line 1: must be a mapping, found nothing"]
    write(folder, {"matchspec.yml": "- a\n"})
    assert told(folder) == ["matchspec.yml, line 1: must be a mapping, found a list"]


def test_unchanged_files_are_not_parsed_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second read parses nothing; after an edit, only the edited file."""
    write(folder, {"matchspec.yml": CONFIG + f"# {time.time_ns()}\n", "evals/h.yml": HARNESS + f"# {time.time_ns()}\n"})
    parsed: list[str] = []

    def parse(content: bytes, file: str) -> Parsed:
        parsed.append(file)
        return parse_yaml(content, file)

    monkeypatch.setattr("service.files.reading.parse_yaml", parse)
    read_config(folder / "matchspec.yml")
    read_config(folder / "matchspec.yml")
    assert parsed == ["matchspec.yml", "evals/h.yml"]
    write(folder, {"evals/h.yml": HARNESS + f"description: new {time.time_ns()}\n"})
    ((_, (harness,)),) = read_config(folder / "matchspec.yml").suites()
    assert parsed == ["matchspec.yml", "evals/h.yml", "evals/h.yml"]
    assert harness.spec.description.startswith("new")


def test_a_dataset_that_vanishes_is_told_though_the_files_are_unchanged(folder: Path) -> None:
    """What is there is looked at each time."""
    read_config(folder / "matchspec.yml")
    (folder / "evals/d.jsonl").unlink()
    assert told(folder) == ["evals/h.yml, line 3, dataset: no such file; looked for evals/d.jsonl and d.jsonl"]


def test_variables_that_are_not_set_are_told(folder: Path) -> None:
    """An empty value counts as not set; each is told with file, line and field."""
    model = """
  type: http
  endpoint: ${BASE}/v1
  api_key_env: KEY
  headers:
    X-A: ${A} ${BASE}"""
    write(folder, {"evals/h.yml": HARNESS.replace(" {type: echo}", model)})
    ((_, harnesses),) = read_config(folder / "matchspec.yml").suites()
    assert [str(mistake) for mistake in missing_variables(harnesses * 2, {"KEY": "", "A": "x"})] == [
        "evals/h.yml, line 6, model.endpoint: the environment variable BASE is not set",
        "evals/h.yml, line 9, model.headers.X-A: the environment variable BASE is not set",
        "evals/h.yml, line 7, model.api_key_env: the environment variable KEY is not set",
    ]
    assert missing_variables(harnesses, {"KEY": "k", "A": "x", "BASE": "http://h"}) == []


def test_a_config_is_looked_for_in_order(tmp_path: Path) -> None:
    """--config, MATCHSPEC_CONFIG, ./matchspec.yml, $HOME/.matchspec/config.yml."""
    cwd, home = tmp_path / "cwd", tmp_path / "home"
    write(cwd, {"matchspec.yml": "", "a.yml": "", "b.yml": ""})
    write(home, {".matchspec/config.yml": ""})
    assert find_config("a.yml", {"MATCHSPEC_CONFIG": "b.yml"}, cwd, home) == cwd / "a.yml"
    assert find_config(None, {"MATCHSPEC_CONFIG": "b.yml"}, cwd, home) == cwd / "b.yml"
    assert find_config(None, {"MATCHSPEC_CONFIG": ""}, cwd, home) == cwd / "matchspec.yml"
    (cwd / "matchspec.yml").unlink()
    assert find_config(None, {}, cwd, home) == home / ".matchspec/config.yml"


def test_no_config_tells_where_it_was_looked_for(tmp_path: Path) -> None:
    """Both usual places are named, and how to name another."""
    with pytest.raises(InvalidFiles) as refused:
        find_config(None, {}, tmp_path, tmp_path)
    assert str(refused.value) == (
        "no configuration file: looked for ./matchspec.yml and $HOME/.matchspec/config.yml; "
        "name another one with --config or MATCHSPEC_CONFIG"
    )


@pytest.mark.parametrize(
    ("explicit", "environment", "source"),
    [("gone.yml", {}, "--config"), (None, {"MATCHSPEC_CONFIG": "gone.yml"}, "MATCHSPEC_CONFIG")],
)
def test_a_named_config_that_is_not_there_is_told(
    tmp_path: Path, explicit: str | None, environment: dict[str, str], source: str
) -> None:
    """No other place is tried then."""
    write(tmp_path, {"matchspec.yml": ""})
    with pytest.raises(InvalidFiles) as refused:
        find_config(explicit, environment, tmp_path, tmp_path)
    assert str(refused.value) == f"gone.yml: no such file (named by {source})"


def test_a_requested_config_below_the_root_is_resolved(tmp_path: Path) -> None:
    """Relative, absolute and through a link that stays inside."""
    root = tmp_path / "root"
    write(root, {"sub/a.yml": ""})
    (root / "link.yml").symlink_to("sub/a.yml")
    wanted = (root / "sub/a.yml").resolve()
    for config in ("sub/a.yml", "./sub/../sub/a.yml", str(wanted), "link.yml"):
        assert resolve_requested(config, root) == wanted


@pytest.mark.parametrize(
    "config",
    [
        "gone.yml",
        "../outside.yml",
        "../gone.yml",
        "/etc/hostname",
        "out.yml",
        "loop.yml",
        "pipe.yml",
        "folder",
        "",
        ".",
        "a\0b",
        "a" * 5000,
        "a/" * 5000,
        "~/a.yml",
        "\ud800",
        "../root-beside/a.yml",
    ],
)
def test_any_other_requested_config_is_refused_with_one_text(tmp_path: Path, config: str) -> None:
    """Whether or not the file exists shows nowhere."""
    root = tmp_path / "root"
    write(root, {"folder/a.yml": ""})
    write(tmp_path, {"outside.yml": "", "root-beside/a.yml": ""})
    (root / "out.yml").symlink_to("../outside.yml")
    (root / "loop.yml").symlink_to("loop.yml")
    os.mkfifo(root / "pipe.yml")
    with pytest.raises(ConfigNotAllowed) as refused:
        resolve_requested(config, root)
    assert str(refused.value) == ConfigNotAllowed.__doc__
