"""CSV datasets: columns, rows of several lines, and mistakes with the line of the file."""

import csv
import io
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import ECHO, EXACT, suite, write_config, write_yaml
from running import serving

from domain.errors import InvalidFiles
from domain.examples import LINE_BYTES, Example, encode_line
from service.execution import starting
from service.files import seen_ids
from service.files.csv_columns import Columns, read_header
from service.files.csv_dataset import has_more_rows
from service.files.csv_rows import Row, read_rows
from service.files.datasets import is_longer_than, read_dataset, read_examples
from service.files.harness_file import DatasetPath, HarnessFile, read_harness

HEADER = "id,input,expected\n"
ALL = "id,input,expected,tags,metadata.source,metadata.page\n"
MEMORY_PROBE = """
import resource, sys, time
from pathlib import Path
from service.files.csv_dataset import read_csv
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(1 for _ in read_csv(Path(sys.argv[1]), "d.csv"))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time())
"""


def dataset(folder: Path, content: str | bytes) -> DatasetPath:
    """Write a CSV file."""
    path = folder / "d.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return DatasetPath("d.csv", path)


def examples(folder: Path, content: str | bytes) -> list[Example]:
    """The examples of a CSV file."""
    return list(read_dataset(dataset(folder, content)))


def told(folder: Path, content: str | bytes, *, stop_at_first: bool = False) -> list[str]:
    """What is told about a CSV file, without its name."""
    with pytest.raises(InvalidFiles) as refused:
        list(read_dataset(dataset(folder, content), stop_at_first=stop_at_first))
    assert all(mistake.file == "d.csv" for mistake in refused.value.mistakes)
    return [str(mistake).removeprefix("d.csv, ").removeprefix("d.csv: ") for mistake in refused.value.mistakes]


def harness_file(folder: Path, content: str) -> HarnessFile:
    """A harness file that names this CSV file."""
    dataset(folder, content)
    write_yaml(folder / "h.yml", {"version": 1, "name": "h", "dataset": "d.csv", "model": ECHO, "graders": [EXACT]})
    whole = read_harness("h.yml", folder).whole
    assert whole
    return whole


def test_rows_become_examples_in_their_order(tmp_path: Path) -> None:
    """Tags are cut at `;`, metadata are texts by the column's name; what is empty is left out."""
    rows = "b,1,one,t; u ;,atlas,12\n" + "a,x,y,,,7\n" + "c,,,,,\n"
    assert examples(tmp_path, ALL + rows) == [
        Example("b", "1", "one", ("t", "u"), {"source": "atlas", "page": "12"}),
        Example("a", "x", "y", (), {"page": "7"}),
        Example("c", "", ""),
    ]


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    """A column is found by its name; a key of the metadata may hold a dot."""
    content = "metadata.a.b,expected,tags,id,input\nm,e,t,a,i\n"
    assert examples(tmp_path, content) == [Example("a", "i", "e", ("t",), {"a.b": "m"})]


def test_quoted_cells_hold_commas_quotes_and_newlines(tmp_path: Path) -> None:
    """They come out as they are meant, a carriage return included."""
    content = HEADER + 'a,"one, ""two""\nthree\r\n","  e "\n' + "b, i ,e e\n"
    assert examples(tmp_path, content) == [
        Example("a", 'one, "two"\nthree\r\n', "  e "),
        Example("b", " i ", "e e"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + "a,i,e\nb,i,e",
        (HEADER + "a,i,e\nb,i,e\n").replace("\n", "\r\n"),
        "\n  \n" + HEADER + "\n\t\na,i,e\n\r\n\nb,i,e\n\n",
        "\ufeff" + HEADER + "a,i,e\nb,i,e\n",
        '\ufeff"id","input","expected"\n"a",i,e\n"b",i,e\n',
    ],
)
def test_line_ends_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path, content: str) -> None:
    """CRLF, no newline at the end, blank lines, a byte order mark."""
    assert examples(tmp_path, content) == [Example("a", "i", "e"), Example("b", "i", "e")]


@pytest.mark.parametrize(
    ("header", "messages"),
    [
        ("", ["must begin with a header: id,input,expected"]),
        ("\n\n", ["must begin with a header: id,input,expected"]),
        ("id,inptu,expected", [
            "line 1, inptu: unknown column 'inptu' (did you mean 'input'?)",
            "line 1, input: missing; the header must name the columns id, input, expected",
        ]),
        ("id,input,expected,metdata.page", [
            "line 1, metdata.page: unknown column 'metdata.page' (did you mean 'metadata.page'?)",
        ]),
        ("id,input,expected,zzz", [
            "line 1, zzz: unknown column 'zzz' (one of: expected, id, input, metadata.NAME, tags)",
        ]),
        ("id,input,expected,metadata.", [
            "line 1, metadata.: unknown column 'metadata.' (did you mean 'metadata.NAME'?)",
        ]),
        ("id,input,expected,", ["line 1: column 4 has no name"]),
        ("\nid,input,id,expected,input", [
            "line 2, id: the column 'id' is already there (column 1)",
            "line 2, input: the column 'input' is already there (column 2)",
        ]),
        ("id;input;expected", [
            "line 1: the header has one column, 'id;input;expected': the cells of a row are separated by commas",
        ]),
        ('id,"input,expected', ["line 1: not valid CSV: a quote in this row is never closed"]),
    ],
)  # fmt: skip
def test_a_wrong_header_is_told_with_the_nearest_name(tmp_path: Path, header: str, messages: list[str]) -> None:
    """All that is wrong with it, and nothing of the rows below, which could only mislead."""
    assert told(tmp_path, header + "\nx\n" * bool(header.strip())) == messages


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,i", "line 4: has 2 cells, the header has 3 columns"),
        ("a,i,e,x", "line 4: has 4 cells, the header has 3 columns"),
        (",i,e", "line 4, id: must not be empty, found an empty text"),
        ("a" * 257 + ",i,e", f"line 4, id: must be at most 256 characters long, found the text '{'a' * 60}...'"),
        ('"a\nb",i,e', "line 4, id: must not hold control characters, found the text 'a b'"),
        ('a,"i"x,e', "line 4: not valid CSV: after a closing quote comes a comma or the end of the row; "
         'write a quote in a cell twice: ""'),
        ("a,i\rj,e", "line 4: not valid CSV: a carriage return in a cell needs quotes around the cell; "
         "a row ends with a newline"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_with_its_line_of_the_file(tmp_path: Path, row: str, message: str) -> None:
    """The row before fills two lines, so that rows and lines are counted differently; the row after is read."""
    assert told(tmp_path, f'{HEADER}x,"1\n2",e\n{row}\ny,i,e\n') == [message]


def test_a_bad_tag_is_told(tmp_path: Path) -> None:
    """It has the limits of a tag in any other dataset."""
    assert told(tmp_path, "id,input,expected,tags\na,i,e,u;\x01\n") == [
        "line 2, tags[1]: must not hold control characters, found the text ' '"
    ]


def test_a_line_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    """Its own line, also within a row of several; the reading goes on."""
    content = HEADER.encode() + b'a,i,e\nb,"i\n\xff\n",e\nc,i\n'
    assert told(tmp_path, content) == [
        "line 4: the line is not UTF-8",
        "line 6: has 2 cells, the header has 3 columns",
    ]


def test_a_quote_that_is_never_closed_is_told_where_its_row_begins(tmp_path: Path) -> None:
    """All that follows belongs to it."""
    assert told(tmp_path, HEADER + 'a,i,e\n\nb,"i,e\nc,i,e\n') == [
        "line 4: not valid CSV: a quote in this row is never closed"
    ]


def test_double_ids_are_told_with_both_lines(tmp_path: Path) -> None:
    """Blank lines, bad rows and rows of several lines in between do not shift the numbers."""
    content = HEADER + 'a,"1\n2",e\n\nb,i,e\nbad\nb,i,e\na,i,e\nb,i,e\n'
    assert told(tmp_path, content) == [
        "line 6: has 1 cells, the header has 3 columns",
        "line 7, id: the example 'b' is already there (first in line 5)",
        "line 8, id: the example 'a' is already there (first in line 2)",
        "line 9, id: the example 'b' is already there (first in line 5)",
    ]


def test_different_ids_with_one_digest_are_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look tells them apart, and still finds a real repeat."""
    monkeypatch.setattr(seen_ids, "hash", len, raising=False)
    assert len(examples(tmp_path, HEADER + "a,i,e\nb,i,e\n")) == 2
    assert told(tmp_path, HEADER + "a,i,e\nb,i,e\na,i,e\n") == [
        "line 4, id: the example 'a' is already there (first in line 2)"
    ]


def test_a_header_alone_is_no_dataset(tmp_path: Path) -> None:
    """There is nothing to ask."""
    assert told(tmp_path, HEADER) == ["must hold at least one example"]


def test_at_most_a_hundred_mistakes_are_listed(tmp_path: Path) -> None:
    """The rest is counted: 150 bad rows among good ones, and 20 repeats."""
    content = HEADER + "".join(f"{n},i,e\nbad\n" for n in range(150)) + "".join(f"{n},i,e\n" for n in range(20))
    mistakes = told(tmp_path, content)
    assert len(mistakes) == 101
    assert mistakes[0] == "line 3: has 1 cells, the header has 3 columns"
    assert mistakes[99] == "line 201: has 1 cells, the header has 3 columns"
    assert mistakes[100] == "and 70 more mistakes"


def test_it_can_stop_at_the_first_bad_row(tmp_path: Path) -> None:
    """What comes after is not told."""
    assert told(tmp_path, HEADER + "a,i,e\nb\nc\n", stop_at_first=True) == [
        "line 3: has 1 cells, the header has 3 columns"
    ]


def test_an_example_of_8_mb_as_json_is_taken_and_a_longer_one_told(tmp_path: Path) -> None:
    """The log holds lines of at most 8 MB: the limit is exact, and a newline takes two bytes there."""
    room = 8_000_000 - len('{"id":"a","input":"","expected":"e"}\n')
    assert len(examples(tmp_path, HEADER + f"a,{'x' * room},e\nb,i,e\n")) == 2
    for filling, next_line in (("x" * (room + 1), 3), ("\n" * 5_000_000, 5_000_003)):
        assert told(tmp_path, HEADER + f'a,"{filling}",e\nb\n') == [
            "line 2: an example holds at most 8 MB as JSON",
            f"line {next_line}: has 1 cells, the header has 3 columns",
        ]


def test_a_row_over_8_mb_is_told(tmp_path: Path) -> None:
    """The limit is exact for the row in the file, whether it is one line or many."""
    for part in ("x" * 999 + "x", "x" * 999 + "\n"):
        row = f'a,"{part * 8_000}'[: 8_000_000 - len('",e\n')] + '",e\n'
        assert list(read_rows(dataset(tmp_path, HEADER + row).path))[1].fault == ""
        assert told(tmp_path, HEADER + row.replace('"x', '"xx', 1) + "b\n") == [
            "line 2: the row is over 8 MB, or a quote in it is never closed; the rest was not read"
        ]


def test_an_open_quote_is_told_in_bounded_memory(tmp_path: Path) -> None:
    """Of a quoted cell of 40 MB only the beginning is held, in one line as in many."""
    for filling in ("x" * 40_000_000, "x\n" * 20_000_000):
        assert told(tmp_path, HEADER + 'a,"' + filling) == [
            "line 2: the row is over 8 MB, or a quote in it is never closed; the rest was not read"
        ]


def test_a_long_dataset_is_recognised_by_its_rows(tmp_path: Path) -> None:
    """The header, blank lines and lines within quotes are no rows."""
    plain = harness_file(tmp_path, HEADER + "a,i,e\n" * 5)
    assert is_longer_than(plain, 4)
    assert not is_longer_than(plain, 5)
    many_lines = harness_file(tmp_path, HEADER + 'a,"\n\n\n",e\n' * 5)
    assert is_longer_than(many_lines, 4)
    assert not is_longer_than(many_lines, 5)
    assert not has_more_rows(dataset(tmp_path, "").path, 0)


async def test_a_run_over_a_csv_dataset_ends(tmp_path: Path) -> None:
    """From the file to the result, with tags to select by and metadata shown."""
    rows = "id,input,expected,tags,metadata.page\nx,1,1,smoke,7\ny,2,3,smoke;slow,\nz,1,1,slow,\n"
    async with serving(project(tmp_path, rows)) as client:
        document = await client.run(tags=["smoke"])
    shown = [(one["id"], one["passed"], one["tags"], one.get("metadata")) for one in document["examples"]]
    assert shown == [("x", True, ["smoke"], {"page": "7"}), ("y", False, ["smoke", "slow"], None)]


async def test_a_large_csv_dataset_is_pinned_by_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad row then ends the run as an error with its line."""
    monkeypatch.setattr(starting, "CHECKED_ROWS", 2)
    async with serving(project(tmp_path, HEADER + 'a,"1\n",e\nb,1,1\nc,1,1\nd,1\n')) as client:
        document = await client.run()
    assert document["status"] == "error"
    assert "evals/d.csv, line 6: has 2 cells, the header has 3 columns" in document["error"]


def project(folder: Path, rows: str) -> Path:
    """A project whose one harness has this CSV dataset; gives the config's path."""
    home = folder / "evals"
    harness = {"version": 1, "name": "h", "dataset": "d.csv", "model": ECHO, "graders": [EXACT]}
    write_yaml(home / "h.yml", harness)
    dataset(home, rows)
    return write_config(folder, [{**suite("s"), "harnesses": ["evals/h.yml"]}])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
IDS = st.lists(st.text("ab\u00a0ä ,\"'", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)


@given(st.data(), IDS)
def test_what_a_csv_program_writes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, ids: list[str]
) -> None:
    """Any text comes back, whatever is quoted; line numbers are those where the rows begin."""
    folder = tmp_path_factory.mktemp("csv")
    written = [(one, data.draw(TEXTS), data.draw(TEXTS)) for one in ids]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    rows.writerow(["id", "input", "expected"])
    starts = []
    for row in written:
        starts.append(text.getvalue().count("\n") + 1)
        rows.writerow(row)
    assert examples(folder, text.getvalue()) == [Example(*row) for row in written]
    assert [row.line for row in islice(read_rows(folder / "d.csv"), 1, None)] == starts


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=50))
def test_a_row_of_usual_length_is_within_the_limit_as_json(text: str) -> None:
    """The bound on characters holds for what grows most as JSON: control characters and quotes."""
    columns = read_header(Row(1, ["id", "input", "expected", "tags", "metadata.x"], ""), "d.csv")
    assert isinstance(columns, Columns)
    row = ["a", text, text, "a;b", text]
    example = Example("a", text, text, ("a", "b"), {"x": text})
    spare = LINE_BYTES - 6 * columns.usual_characters
    assert len(encode_line(example)) <= 6 * sum(map(len, row)) + spare


def test_examples_are_read_as_they_are_pulled(tmp_path: Path) -> None:
    """A slice of a file can be had before the rest is looked at."""
    rows = read_examples(harness_file(tmp_path, HEADER + "a,i,e\nb,i,e\nbad\n"))
    assert [example.id for example in islice(rows, 2)] == ["a", "b"]


@pytest.mark.slow
def test_a_large_dataset_needs_little_memory_and_time(tmp_path: Path) -> None:
    """200,000 rows of 300 bytes, 60 MB, are read in less than 30 MB, 50,000 a second of CPU at the very least."""
    with (tmp_path / "d.csv").open("w") as file:
        file.write(HEADER)
        file.writelines(f'ex-{number},"{"x" * 250}, ""y""\nz",e\n' for number in range(200_000))
    probe = [sys.executable, "-c", MEMORY_PROBE, str(tmp_path / "d.csv")]
    rows, kilobytes, seconds = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 200_000
    assert int(kilobytes) < 30_000
    assert float(seconds) < 4
