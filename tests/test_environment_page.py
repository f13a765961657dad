"""docs/environment.md and docs/csv.md say what the code does."""

import re
from pathlib import Path

import pytest
from doc_pages import ROOT, anchors, blocks, links, marked_tables, write_files
from msgspec import inspect, json, structs
from project import write_project
from server import run_serve

from domain.errors import InvalidFiles
from domain.examples import Example
from domain.spec import Defaults, Output, Statistics
from domain.written import Concurrency
from service.execution.starting import CHECKED_ROWS
from service.files.csv_columns import REQUIRED, TAGS
from service.files.datasets import read_dataset
from service.files.harness_file import DatasetPath
from service.files.overrides import CONCURRENCY, OTHER_VARIABLES, SETTINGS
from service.files.wanted import wanted

ENVIRONMENT, CSV = ROOT / "docs/environment.md", ROOT / "docs/csv.md"


def row(name: str, kind: object, default: object) -> list[str]:
    """What the table says of a setting."""
    words = wanted(inspect.type_info(kind)).replace("text", "text, not empty")
    shown = default if isinstance(default, str) else json.encode(default).decode()
    return [name, words, "none" if default is None else shown]


def test_the_settings_are_those_of_the_code() -> None:
    """Every variable with its type and its default, block by block in the order of the fields."""
    expected = [row(CONCURRENCY, Concurrency, None)]
    for block, kind in (("DEFAULTS", Defaults), ("OUTPUT", Output), ("STATISTICS", Statistics)):
        fields = structs.fields(kind)
        expected += [row(f"MATCHSPEC_{block}_{field.name.upper()}", field.type, field.default) for field in fields]
    told = [cells[:3] for cells in marked_tables(ENVIRONMENT)["settings"]]
    assert told == expected
    assert [name for name, *_ in told] == [CONCURRENCY, *SETTINGS]


def test_the_other_variables_are_those_that_the_code_reads() -> None:
    """Every name that begins with MATCHSPEC_ and stands in the code has its row, and no other has."""
    told = [name for name, _ in marked_tables(ENVIRONMENT)["others"]]
    assert told == list(OTHER_VARIABLES)
    sources = [path.read_text() for path in (ROOT / "service").rglob("*.py")]
    named = {name for text in sources for name in re.findall(r"\bMATCHSPEC_[A-Z_]*[A-Z]\b", text)}
    assert named - {"MATCHSPEC_TEST"} <= {*told, CONCURRENCY, *SETTINGS}


def test_the_refusal_shown_is_the_one_told(tmp_path: Path) -> None:
    """A real start, with the value of the page."""
    write_project(tmp_path)
    ended = run_serve(tmp_path, MATCHSPEC_DEFAULTS_RETRIES="three")
    (shown,) = [one.text for one in blocks(ENVIRONMENT) if one.text.startswith("matchspec: ")]
    assert (ended.returncode, ended.stderr) == (2, shown)


def test_the_columns_are_those_of_the_code() -> None:
    """Those that must be there, then the others."""
    told = [(name, must) for name, must, _ in marked_tables(CSV)["columns"]]
    assert told == [*((name, "there") for name in REQUIRED), (TAGS, ""), ("metadata.NAME", "")]
    assert f"more than {CHECKED_ROWS:,} rows" in CSV.read_text()


def test_the_csv_shown_is_read_as_it_says(tmp_path: Path) -> None:
    """Tags, metadata, a cell of two lines with a comma and quotes, and cells that are empty."""
    write_files(CSV, tmp_path)
    name = "evals/capitals/dataset.csv"
    question = 'What is the capital of Peru?\nAnswer with one word, "Lima" say.'
    assert list(read_dataset(DatasetPath(name, tmp_path / name))) == [
        Example(
            "france",
            "What is the capital of France?",
            "Paris",
            ("smoke", "europe"),
            {"source": "atlas", "page": "12"},
        ),
        Example("peru", question, "Lima", ("smoke",)),
    ]


def test_the_csv_mistakes_shown_are_those_told(tmp_path: Path) -> None:
    """Line for line."""
    write_files(CSV, tmp_path)
    name = "evals/capitals/bad.csv"
    with pytest.raises(InvalidFiles) as refused:
        list(read_dataset(DatasetPath(name, tmp_path / name)))
    (shown,) = [one.text for one in blocks(CSV) if one.text.startswith("matchspec: ")]
    head, *lines = shown.splitlines()
    assert head == f"matchspec: {len(lines)} mistakes in the configuration"
    assert lines == [f"  ✗ {mistake}" for mistake in refused.value.mistakes]


@pytest.mark.parametrize("page", [ENVIRONMENT, CSV], ids=lambda page: page.stem)
def test_links_of_these_pages_lead_somewhere(page: Path) -> None:
    """A file that is there, and a heading in it."""
    for link in links(page):
        name, _, anchor = link.partition("#")
        assert not anchor or anchor in anchors(page.parent / name), link
