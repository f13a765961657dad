"""Contents of the log that are asked for again are not read again."""

import pytest

from domain.errors import LogUnreadable
from service.log.decoded import KEPT, Decoded
from service.log.reading import LogReader


class Counting(LogReader):
    """A log whose contents are their own names; `read` tells which were read, in order."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def read_content(self, digest: str) -> bytes:
        """Give any contents but those called `missing`."""
        self.read.append(digest)
        if digest == "missing":
            raise LogUnreadable
        return digest.encode()


async def test_the_contents_asked_for_last_are_kept() -> None:
    """The eight asked for last; a ninth takes the place of the one not asked for longest."""
    log = Counting()
    contents = Decoded(log, bytes.decode)
    names = [f"content {number}" for number in range(KEPT)]
    assert [await contents.get(name) for name in (*names, names[0])] == [*names, names[0]]
    assert log.read == names
    await contents.get("one more")
    assert await contents.get(names[0]) == names[0]
    assert await contents.get(names[1]) == names[1]
    assert log.read == [*names, "one more", names[1]]


async def test_missing_contents_are_looked_for_again() -> None:
    """They may be there by then."""
    log = Counting()
    contents = Decoded(log, bytes.decode)
    for _ in range(2):
        with pytest.raises(LogUnreadable):
            await contents.get("missing")
    assert log.read == ["missing", "missing"]
