"""The query of a request: each parameter at most once, and what it may be."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.errors import InvalidRequest
from domain.mistakes import Mistake

T = TypeVar("T", bound=msgspec.Struct)


_Status = Literal["passed", "failed", "running", "error", "cancelled"]
_Truth = Literal["true", "false"]
_Error = Literal["true", "false", "model", "grader"]
Format = Literal["text", "markdown", "html", "junit"]
Examples = Literal["all", "failed", "none"]

_CURSOR = "^[0-9]{1,6}-[0-9]{1,12}$"
_INTEGER = re.compile(r"-?[0-9]+")
_TEXT = "Only those with this text in id, input, expected text or output, whatever the case."
_AT = "Those that there were after this event of the run."
_WAIT = "Answer when the run is over, at the latest after so many seconds."


class ListQuery(msgspec.Struct, frozen=True):
    """The query of `GET /results`."""

    suite: Annotated[str, Meta(description="Only runs that include this suite.")] | UnsetType = UNSET
    status: Annotated[_Status, Meta(description="Only runs with this status.")] | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many to list at most.")] = 20
    offset: Annotated[int, Meta(ge=0, description="How many of the newest to leave out.")] = 0


class ExamplesQuery(msgspec.Struct, frozen=True):
    """The query of `GET /results/{run_id}/examples`."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="How many to give at most.")] = 100
    cursor: Annotated[str, Meta(pattern=_CURSOR, description="The `next` of the page before.")] | UnsetType = UNSET
    at: Annotated[int, Meta(description=_AT)] | UnsetType = UNSET
    passed: Annotated[_Truth, Meta(description="Only those that passed, or only the others.")] | UnsetType = UNSET
    error: (
        Annotated[_Error, Meta(description="Only those with an error, of some kind, or without any.")] | UnsetType
    ) = UNSET
    suite: Annotated[str, Meta(description="Only those of this suite.")] | UnsetType = UNSET
    harness: Annotated[str, Meta(description="Only those of this harness.")] | UnsetType = UNSET
    tag: Annotated[str, Meta(description="Only those that carry this tag.")] | UnsetType = UNSET
    grader: Annotated[str, Meta(description="Only those that this grader failed or could not score.")] | UnsetType = (
        UNSET
    )
    text: Annotated[str, Meta(description=_TEXT)] | UnsetType = UNSET


class EventsQuery(msgspec.Struct, frozen=True):
    """The query of `GET /results/{run_id}/events`."""

    after: Annotated[int, Meta(ge=0, le=(1 << 63) - 1, description="Begin behind this event.")] | UnsetType = UNSET


class ResultQuery(msgspec.Struct, frozen=True):
    """The query of `GET /results/{run_id}`."""

    at: Annotated[int, Meta(description="The document as it stood after this event of the run.")] | UnsetType = UNSET
    examples: Annotated[Examples, Meta(description="Which examples come with the result.")] = "all"
    wait: Annotated[int, Meta(ge=1, le=60, description=_WAIT)] | UnsetType = UNSET


class ReportQuery(msgspec.Struct, frozen=True):
    """The query of `GET /results/{run_id}/report`."""

    format: Annotated[Format, Meta(description="What to write.")] = "text"


class CompareQuery(msgspec.Struct, frozen=True):
    """The query of `GET /compare`."""

    base: Annotated[str, Meta(description="The run to compare with.")]
    head: Annotated[str, Meta(description="The run to judge.")]
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many flips of each row to tell at most.")] = 100


ALLOWED = {
    "format": "must be text, markdown, html or junit",
    "cursor": "must be the `next` of another page",
    "passed": "must be true or false",
    "error": "must be true, false, model or grader",
    "examples": "must be all, failed or none",
    "after": "must be the number of one of the run's events, or 0",
    "wait": "must be a whole number of seconds from 1 to 60",
    "at": "must be a whole number, from 1 to the number of the run's events",
    "limit": "must be a whole number from 1 to 1000",
    "offset": "must be a whole number from 0 on",
    "status": "must be passed, failed, running, error or cancelled",
}


def read_query(sent: Iterable[tuple[str, str]], wanted: type[T]) -> T:
    """Read the parameters that a route knows; others are ignored. InvalidRequest with every mistake."""
    values: dict[str, list[str]] = {}
    for name, value in sent:
        values.setdefault(name, []).append(value)
    given, mistakes = {}, []
    for field in msgspec.structs.fields(wanted):
        match values.get(field.name, []):
            case []:
                if field.required:
                    mistakes.append(Mistake("must be there", field=field.name))
            case [value]:
                try:
                    given[field.name] = _convert(value, field.type)
                except msgspec.ValidationError as error:
                    mistakes.append(Mistake(ALLOWED.get(field.name, str(error)), field=field.name))
            case _:
                mistakes.append(Mistake("may be there once only", field=field.name))
    if mistakes:
        raise InvalidRequest(mistakes)
    return wanted(**given)


def _convert(value: str, kind: Any) -> object:
    """Read one value; an integer is written in digits: msgspec takes `1e2` and `1.0` for one too."""
    read: object = msgspec.convert(value, kind, strict=False)
    if isinstance(read, int) and not _INTEGER.fullmatch(value):
        raise msgspec.ValidationError("must be a whole number, in digits")
    return read
