"""What is run: examples in files of one's own, so many calls at once, against one model server."""

from pathlib import Path
from typing import NamedTuple

from benchmarks.sizes import Case

BRIEF = r"^\S+( \S+)*$"


class Work(NamedTuple):
    """A case whose model server is at a base URL; files go to a folder."""

    folder: Path
    case: Case
    base_url: str

    @property
    def at_once(self) -> str:
        """So many calls at once, as a command is told."""
        return str(self.case.concurrency)

    @property
    def dataset(self) -> Path:
        """The examples in the form that matchspec reads, which Inspect AI and a loop of Python can read too."""
        return self.folder / "dataset.jsonl"


class Scores(NamedTuple):
    """How many examples have an answer with scores, and how many of them each grader took for right."""

    answered: int = 0
    exact: int = 0
    contains: int = 0
    brief: int = 0


def right_scores(examples: int) -> Scores:
    """What an echo gets of a multiple of four examples: every fourth expects something else."""
    return Scores(examples, examples * 3 // 4, examples * 3 // 4, examples)
