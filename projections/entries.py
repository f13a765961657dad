"""An example's entry in a result document, joined from its pinned line and its events' bytes."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from domain import codec
from domain.errors import LogUnreadable
from domain.marks import Marks, mean_scores


class Asking(NamedTuple):
    """The stored bodies of one asking: `example_scored`, and `example_answered` where there is one."""

    scored: bytes
    answered: bytes | None


class _Line(msgspec.Struct):
    id: Raw
    input: Raw
    expected: Raw
    tags: Raw = Raw(b"[]")
    metadata: Raw | UnsetType = UNSET


class _Answer(msgspec.Struct):
    output: Raw
    latency_ms: Raw
    attempts: Raw
    usage: Raw | UnsetType = UNSET
    secrets: Raw | UnsetType = UNSET


class _Scores(msgspec.Struct):
    suite: Raw
    harness: Raw
    scores: Raw
    passed: Raw
    error: Raw | UnsetType = UNSET
    errors: Raw | UnsetType = UNSET
    details: Raw | UnsetType = UNSET


class _Asked(msgspec.Struct):
    """One asking, as an entry shows it."""

    output: Raw
    scores: Raw
    passed: Raw
    latency_ms: Raw
    attempts: Raw
    usage: Raw | UnsetType
    error: Raw | UnsetType
    errors: Raw | UnsetType
    details: Raw | UnsetType
    secrets: Raw | UnsetType


class _Entry(msgspec.Struct):
    id: Raw
    input: Raw
    expected: Raw
    output: Raw
    scores: Raw
    passed: Raw
    tags: Raw
    suite: Raw
    harness: Raw
    latency_ms: Raw
    attempts: Raw
    usage: Raw | UnsetType
    metadata: Raw | UnsetType
    error: Raw | UnsetType
    errors: Raw | UnsetType
    details: Raw | UnsetType
    secrets: Raw | UnsetType


class _RepeatedEntry(msgspec.Struct):
    id: Raw
    input: Raw
    expected: Raw
    output: Raw
    scores: dict[str, float]
    passed: bool
    tags: Raw
    suite: Raw
    harness: Raw
    metadata: Raw | UnsetType
    repeats: list[_Asked]


_read_line = msgspec.json.Decoder(_Line).decode
_read_joined_answer = msgspec.json.Decoder(_Answer).decode
_read_joined_scores = msgspec.json.Decoder(_Scores).decode
_read_numbers = msgspec.json.Decoder(dict[str, float]).decode
_encode = msgspec.json.Encoder().encode


def example_entry(line: bytes, asking: Asking) -> bytes:
    """Join the entry of an example that is asked once; LogUnreadable where a body can't be read."""
    example, answer, scores = _read_line(line), _read_answer(asking), _read_scores(asking)
    return _encode(
        _Entry(
            id=example.id,
            input=example.input,
            expected=example.expected,
            output=answer.output,
            scores=scores.scores,
            passed=scores.passed,
            tags=example.tags,
            suite=scores.suite,
            harness=scores.harness,
            latency_ms=answer.latency_ms,
            attempts=answer.attempts,
            usage=answer.usage,
            metadata=example.metadata,
            error=scores.error,
            errors=scores.errors,
            details=scores.details,
            secrets=answer.secrets,
        )
    )


def repeated_entry(line: bytes, askings: Sequence[Asking], marks: Marks) -> bytes:
    """Join the entry of an example that is asked several times: the first output, mean scores, and every repeat.

    LogUnreadable where a body can't be read.
    """
    example, scored = _read_line(line), [_read_scores(asking) for asking in askings]
    repeats = [_asked(asking, scores) for asking, scores in zip(askings, scored, strict=True)]
    numbers = [_read_numbers(scores.scores) for scores in scored]
    return _encode(
        _RepeatedEntry(
            id=example.id,
            input=example.input,
            expected=example.expected,
            output=repeats[0].output,
            scores=mean_scores(numbers),
            passed=marks.passes_repeated(numbers),
            tags=example.tags,
            suite=scored[0].suite,
            harness=scored[0].harness,
            metadata=example.metadata,
            repeats=repeats,
        )
    )


def _asked(asking: Asking, scores: _Scores) -> _Asked:
    answer = _read_answer(asking)
    return _Asked(
        output=answer.output,
        scores=scores.scores,
        passed=scores.passed,
        latency_ms=answer.latency_ms,
        attempts=answer.attempts,
        usage=answer.usage,
        error=scores.error,
        errors=scores.errors,
        details=scores.details,
        secrets=answer.secrets,
    )


def _read_scores(asking: Asking) -> _Scores:
    codec.decode("example_scored", asking.scored)  # a fold does not look at all of it, and raw values at none
    return _read_joined_scores(asking.scored)


def _read_answer(asking: Asking) -> _Answer:
    if asking.answered:
        codec.decode("example_answered", asking.answered)
        return _read_joined_answer(asking.answered)
    try:
        return _read_joined_answer(asking.scored)
    except msgspec.ValidationError as error:
        raise LogUnreadable(f"the log holds a 'example_scored' event without its answer: {error}") from error
