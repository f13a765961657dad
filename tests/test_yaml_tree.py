"""YAML -> a tree with lines."""

import pytest
import yaml

from service.files.tree import Mapping, Node, Scalar, Sequence, line_of, show_path
from service.files.yaml_tree import parse_yaml, read_plain


def told(text: str | bytes) -> list[str]:
    """List what is told about a file called f.yml."""
    content = text.encode() if isinstance(text, str) else text
    return [str(mistake) for mistake in parse_yaml(content, "f.yml").mistakes]


def root(text: str) -> Node:
    """Give the tree of a file without mistakes."""
    parsed = parse_yaml(text.encode(), "f.yml")
    assert parsed.mistakes == []
    assert parsed.root is not None
    return parsed.root


def test_nodes_know_the_line_a_reader_would_look_for() -> None:
    """A value has its key's line, an item its own."""
    tree = root("a: 1\nb:\n  - x\n  - c: |\n      long\n    d:\n      e\n")
    assert line_of(tree, ("a",)) == 1
    assert line_of(tree, ("b",)) == 2
    assert line_of(tree, ("b", 0)) == 3
    assert line_of(tree, ("b", 1, "c")) == 4
    assert line_of(tree, ("b", 1, "d")) == 6


def test_a_missing_path_has_the_line_of_what_is_around_it() -> None:
    """The line of what is not there is that of the closest thing that is."""
    tree = root("a:\n  - x: 1\n")
    assert line_of(tree, ("a", 0, "name", "more")) == 2
    assert line_of(tree, ("a", 7)) == 1


def test_a_path_is_shown_as_a_user_reads_it() -> None:
    """Keys are joined by dots, indexes stand in brackets."""
    assert show_path(("suites", 0, "thresholds", "overall")) == "suites[0].thresholds.overall"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("abc", "text", "abc"),
        ("42", "number", 42),
        ("-7", "number", -7),
        ("0.80", "number", 0.8),
        ("1.5e+3", "number", 1500.0),
        ("012", "odd number", "012"),
        ("0x1F", "odd number", "0x1F"),
        ("1:30", "odd number", "1:30"),
        ("1_000", "odd number", "1_000"),
        (".inf", "odd number", ".inf"),
        (".nan", "odd number", ".nan"),
        ("9" * 5000, "odd number", "9" * 5000),
        ("no", "boolean", False),
        ("Yes", "boolean", True),
        ("on", "boolean", True),
        ("", "null", None),
        ("~", "null", None),
        ("2024-01-01", "date", "2024-01-01"),
    ],
)
def test_plain_text_has_the_type_that_yaml_gives_it(text: str, kind: str, value: object) -> None:
    """What YAML 1.1 reads otherwise than a person is seen as such, and keeps its text."""
    assert read_plain(text) == (kind, value)


def test_quoted_text_is_text() -> None:
    """Quotes, blocks and !!str make text of anything."""
    tree = root("a: \"42\"\nb: 'no'\nc: |\n  12\nd: !!str 5\n")
    assert isinstance(tree, Mapping)
    assert [node.value for node in tree.entries.values() if isinstance(node, Scalar)] == ["42", "no", "12\n", "5"]


def test_an_empty_file_holds_nothing() -> None:
    """No document is null in line 1."""
    for text in ("", "# a comment\n"):
        node = root(text)
        assert isinstance(node, Scalar)
        assert (node.kind, node.line) == ("null", 1)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    """A file may begin with a byte order mark."""
    tree = root("\ufeffversion: 1")
    assert isinstance(tree, Mapping)
    assert list(tree.entries) == ["version"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "f.yml, line 2, b: the alias *x is not allowed; write the value out"),
        ("- &x 1\n- 2\n- *x\n", "f.yml, line 3, [2]: the alias *x is not allowed; write the value out"),
        ("a: 1\nb: 2\na: 3\n", "f.yml, line 3, a: this key is already in line 1"),
        ("a: 1\n---\nb: 2\n", "f.yml, line 2: a second document begins here; a file holds one"),
        (
            "a:\n  b: !!python/object:os.system x\n",
            "f.yml, line 2, a.b: the tag !!python/object:os.system is not allowed; write a plain value",
        ),
        ("a: !mine [1]\n", "f.yml, line 1, a: the tag !mine is not allowed; write a plain value"),
        ("1: x\n", 'f.yml, line 1, 1: a key must be text, found the number 1; quote it: "1"'),
        ("no: x\n", 'f.yml, line 1, no: a key must be text, found the boolean no; quote it: "no"'),
        ("? [a]\n: x\n", "f.yml, line 1, ?: a key must be text, found a list or a mapping"),
        ("a: 1\nb: [1\nc: 2\n", "f.yml, line 3: not valid YAML: while parsing a flow sequence did not find expected"),
        ("a: b: c\n", "f.yml, line 1: not valid YAML: mapping values are not allowed in this context (column 5)"),
        ("a:\n\t- b\n", "f.yml, line 2: not valid YAML: a tab can't indent; use spaces"),
        (b"a: 1\nb: \xff\n", "f.yml, line 2: the file is not UTF-8"),
        ("a: 1".encode("utf-16"), "f.yml, line 1: the file is not UTF-8"),
        (b"a: 1\nb: x\0y\n", "f.yml, line 2: the control character U+0000 is not allowed"),
        ('a: "\\ud800"\n', "f.yml, line 1: not valid YAML: while parsing a quoted scalar found invalid Unicode"),
    ],
)
def test_what_is_not_plain_yaml_is_told_with_its_line(text: str | bytes, message: str) -> None:
    """Each thing that is not taken is told once, with its place."""
    mistakes = told(text)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(message)


def test_reading_goes_on_after_a_mistake_that_leaves_the_rest_readable() -> None:
    """Aliases, tags and double keys in one file are all told."""
    assert len(told("a: &x 1\na: 2\nb: *x\nc: !!set {}\n*x : 1\n1: 2\n")) == 5


def test_the_first_of_two_equal_keys_is_kept() -> None:
    """What follows a double key goes on as if it were not there."""
    tree = parse_yaml(b"a: 1\na: {b: [2]}\nc: 3\n", "f.yml").root
    assert isinstance(tree, Mapping)
    assert [(key, node.line) for key, node in tree.entries.items()] == [("a", 1), ("c", 3)]


def test_64_levels_are_taken_and_65_refused() -> None:
    """The limit of depth is exact."""
    assert isinstance(root("[" * 64 + "]" * 64), Sequence)
    assert told("[" * 65 + "]" * 65) == ["f.yml, line 1: nested more than 64 deep"]


@pytest.mark.parametrize("hostile", ["[" * 500_000, "{a: " * 200_000, "- " * 300_000, "? " * 300_000])
def test_deep_nesting_is_refused_without_harm(hostile: str) -> None:
    """Nesting that kills the composer of libyaml is told as a mistake."""
    assert told(hostile)[-1] == "f.yml, line 1: nested more than 64 deep"


def test_an_alias_bomb_is_refused() -> None:
    """A few lines that unfold to billions of values are told, alias by alias."""
    levels = "".join(f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True))
    assert len(told("a: &a [x, x]\n" + levels)) == 21


def test_it_reads_plain_yaml_as_pyyaml_does() -> None:
    """Where no value is odd, the values are those of the usual loader."""
    text = "a: [1, 2.5, x, true, null]\nb:\n  c: 'd'\n  e: >\n    folded\n    text\nf: {g: []}\n"
    assert _plain(root(text)) == yaml.safe_load(text)


def _plain(node: Node) -> object:
    match node:
        case Mapping(entries=entries):
            return {key: _plain(child) for key, child in entries.items()}
        case Sequence(items=items):
            return [_plain(item) for item in items]
        case Scalar(value=value):
            return value
