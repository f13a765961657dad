"""Which examples of two runs are the same, by harness: matched by id, and only where both were asked the same.

An example is kept as numbers, not as texts: a digest of its id, a digest of what was asked and expected, and its
scores. A million of them take some 50 MB.
"""

import hashlib
from array import array
from collections.abc import Mapping
from math import nan
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.paired import Scores

DIGEST = 16
"""How many bytes of a SHA-256 are kept."""

Places = NDArray[np.intp]

_encode = msgspec.json.Encoder().encode


class Recorded:
    """The examples of one harness as one run recorded them, in columns; an example's place is its turn to be added.

    `scores` has NaN where a grader gave none.
    """

    def __init__(self) -> None:
        self._ids = bytearray()
        self._asked = bytearray()
        self._passed = bytearray()
        self._scores: dict[str, array[float]] = {}

    def add(self, example: str, asked: bytes, scores: Mapping[str, float], *, passed: bool) -> None:
        """Take in the next example; `asked` is what `digest_asked` gives."""
        self._ids += hashlib.sha256(example.encode()).digest()[:DIGEST]
        self._asked += asked
        self._passed.append(passed)
        for grader, score in scores.items():
            column = self._scores.setdefault(grader, array("d"))
            column.extend([nan] * (len(self) - 1 - len(column)))
            column.append(score)

    def __len__(self) -> int:
        return len(self._passed)

    @property
    def ids(self) -> NDArray[np.bytes_]:
        """The digests of the ids."""
        return np.frombuffer(self._ids, dtype=f"S{DIGEST}")

    @property
    def asked(self) -> NDArray[np.bytes_]:
        """The digests of what was asked."""
        return np.frombuffer(self._asked, dtype=f"S{DIGEST}")

    @property
    def passed(self) -> Scores:
        """1 for an example that passed, else 0."""
        return np.frombuffer(self._passed, dtype=np.uint8).astype(np.float64)

    @property
    def graders(self) -> list[str]:
        """Those that gave any score."""
        return list(self._scores)

    def scores(self, grader: str) -> Scores:
        """A grader's scores."""
        scores = np.full(len(self), nan)
        column = self._scores.get(grader, array("d"))
        scores[: len(column)] = column
        return scores

    @property
    def graded(self) -> NDArray[np.bool_]:
        """Whether any grader gave an example a score."""
        graded = np.zeros(len(self), dtype=bool)
        for grader in self._scores:
            graded |= ~np.isnan(self.scores(grader))
        return graded


class Shared(NamedTuple):
    """Where the examples of two runs stand, each list in the head's order (`base_only` in the base's).

    Element i of `base` and of `head` is the same example. `changed` are places in the head.
    """

    base: Places
    head: Places
    changed: Places
    base_only: Places
    head_only: Places


def digest_asked(sent: str, expected: str) -> bytes:
    """Name what an example asks and expects: the first bytes of the SHA-256 of `["INPUT","EXPECTED"]` in JSON."""
    return hashlib.sha256(_encode((sent, expected))).digest()[:DIGEST]


def share(base: Recorded, head: Recorded) -> Shared:
    """Find the examples that both have, and leave out those that do not ask the same."""
    _, in_base, in_head = np.intersect1d(base.ids, head.ids, return_indices=True)
    order = np.argsort(in_head)
    in_base, in_head = in_base[order], in_head[order]
    same = base.asked[in_base] == head.asked[in_head]
    return Shared(
        in_base[same],
        in_head[same],
        in_head[~same],
        np.setdiff1d(np.arange(len(base)), in_base),
        np.setdiff1d(np.arange(len(head)), in_head),
    )


class Matched(NamedTuple):
    """One harness in two runs; `ungraded` are places in the head of shared examples that one run has no score of."""

    base: Recorded
    head: Recorded
    shared: Shared
    ungraded: Places

    def scores(self, grader: str) -> tuple[Scores, Scores]:
        """A grader's scores of the examples that both runs graded, of the base and of the head."""
        return self.base.scores(grader)[self.shared.base], self.head.scores(grader)[self.shared.head]

    def passed(self) -> tuple[Scores, Scores]:
        """Which of these examples passed, in the base and in the head."""
        return self.base.passed[self.shared.base], self.head.passed[self.shared.head]


def match(base: Recorded, head: Recorded) -> Matched:
    """Find the examples that both runs graded."""
    shared = share(base, head)
    graded = base.graded[shared.base] & head.graded[shared.head]
    ungraded = shared.head[~graded]
    return Matched(base, head, shared._replace(base=shared.base[graded], head=shared.head[graded]), ungraded)
