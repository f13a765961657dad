"""The lines of a pinned dataset are read a block at a time, and only the blocks that are asked for."""

import pytest

from domain.errors import LogUnreadable
from domain.examples import Block, Manifest
from service.log.reading import LogReader
from service.pinned_lines import PinnedLines

MANIFEST = Manifest(6, [Block("one", 2), Block("two", 1), Block("three", 3)])


class Blocks(LogReader):
    """A log that holds the blocks of the manifest; `read` tells which were read, in order."""

    def __init__(self) -> None:
        self.contents = {"one": b"0\n1\n", "two": b"2\n", "three": b"3\n4\n5\n"}
        self.read: list[str] = []

    async def read_content(self, digest: str) -> bytes:
        """Give a block."""
        self.read.append(digest)
        return self.contents[digest]


async def test_rows_are_given_in_their_order_and_each_block_is_read_once() -> None:
    """All six, of three blocks; it makes no difference whether a block was reached before."""
    log = Blocks()
    lines = PinnedLines(log, MANIFEST)
    await lines.reach(0)
    assert [await lines.get(row) for row in range(6)] == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert log.read == ["one", "two", "three"]


async def test_blocks_without_a_wanted_row_are_not_read() -> None:
    """The last row, and nothing before."""
    log = Blocks()
    assert await PinnedLines(log, MANIFEST).get(5) == b"5"
    assert log.read == ["three"]


async def test_a_row_that_no_block_has_is_told() -> None:
    """A run can't have recorded it: the log was changed."""
    with pytest.raises(LogUnreadable, match="the pinned examples have no row 6"):
        await PinnedLines(Blocks(), MANIFEST).get(6)


async def test_a_block_with_other_lines_than_its_manifest_says_is_told() -> None:
    """Its rows would be those of other examples."""
    log = Blocks()
    log.contents["one"] = b"0\n"
    with pytest.raises(LogUnreadable, match="the contents one have 1 lines, not 2"):
        await PinnedLines(log, MANIFEST).get(0)
