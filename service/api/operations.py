"""Every operation of the API, as `/openapi.json` tells it. A new route is described by one entry of `OPERATIONS`."""

from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

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
from domain.idempotency import HEADER
from service.api.body import NoFields
from service.api.documents import HealthDocument, ListDocument, ReadyDocument, RunDocument, SuitesDocument
from service.api.examples import ExamplesDocument, ResultDocument
from service.api.media import ANY, EVENT_STREAM, HTML, JSON, JSON_LINES, METRICS
from service.api.query import CompareQuery, EventsQuery, ExamplesQuery, ListQuery, ReportQuery, ResultQuery
from service.api.reports import MEDIA_TYPES
from service.comparison_document import ComparisonDocument
from service.execution.starting import RunRequest

Problems = tuple[type[MatchspecError], ...]


class Field(NamedTuple):
    """A part of a path or a header; `kind` is its type, with limits in `Annotated`."""

    name: str
    kind: Any
    text: str


class Link(NamedTuple):
    """Where an answer leads: a field of it is a parameter there."""

    operation: str
    parameter: str
    field: str


class Operation(NamedTuple):
    """One method of one path: what it takes, what it answers when all is well, and which of our errors it may give.

    `answer` is the document, or media types for anything else; `also` are further statuses with the same document,
    `bare` those without any. The fields of `query` have their texts in `Meta`. What stands before every route (401,
    403, 413, 431) is added by itself, and so is HEAD to a GET.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    text: str
    answer: type[msgspec.Struct] | tuple[str, ...]
    status: int = 200
    also: tuple[int, ...] = ()
    bare: tuple[int, ...] = ()
    body: type[msgspec.Struct] | None = None
    path_fields: tuple[Field, ...] = ()
    query: type[msgspec.Struct] | None = None
    headers: tuple[Field, ...] = ()
    answer_headers: tuple[Field, ...] = ()
    links: tuple[Link, ...] = ()
    problems: Problems = ()
    open: bool = False


RUN_ID = Field(
    "run_id", Annotated[str, Meta(pattern="^run-[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$")], "As `POST /run` answered it."
)
IDEMPOTENCY_KEY = Field(
    "Idempotency-Key",
    Annotated[str, Meta(pattern=HEADER)],
    "A key of the client's choice. The same key and the same body give the same run, for ever. Quotes around it are "
    "not part of it.",
)
LAST_EVENT_ID = Field(
    "Last-Event-ID", Annotated[int, Meta(ge=0, lt=10**18)], "Begin behind this event; counts before `after`."
)
IF_NONE_MATCH = Field("If-None-Match", str, "Tags of what the client has: 304 where one of them is that of the answer.")
ETAG = Field("ETag", str, "Says which state this is.")
LOCATION = Field("Location", str, "Where the results are.")
RETRY_AFTER = Field("Retry-After", int, "After how many seconds to try again.")
READING = (RunNotFound, LogUnavailable)
STARTING = (
    InvalidRequest,
    InvalidFiles,
    ConfigNotAllowed,
    NoExamples,
    Refused,
    SuiteNotFound,
    RunNotFound,
    RunNotOver,
    UnsupportedMedia,
    TooManyRuns,
    LogUnavailable,
)
"""What keeps a run from being started."""

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/run",
        "startRun",
        "Start a run. It goes on by itself; poll its results.",
        RunDocument,
        status=202,
        body=RunRequest,
        headers=(IDEMPOTENCY_KEY,),
        answer_headers=(LOCATION,),
        links=(Link("getResult", "run_id", "run_id"),),
        problems=(*STARTING, IdempotencyKeyReused),
    ),
    Operation(
        "GET",
        "/results/{run_id}",
        "getResult",
        "Give a run's status and, once it is over, its results.",
        ResultDocument,
        bare=(304,),
        path_fields=(RUN_ID,),
        headers=(IF_NONE_MATCH,),
        answer_headers=(ETAG,),
        query=ResultQuery,
        problems=(*READING, EventNotFound, InvalidRequest),
    ),
    Operation(
        "GET",
        "/results/{run_id}/examples",
        "getExamples",
        "Give a page of the run's examples: of those that there are by now, or were after its event `at`.",
        ExamplesDocument,
        bare=(304,),
        path_fields=(RUN_ID,),
        query=ExamplesQuery,
        headers=(IF_NONE_MATCH,),
        answer_headers=(ETAG,),
        problems=(*READING, EventNotFound, InvalidRequest),
    ),
    Operation(
        "GET",
        "/results/{run_id}/events",
        "getEvents",
        "Give the run's events while they happen, as server-sent events. 204 to a reader that has them all.",
        (EVENT_STREAM,),
        bare=(204,),
        path_fields=(RUN_ID,),
        query=EventsQuery,
        headers=(LAST_EVENT_ID,),
        problems=(*READING, EventNotFound, InvalidRequest),
    ),
    Operation(
        "GET",
        "/results/{run_id}/log",
        "getLog",
        "Give the run's events as they are stored, as JSON Lines.",
        (JSON_LINES,),
        path_fields=(RUN_ID,),
        problems=READING,
    ),
    Operation(
        "GET",
        "/results/{run_id}/report",
        "getReport",
        "Write a report of a run that is over.",
        tuple(MEDIA_TYPES.values()),
        bare=(304,),
        path_fields=(RUN_ID,),
        query=ReportQuery,
        headers=(IF_NONE_MATCH,),
        answer_headers=(ETAG,),
        problems=(*READING, InvalidRequest, Refused, RunNotOver),
    ),
    Operation(
        "POST",
        "/results/{run_id}/regrade",
        "regrade",
        "Start a run that grades the recorded outputs of another one anew.",
        RunDocument,
        status=202,
        body=NoFields,
        path_fields=(RUN_ID,),
        answer_headers=(LOCATION,),
        links=(Link("getResult", "run_id", "run_id"),),
        problems=STARTING,
    ),
    Operation(
        "POST",
        "/results/{run_id}/cancel",
        "cancel",
        "End a run: 202. Its calls in flight are aborted. 200 where it was over before.",
        RunDocument,
        status=202,
        also=(200,),
        body=NoFields,
        path_fields=(RUN_ID,),
        answer_headers=(LOCATION,),
        links=(Link("getResult", "run_id", "run_id"),),
        problems=(InvalidRequest, RunNotFound, UnsupportedMedia, LogUnavailable),
    ),
    Operation(
        "GET",
        "/results",
        "listResults",
        "List the runs, newest first.",
        ListDocument,
        bare=(304,),
        headers=(IF_NONE_MATCH,),
        answer_headers=(ETAG,),
        query=ListQuery,
        problems=(InvalidRequest,),
    ),
    Operation(
        "GET",
        "/compare",
        "compareRuns",
        "Compare two runs that are over, example by example.",
        ComparisonDocument,
        query=CompareQuery,
        problems=(InvalidRequest, RunNotFound, RunNotOver, LogUnavailable),
    ),
    Operation(
        "GET",
        "/suites",
        "listSuites",
        "List the suites of the server's configuration.",
        SuitesDocument,
        bare=(304,),
        headers=(IF_NONE_MATCH,),
        answer_headers=(ETAG,),
    ),
    Operation("GET", "/health", "getHealth", "Tell that the server lives.", HealthDocument, open=True),
    Operation(
        "GET",
        "/ready",
        "getReady",
        "Tell whether runs can be recorded now.",
        ReadyDocument,
        problems=(LogUnavailable,),
        open=True,
    ),
    Operation("GET", "/metrics", "getMetrics", "Tell what the server does and has done, for Prometheus.", (METRICS,)),
    Operation("GET", "/openapi.json", "describe", "Give this description.", (JSON,)),
    Operation("GET", "/docs", "getDocs", "Show this description to people.", (HTML,)),
    Operation(
        "GET",
        "/",
        "getPage",
        "Give the web page.",
        (HTML,),
        bare=(304,),
        headers=(IF_NONE_MATCH,),
        answer_headers=(ETAG,),
        open=True,
    ),
    Operation(
        "GET",
        "/assets/{file}",
        "getPageFile",
        "Give a file that the web page loads.",
        (ANY,),
        bare=(304,),
        path_fields=(Field("file", str, "As the page names it."),),
        headers=(IF_NONE_MATCH,),
        answer_headers=(ETAG,),
        problems=(NotFound,),
        open=True,
    ),
)
