"""The ids of a dataset of any size, and which of them are there twice."""

from array import array
from collections.abc import Iterator

from service.files.mistake_list import LISTED_MISTAKES, MistakeList

PARTS = 64
"""Digests are compared in so many parts: one set of a million would take 90 MB."""


class SeenIds:
    """The ids of the rows read so far, eight bytes each: a set of a million strings would take ten times as much."""

    def __init__(self) -> None:
        self._digests = array("q")

    def __len__(self) -> int:
        return len(self._digests)

    def add(self, example_id: str) -> None:
        """Note the id of the next row."""
        self._digests.append(hash(example_id))

    def tell_repeated(self, rows: Iterator[tuple[int, str]], mistakes: MistakeList) -> None:
        """Tell ids that are there twice. Equal digests may be an accident: a second look at the file tells.

        `rows` gives line and id of the same rows once more; it is read only where it is needed.
        """
        if not _any_twice(self._digests):
            return
        import numpy as np  # noqa: PLC0415 - 0.1 s of CPU and 20 MB

        digests = np.frombuffer(self._digests, np.int64)
        order = np.argsort(digests, kind="stable")
        ranked = digests[order]
        repeats = np.sort(order[1:][ranked[1:] == ranked[:-1]])
        listed = repeats[:LISTED_MISTAKES]
        suspects, last = set(digests[listed].tolist()), int(listed[-1])
        first: dict[str, int] = {}
        for index, (line, example_id) in enumerate(rows):
            if hash(example_id) in suspects and first.setdefault(example_id, line) != line:
                message = f"the example '{example_id}' is already there (first in line {first[example_id]})"
                mistakes.add(message, line, "id")
            if index == last:
                break
        mistakes.count(repeats.size - listed.size)


def _any_twice(digests: "array[int]") -> bool:
    parts = [array("q") for _ in range(PARTS)]
    for digest in digests:
        parts[digest % PARTS].append(digest)
    return any(len(set(part)) < len(part) for part in parts)
