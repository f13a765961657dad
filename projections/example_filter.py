"""Which examples of a run are wanted."""

from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from domain.marks import Marks
from domain.statistics import reaches
from projections.results import GRADER_ERROR, MODEL_ERROR, PASSED, RECORDED

Error = Literal["true", "false", "model", "grader"]


class _Asking(msgspec.Struct):
    output: str | None
    error: str | UnsetType = UNSET
    errors: dict[str, str] = {}


class _Entry(msgspec.Struct):
    id: str
    input: str
    expected: str
    output: str | None
    scores: dict[str, float]
    passed: bool
    tags: list[str]
    error: str | UnsetType = UNSET
    errors: dict[str, str] = {}
    repeats: list[_Asking] | UnsetType = UNSET

    @property
    def askings(self) -> list[_Asking]:
        return [_Asking(self.output, self.error, self.errors)] if self.repeats is UNSET else self.repeats


_read = msgspec.json.Decoder(_Entry).decode


class ExampleFilter(NamedTuple):
    """What is asked of an example; None asks nothing. `text` is looked for in id, input, expected text and outputs.

    `grader` keeps the examples that this grader held below its mark or could not score.
    """

    passed: bool | None = None
    error: Error | None = None
    tag: str | None = None
    grader: str | None = None
    text: str | None = None

    @property
    def kinds(self) -> bytes:
        """Mark by 1, of the 256 that there could be, the kinds of askings (`Result.places`) that may be wanted."""
        return bytes(kind & RECORDED and self._takes(kind) for kind in range(256))

    @property
    def reads(self) -> bool:
        """Whether the kind of an asking does not tell whether its example is wanted."""
        return not (self.tag is self.grader is self.text is None)

    def keeps(self, entry: bytes, marks: Marks) -> bool:
        """Tell whether an example with this entry is wanted."""
        example = _read(entry)
        return (
            self._takes(_kind(example))
            and (self.tag is None or self.tag in example.tags)
            and (self.grader is None or _fails(example, self.grader, marks))
            and (self.text is None or _has(example, self.text.casefold()))
        )

    def _takes(self, kind: int) -> bool:
        if self.passed is not None and bool(kind & PASSED) != self.passed:
            return False
        match self.error:
            case None:
                return True
            case "true":
                return bool(kind & (MODEL_ERROR | GRADER_ERROR))
            case "false":
                return not kind & (MODEL_ERROR | GRADER_ERROR)
            case "model":
                return bool(kind & MODEL_ERROR)
            case "grader":
                return bool(kind & GRADER_ERROR)


def _kind(example: _Entry) -> int:
    """What kind an example is, as its askings are."""
    model = any(asking.error is not UNSET for asking in example.askings)
    grader = any(asking.errors for asking in example.askings)
    return RECORDED | PASSED * example.passed | MODEL_ERROR * model | GRADER_ERROR * grader


def _fails(example: _Entry, grader: str, marks: Marks) -> bool:
    if any(grader in asking.errors for asking in example.askings):
        return True
    return grader in example.scores and not reaches(example.scores[grader], marks.graders.get(grader, 0.0))


def _has(example: _Entry, text: str) -> bool:
    texts = [example.id, example.input, example.expected, *(asking.output or "" for asking in example.askings)]
    return any(text in one.casefold() for one in texts)
