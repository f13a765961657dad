"""Datasets pinned as blocks of JSON Lines, and which examples take part."""

import hashlib
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.examples import (
    BLOCK_BYTES,
    LINE_BYTES,
    Block,
    Cut,
    Example,
    Manifest,
    cut_blocks,
    decode_line,
    decode_manifest,
    digest,
    encode_line,
    encode_manifest,
    is_selected,
)

TEXT = st.text(max_size=30)
VALUE = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
EXAMPLES = st.builds(
    Example,
    id=TEXT,
    input=TEXT,
    expected=TEXT,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    metadata=st.none() | st.dictionaries(TEXT, VALUE | st.lists(VALUE, max_size=3), max_size=3),
)


def rows(count: int, size: int = 1) -> list[Example]:
    """Examples whose inputs have so many bytes."""
    return [Example(id=f"ex-{number}", input="x" * size, expected="y") for number in range(count)]


def ends_a_block(example: Example) -> bool:
    """Tell whether the hash of the example's id asks for a cut behind it."""
    return hashlib.sha256(example.id.encode()).hexdigest().startswith("00")


def lines_of(cut: Cut) -> list[Example]:
    """The examples of a block."""
    return [decode_line(line) for line in cut.content.splitlines()]


def test_an_example_is_one_line_with_its_fields_in_this_order() -> None:
    """id, input, expected, tags, metadata: the order of the log format; text stands as UTF-8."""
    example = Example(id="ex-1", input='say "größe"\n', expected="x", tags=("ml", "b"), metadata={"b": 1, "a": None})
    line = '{"id":"ex-1","input":"say \\"größe\\"\\n","expected":"x","tags":["ml","b"],"metadata":{"b":1,"a":null}}\n'
    assert encode_line(example) == line.encode()


def test_what_an_example_does_not_have_is_left_out() -> None:
    """Neither tags nor metadata."""
    assert encode_line(Example(id="ex-1", input="", expected="")) == b'{"id":"ex-1","input":"","expected":""}\n'


@settings(deadline=None)
@given(st.lists(EXAMPLES, max_size=20))
def test_any_examples_come_back_from_their_blocks(examples: list[Example]) -> None:
    """Texts of any script, line breaks of any kind, tags and metadata; one line a row."""
    cuts = list(cut_blocks(examples))
    assert [example for cut in cuts for example in lines_of(cut)] == examples
    assert [cut.rows for cut in cuts] == [cut.content.count(b"\n") for cut in cuts]
    assert all(cut.rows and cut.content.endswith(b"\n") for cut in cuts)


@given(EXAMPLES)
def test_any_line_is_json_for_any_reader(example: Example) -> None:
    """The standard library reads what was written."""
    assert json.loads(encode_line(example))["input"] == example.input


def test_blocks_are_cut_behind_the_ids_whose_hash_says_so() -> None:
    """Small rows: every block but the last ends with such an id, and no other row is one."""
    cuts = list(cut_blocks(rows(5_000)))
    assert len(cuts) > 5
    ends = [[ends_a_block(example) for example in lines_of(cut)] for cut in cuts]
    assert all(end == [False] * (len(end) - 1) + [True] for end in ends[:-1])
    assert not any(ends[-1][:-1])


@pytest.mark.parametrize("size", [999, 90_000, 499_000, 600_000])
def test_a_block_has_at_most_1_mb(size: int) -> None:
    """Rows are put together as long as they fit, whatever their size."""
    cuts = list(cut_blocks(rows(2_000_000 // size * 2, size)))
    assert sum(cut.rows for cut in cuts) == 2_000_000 // size * 2
    assert all(len(cut.content) <= 1_000_000 for cut in cuts)
    for cut, following in pairwise(cuts):
        first = following.content.splitlines(keepends=True)[0]
        assert ends_a_block(lines_of(cut)[-1]) or len(cut.content) + len(first) > 1_000_000


def test_a_longer_line_is_a_block_of_its_own() -> None:
    """A row of 3 MB stands alone; those before and after it are not mixed with it."""
    examples = [*rows(2), Example(id="long", input="x" * 3_000_000, expected=""), Example("after", "", "")]
    assert [cut.rows for cut in cut_blocks(examples)] == [2, 1, 1]


def test_a_line_of_exactly_the_block_s_size_fits() -> None:
    """1,000,000 bytes with the newline, alone in its block."""
    rest = len(encode_line(Example("a", "", "")))
    filled = Example("a", "x" * (1_000_000 - rest), "")
    cuts = list(cut_blocks([filled, Example("b", "", "")]))
    assert [cut.rows for cut in cuts] == [1, 1]
    assert len(cuts[0].content) == 1_000_000


def test_the_sizes_are_those_of_the_format() -> None:
    """1 MB a block, 8 MB a line."""
    assert (BLOCK_BYTES, LINE_BYTES) == (1_000_000, 8_000_000)


def test_no_example_needs_no_block() -> None:
    """An empty dataset has none."""
    assert list(cut_blocks([])) == []


SMALL = rows(3_000)


def names(examples: list[Example]) -> list[str]:
    """The digests of a dataset's blocks."""
    return [digest(cut.content) for cut in cut_blocks(examples)]


@settings(deadline=None, max_examples=30)
@given(place=st.integers(0, len(SMALL)), name=TEXT)
def test_an_inserted_row_changes_only_the_block_it_falls_in(place: int, name: str) -> None:
    """One block is replaced by one or, where the new id asks for a cut, by two; all others keep their names."""
    before = names(SMALL)
    inserted = Example(id=f"new {name}", input="x", expected="y")
    after = names([*SMALL[:place], inserted, *SMALL[place:]])
    gone = [block for block in before if block not in after]
    new = [block for block in after if block not in before]
    at_end = place == len(SMALL) or ends_a_block(SMALL[place - 1])
    assert len(gone) == 1 or (at_end and not gone)
    assert len(new) == (2 if ends_a_block(inserted) and gone else 1)
    assert [block for block in after if block in before] == [block for block in before if block in after]


@settings(deadline=None, max_examples=30)
@given(place=st.integers(0, len(SMALL) - 1))
def test_a_row_taken_out_changes_only_its_block(place: int) -> None:
    """Or joins two, where it was what cut them."""
    before = names(SMALL)
    after = names(SMALL[:place] + SMALL[place + 1 :])
    assert len([block for block in before if block not in after]) == (2 if ends_a_block(SMALL[place]) else 1)
    assert len([block for block in after if block not in before]) == 1


def test_large_rows_shift_blocks_only_up_to_the_next_cut_by_id() -> None:
    """Blocks that were cut at 1 MB move with an inserted row; behind the next id that asks for a cut none does."""
    large = rows(1_500, 9_000)
    before, after = names(large), names([Example("new", "x" * 9_000, "y"), *large])
    first_cut = next(place for place, example in enumerate(large) if ends_a_block(example))
    behind = names(large[first_cut + 1 :])
    assert before[-len(behind) :] == after[-len(behind) :] == behind
    assert 0 < len(behind) < len(before)


def test_contents_are_named_by_their_sha_256() -> None:
    """In hex; the digest of no bytes is well known."""
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_manifest_comes_back_and_lists_its_blocks_in_order() -> None:
    """Its bytes are as the format says: rows, then a pair of digest and rows for each block."""
    manifest = Manifest(rows=5, blocks=[Block("aa", 3), Block("bb", 2)])
    assert encode_manifest(manifest) == b'{"rows":5,"blocks":[["aa",3],["bb",2]]}'
    assert decode_manifest(encode_manifest(manifest)) == manifest


@pytest.mark.parametrize(
    ("tags", "of_suite", "of_request", "selected"),
    [
        ([], [], [], True),
        (["ml"], [], [], True),
        ([], ["smoke"], [], False),
        ([], [], ["ml"], False),
        (["smoke"], ["smoke"], [], True),
        (["ml"], ["smoke"], [], False),
        (["ml", "smoke"], ["smoke", "slow"], [], True),
        (["smoke"], ["smoke"], ["ml"], False),
        (["ml"], ["smoke"], ["ml"], False),
        (["smoke", "ml"], ["smoke"], ["ml", "science"], True),
        (["ML"], [], ["ml"], False),
    ],
)
def test_an_example_takes_part_with_one_tag_of_the_suite_and_one_of_the_request(
    tags: list[str], of_suite: list[str], of_request: list[str], selected: bool
) -> None:
    """At least one of each that names any."""
    assert is_selected(tags, frozenset(of_suite), frozenset(of_request)) == selected
