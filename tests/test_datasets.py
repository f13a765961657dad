"""Datasets -> examples, and what is told about bad rows."""

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidFiles
from domain.examples import Example
from domain.grader_spec import ExactMatchGrader
from domain.model_spec import EchoModel
from domain.spec import Harness, InlineDataset, InlineExample
from service.files import seen_ids
from service.files.datasets import is_longer_than, read_examples
from service.files.harness_file import DatasetPath, HarnessFile
from service.files.jsonl_row import decode_fast, decode_slowly, is_row
from service.files.tree import Scalar

NO_TREE = Scalar(1, "null", "", None)
MEMORY_PROBE = """
import resource, sys
from pathlib import Path
from service.files.jsonl import read_jsonl
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(1 for _ in read_jsonl(Path(sys.argv[1]), "d.jsonl"))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def harness_of(path: Path) -> HarnessFile:
    """A harness file that names this dataset in its line 1."""
    spec = Harness(version=1, name="h", dataset=path.name, model=EchoModel(), graders=[ExactMatchGrader()])
    return HarnessFile("h.yml", path.parent / "h.yml", spec, DatasetPath(path.name, path), NO_TREE)


def dataset(folder: Path, content: str | bytes, name: str = "d.jsonl") -> HarnessFile:
    """Write a dataset and give its harness."""
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return harness_of(folder / name)


def row(id_: str = "a", **more: object) -> str:
    """A line of JSON."""
    return json.dumps({"id": id_, "input": "i", "expected": "e"} | more) + "\n"


def told(harness: HarnessFile, *, stop_at_first: bool = False) -> list[str]:
    """List what is told about a dataset."""
    with pytest.raises(InvalidFiles) as refused:
        list(read_examples(harness, stop_at_first=stop_at_first))
    return [str(mistake) for mistake in refused.value.mistakes]


def test_json_lines_become_examples_in_their_order(tmp_path: Path) -> None:
    """Tags and metadata come along; no metadata is None."""
    content = row("b", tags=["t", "u"], metadata={"n": 1, "x": [None, 1.5]}) + row("a", metadata={}) + row("c")
    assert list(read_examples(dataset(tmp_path, content))) == [
        Example("b", "i", "e", ("t", "u"), {"n": 1, "x": [None, 1.5]}),
        Example("a", "i", "e"),
        Example("c", "i", "e"),
    ]


def test_yaml_becomes_the_same_examples(tmp_path: Path) -> None:
    """The kind of file makes no difference."""
    text = """version: 1
name: d
examples:
  - id: a
    input: "1"
    expected: |
      e
    tags: [t]
    metadata: {n: 1}
  - {id: b, input: i, expected: e}
"""
    for name in ("d.yml", "d.yaml"):
        assert list(read_examples(dataset(tmp_path, text, name))) == [
            Example("a", "1", "e\n", ("t",), {"n": 1}),
            Example("b", "i", "e"),
        ]


def test_an_inline_dataset_becomes_examples(tmp_path: Path) -> None:
    """It was checked with its file."""
    harness = harness_of(tmp_path / "d.jsonl")
    inline = InlineDataset(name="d", examples=[InlineExample(id="a", input="i", expected="e", tags=["t"])])
    spec = Harness(version=1, name="h", dataset=inline, model=EchoModel(), graders=[ExactMatchGrader()])
    harness = harness._replace(spec=spec, dataset=None)
    assert list(read_examples(harness)) == [Example("a", "i", "e", ("t",))]
    assert not is_longer_than(harness, 0)


@pytest.mark.parametrize(
    "content",
    [
        row("a") + row("b").rstrip("\n"),
        row("a").replace("\n", "\r\n") + row("b").replace("\n", "\r\n"),
        "\n  \r\n" + row("a") + "\n\t\n" + row("b") + "\n\n",
        "\ufeff" + row("a") + row("b"),
        "\ufeff\n" + row("a") + row("b"),
        "  " + row("a") + "\t" + row("b"),
    ],
)
def test_line_ends_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path, content: str) -> None:
    """CRLF, no newline at the end, blank lines, a byte order mark, white space around."""
    assert [example.id for example in read_examples(dataset(tmp_path, content))] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (row(expected=42), 'line 2, expected: must be text, found the number 42; quote it: "42"'),
        (row(expected=None), "line 2, expected: must be text, found nothing; give a value or leave the field out"),
        (row(expectd="e"), "line 2, expectd: unknown field 'expectd' (did you mean 'expected'?)"),
        (row(tags="t"), "line 2, tags: must be a list, found the text 't'"),
        (row(tags=["t", True]), 'line 2, tags[1]: must be text, found the boolean true; quote it: "true"'),
        (row(tags=["a\nb"]), "line 2, tags[0]: must not hold control characters, found the text 'a b'"),
        (row(""), "line 2, id: must not be empty, found an empty text"),
        (row("a\u0000"), "line 2, id: must not hold control characters, found the text 'a '"),
        (row("a\n"), "line 2, id: must not hold control characters, found the text 'a '"),
        (row("a" * 257), f"line 2, id: must be at most 256 characters long, found the text '{'a' * 60}...'"),
        (
            row(metadata={"n": 2**63}),
            "line 2, metadata.n: must fit in 64 bits, found the number 9223372036854775808; quote it",
        ),
        ('{"id": "a", "input": "i"}\n', "line 2, expected: missing; it must be text"),
        ("5\n", "line 2: must be a mapping, found the number 5"),
        ('{"id": "a"\n', "line 2: the line is not valid JSON: it ends too early"),
        ("{'id': 1}\n", "line 2: the line is not valid JSON: object keys must be strings (byte 1)"),
        (row()[:-1] + row(), "line 2: the line is not valid JSON: trailing characters (byte 43)"),
        (row(metadata={"n": float("nan")}), "line 2: the line is not valid JSON: invalid character (byte 61)"),
        (
            row(expected="\ud800"),
            "line 2: the line is not valid JSON: half of a surrogate pair, such as \\ud800 alone, is no character",
        ),
        (
            row(expected="\udc00 abcdefgh"),
            "line 2: the line is not valid JSON: half of a surrogate pair, such as \\ud800 alone, is no character",
        ),
        ("[" * 100_000 + "\n", "line 2: the line is not valid JSON: nested too deep"),
        ('{"metadata":' * 100 + "{}" + "}" * 100 + "\n", "line 2: the line is not valid JSON: nested too deep"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    """The second line is bad, the first and the third are not."""
    assert told(dataset(tmp_path, row("x") + line + row("y"))) == [f"d.jsonl, {message}"]


def test_a_row_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    """The line is named, and the reading goes on."""
    content = row("x").encode() + row("a").replace('"e"', '"\xff"').encode("latin-1") + b"5\n"
    assert told(dataset(tmp_path, content)) == [
        "d.jsonl, line 2: the line is not UTF-8",
        "d.jsonl, line 3: must be a mapping, found the number 5",
    ]


def test_a_row_of_8_mb_is_taken_and_a_longer_one_told(tmp_path: Path) -> None:
    """The limit is exact, and the line after is read as usual."""
    longest = row("a", input="x" * (8_000_000 - len(row("a", input=""))))
    assert len(longest) == 8_000_000
    assert len(list(read_examples(dataset(tmp_path, longest + row("b"))))) == 2
    longer = longest.replace('"x', '"xx')
    assert told(dataset(tmp_path, longer + row("b") + "5")) == [
        "d.jsonl, line 1: the line is over 8 MB",
        "d.jsonl, line 3: must be a mapping, found the number 5",
    ]


def test_an_endless_line_is_told_in_bounded_memory(tmp_path: Path) -> None:
    """Of a line of 40 MB only the beginning is held."""
    assert told(dataset(tmp_path, b"x" * 40_000_000)) == ["d.jsonl, line 1: the line is over 8 MB"]


def test_double_ids_are_told_with_both_lines(tmp_path: Path) -> None:
    """Blank and bad lines in between do not shift the numbers."""
    content = row("a") + "\n" + row("b") + "5\n" + row("b") + row("a") + row("b")
    assert told(dataset(tmp_path, content)) == [
        "d.jsonl, line 4: must be a mapping, found the number 5",
        "d.jsonl, line 5, id: the example 'b' is already there (first in line 3)",
        "d.jsonl, line 6, id: the example 'a' is already there (first in line 1)",
        "d.jsonl, line 7, id: the example 'b' is already there (first in line 3)",
    ]


def test_double_ids_in_yaml_are_told_with_both_lines(tmp_path: Path) -> None:
    """The file's own lines."""
    text = "version: 1\nname: d\nexamples:\n" + "  - {id: a, input: i, expected: e}\n" * 2
    assert told(dataset(tmp_path, text, "d.yml")) == [
        "d.yml, line 5, examples[1].id: the example 'a' is already there (first in line 4)"
    ]


def test_different_ids_with_one_digest_are_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look tells them apart, and still finds a real repeat."""
    monkeypatch.setattr(seen_ids, "hash", len, raising=False)
    assert len(list(read_examples(dataset(tmp_path, row("a") + row("b") + row("c"))))) == 3
    assert told(dataset(tmp_path, row("a") + row("b") + row("a"))) == [
        "d.jsonl, line 3, id: the example 'a' is already there (first in line 1)"
    ]


@pytest.mark.parametrize(("content", "name"), [("", "d.jsonl"), ("\n\n", "d.jsonl"), ("\ufeff", "d.jsonl")])
def test_a_dataset_without_examples_is_told(tmp_path: Path, content: str, name: str) -> None:
    """There is nothing to ask."""
    assert told(dataset(tmp_path, content, name)) == ["d.jsonl: must hold at least one example"]


def test_a_yaml_dataset_without_examples_is_told(tmp_path: Path) -> None:
    """An empty list is no dataset."""
    assert told(dataset(tmp_path, "version: 1\nname: d\nexamples: []\n", "d.yml")) == [
        "d.yml, line 3, examples: must hold at least one example"
    ]


def test_at_most_a_hundred_mistakes_are_listed(tmp_path: Path) -> None:
    """The rest is counted: 150 bad rows, among them good ones, and 20 repeats."""
    content = "".join(row(str(number)) + "5\n" for number in range(150)) + "".join(row(str(n)) for n in range(20))
    mistakes = told(dataset(tmp_path, content))
    assert len(mistakes) == 101
    assert mistakes[0] == "d.jsonl, line 2: must be a mapping, found the number 5"
    assert mistakes[99] == "d.jsonl, line 200: must be a mapping, found the number 5"
    assert mistakes[100] == "d.jsonl: and 70 more mistakes"


def test_unusual_rows_are_not_counted_as_mistakes(tmp_path: Path) -> None:
    """After a hundred mistakes a good row of an unusual kind is still good."""
    content = "5\n" * 100 + row("a\u00a0b") + "6\n"
    assert told(dataset(tmp_path, content))[100] == "d.jsonl: and 1 more mistakes"


def test_mistakes_of_yaml_rows_are_cut_too(tmp_path: Path) -> None:
    """A hundred, then the count."""
    text = "version: 1\nname: d\nexamples:\n" + "".join(
        f"  - {{id: a{number}, input: i, expected: 1}}\n" for number in range(103)
    )
    mistakes = told(dataset(tmp_path, text, "d.yml"))
    assert mistakes[0] == 'd.yml, line 4, examples[0].expected: must be text, found the number 1; quote it: "1"'
    assert mistakes[100:] == ["d.yml: and 3 more mistakes"]


def test_it_can_stop_at_the_first_bad_row(tmp_path: Path) -> None:
    """What comes after is not read."""
    examples = read_examples(dataset(tmp_path, row("a") + "5\n" + row("b") + "6\n"), stop_at_first=True)
    assert next(examples).id == "a"
    with pytest.raises(InvalidFiles) as refused:
        next(examples)
    assert str(refused.value) == "d.jsonl, line 2: must be a mapping, found the number 5"


def test_examples_are_read_as_they_are_pulled(tmp_path: Path) -> None:
    """A slice of a file can be had before the rest is looked at."""
    examples = read_examples(dataset(tmp_path, row("a") + row("b") + "5\n"))
    assert [example.id for example in islice(examples, 2)] == ["a", "b"]


def test_a_dataset_that_can_not_be_read_any_more_is_told(tmp_path: Path) -> None:
    """It was there when the harness file was read."""
    assert told(harness_of(tmp_path / "gone.jsonl")) == ["gone.jsonl: no such file"]
    os.mkfifo(tmp_path / "pipe.yml")
    assert told(harness_of(tmp_path / "pipe.yml")) == ["pipe.yml: is not a regular file"]
    (tmp_path / "big.yml").write_bytes(b"#" * 20_000_001)
    assert told(harness_of(tmp_path / "big.yml")) == ["big.yml: is over 20 MB"]


def test_a_long_dataset_is_recognised(tmp_path: Path) -> None:
    """With and without a newline at the end; YAML is never long."""
    assert not is_longer_than(dataset(tmp_path, row() * 5), 5)
    assert is_longer_than(dataset(tmp_path, row() * 5), 4)
    assert is_longer_than(dataset(tmp_path, (row() * 5).rstrip("\n")), 4)
    assert not is_longer_than(dataset(tmp_path, ""), 0)
    assert not is_longer_than(harness_of(tmp_path / "gone.jsonl"), 0)
    (tmp_path / "long.yml").write_text("a\n" * 50)
    assert not is_longer_than(harness_of(tmp_path / "long.yml"), 5)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {"id": st.text(max_size=3), "input": st.text(), "expected": st.text()},
    optional={"tags": st.lists(st.text(max_size=2)) | JSON_VALUES, "metadata": JSON_VALUES, "more": JSON_VALUES},
)


@given(ROWS)
def test_the_fast_way_takes_only_what_the_slow_way_takes(written: dict[str, object]) -> None:
    """Where both give an example, it is the same; the check without words agrees with the slow way."""
    line = json.dumps(written).encode()
    fast = decode_fast(line)
    slow, mistakes = decode_slowly(line, 1, "d.jsonl")
    assert (slow is None) == bool(mistakes)
    assert fast is None or fast == slow
    if slow is not None:
        assert is_row(line)


def test_usual_rows_go_the_fast_way() -> None:
    """Text of any script, tags and metadata need no second decoding."""
    usual = row("Beispiel-ä 1", input="línea\n\t日本", tags=["müsli"], metadata={"n": [1, {"a": None}], "x": "y"})
    assert decode_fast(usual.encode()) is not None
    assert decode_fast(row("a\u00a0b").encode()) is None
    assert decode_slowly(row("a\u00a0b").encode(), 1, "d.jsonl")[0] == Example("a\u00a0b", "i", "e")


def test_a_large_dataset_needs_little_memory(tmp_path: Path) -> None:
    """200,000 rows of 300 bytes, 60 MB, are read in less than 30 MB."""
    with (tmp_path / "d.jsonl").open("w") as file:
        file.writelines(row(f"ex-{number}", input="x" * 250) for number in range(200_000))
    probe = [sys.executable, "-c", MEMORY_PROBE, str(tmp_path / "d.jsonl")]
    rows, kilobytes = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 200_000
    assert int(kilobytes) < 30_000
