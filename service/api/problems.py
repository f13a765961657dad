"""Errors as problem documents (RFC 9457), and the one table from our errors to status codes."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from domain.errors import (
    ConfigNotAllowed,
    EventNotFound,
    IdempotencyKeyReused,
    InvalidFiles,
    InvalidRequest,
    LogUnavailable,
    MatchspecError,
    NoExamples,
    NotFound,
    Refused,
    RunNotFound,
    RunNotOver,
    SuiteNotFound,
    TooManyRuns,
    UnsupportedMedia,
)
from domain.mistakes import Mistake

logger = logging.getLogger("matchspec.api")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document. `type` is stable; `errors` lists every mistake where there may be several."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Mistake] = []


KINDS: dict[type[MatchspecError], tuple[HTTPStatus, str, str]] = {
    InvalidFiles: (HTTPStatus.BAD_REQUEST, "invalid-config", "The configuration has mistakes"),
    InvalidRequest: (HTTPStatus.BAD_REQUEST, "invalid-request", "The request has mistakes"),
    ConfigNotAllowed: (HTTPStatus.BAD_REQUEST, "config-not-allowed", "This config can't be used"),
    NoExamples: (HTTPStatus.BAD_REQUEST, "no-examples", "There is nothing to run"),
    UnsupportedMedia: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body is not JSON"),
    RunNotOver: (HTTPStatus.CONFLICT, "run-not-over", "The run is not over"),
    IdempotencyKeyReused: (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "The Idempotency-Key belongs to another request",
    ),
    TooManyRuns: (HTTPStatus.TOO_MANY_REQUESTS, "too-many-runs", "The queue is full"),
    Refused: (HTTPStatus.BAD_REQUEST, "refused", "The request can't be accepted"),
    SuiteNotFound: (HTTPStatus.NOT_FOUND, "suite-not-found", "No such suite"),
    RunNotFound: (HTTPStatus.NOT_FOUND, "run-not-found", "No such run"),
    EventNotFound: (HTTPStatus.NOT_FOUND, "event-not-found", "The run has no such event"),
    NotFound: (HTTPStatus.NOT_FOUND, "not-found", "Not Found"),
    LogUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "log-unavailable", "The event log can't be written or read"),
    MatchspecError: (HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Something went wrong here"),
}
"""The most special first."""


def problem_type(name: str) -> str:
    """Give a problem's stable URI."""
    return f"urn:matchspec:problem:{name}"


def to_problem(error: MatchspecError) -> Problem:
    """Turn one of our errors into the document that tells it."""
    status, name, title = next(kind for error_type, kind in KINDS.items() if isinstance(error, error_type))
    mistakes = error.mistakes if isinstance(error, InvalidFiles | InvalidRequest) else []
    return Problem(problem_type(name), title, status, str(error), mistakes)


def http_problem(status: int, detail: str) -> Problem:
    """Tell a plain HTTP error."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    return Problem(problem_type(title.lower().replace(" ", "-")), title, status, detail)


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Make the response of a problem."""
    content = msgspec.json.encode(problem)
    return Response(content, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def handle_matchspec_error(_request: Request[Any, Any, Any], error: MatchspecError) -> Response[bytes]:
    """Answer one of our own errors."""
    problem = to_problem(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s", error)
    waits = problem.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    return respond(problem, {"Retry-After": str(RETRY_AFTER_SECONDS)} if waits else None)


def handle_http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what Litestar refuses: unknown paths and methods."""
    return respond(
        http_problem(error.status_code, _DETAILS.get(HTTPStatus(error.status_code), error.detail)), error.headers
    )


def handle_any_error(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a fault of ours: the log of the server has it, the client is not told more."""
    logger.error("unexpected error", exc_info=error)
    return respond(to_problem(MatchspecError("an unexpected error; the server's log says more")))


_TITLES = {413: "Content Too Large"}
"""Where versions of Python differ in the phrase: a problem's type is stable."""

_DETAILS = {
    HTTPStatus.NOT_FOUND: "there is nothing at this path (/openapi.json tells which there are)",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take this method",
}
