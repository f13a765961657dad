"""`matchspec schema`: one JSON document for each kind of file, printed or written."""

import json
from pathlib import Path

import pytest
from commanding import matchspec
from live_server import Document

KINDS = ("config", "harness", "dataset")
REQUIRED = {
    "config": {"version", "suites"},
    "harness": {"version", "name", "dataset", "model", "graders"},
    "dataset": {"version", "name", "examples"},
}


def required(schema: Document) -> set[str]:
    """The fields that a schema wants at the top, wherever it keeps them."""
    name = schema.get("$ref", "").rpartition("/")[2]
    fields: list[str] = (schema["$defs"][name] if name else schema)["required"]
    return set(fields)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_printed(kind: str, tmp_path: Path) -> None:
    """It is JSON of draft 2020-12, and about the file it is named for."""
    done = matchspec(tmp_path, "schema", kind)
    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert required(schema) == REQUIRED[kind]


def test_without_a_kind_it_is_the_configurations(tmp_path: Path) -> None:
    """`matchspec schema` is `matchspec schema config`."""
    assert matchspec(tmp_path, "schema").stdout == matchspec(tmp_path, "schema", "config").stdout


def test_all_three_are_written(tmp_path: Path) -> None:
    """With -o each goes into a file of the folder, which is made, and holds what would be printed."""
    done = matchspec(tmp_path, "schema", "-o", "editor/schemas")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"wrote editor/schemas/{kind}.schema.json" for kind in KINDS]
    for kind in KINDS:
        written = (tmp_path / f"editor/schemas/{kind}.schema.json").read_text()
        assert written == matchspec(tmp_path, "schema", kind).stdout


def test_one_is_written(tmp_path: Path) -> None:
    """With a kind and -o only that one is."""
    assert matchspec(tmp_path, "schema", "dataset", "--output-dir", ".").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.schema.json"]


def test_a_kind_that_there_is_not(tmp_path: Path) -> None:
    """Exit 2, with those that there are."""
    done = matchspec(tmp_path, "schema", "harnes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'config', 'harness', 'dataset'" in done.stderr


def test_a_place_that_cant_be_written(tmp_path: Path) -> None:
    """A file where the folder must be: exit 3 with a sentence."""
    (tmp_path / "taken").write_text("")
    done = matchspec(tmp_path, "schema", "-o", "taken")
    assert done.returncode == 3
    assert done.stderr.startswith("matchspec: taken/config.schema.json can't be written: ")
