"""The HTTP API: `docs/api.md`. The routes, the errors, and what stands before both."""

from collections.abc import Sequence
from typing import cast

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from domain.errors import MatchspecError
from service.api.about import description, health, list_suites, ready
from service.api.asgi import App
from service.api.backend import Api
from service.api.comparisons import compare_runs
from service.api.docs_page import get_docs, write_docs
from service.api.event_stream import get_events
from service.api.example_pages import get_examples
from service.api.guard import OPEN_PATHS, Guard
from service.api.metrics import get_metrics
from service.api.openapi import describe
from service.api.page import get_page, get_page_file, read_page
from service.api.polls import Polls
from service.api.problems import handle_any_error, handle_http_error, handle_matchspec_error
from service.api.reports import get_report
from service.api.run_log import get_log
from service.api.runs import cancel, get_result, list_results, regrade, run

ROUTES = [
    run,
    get_result,
    get_examples,
    get_events,
    get_log,
    list_results,
    get_report,
    regrade,
    compare_runs,
    cancel,
    list_suites,
    health,
    ready,
    get_metrics,
    description,
    get_docs,
    get_page,
    get_page_file,
]


def create_app(api: Api, *, key: str | None, local_names: Sequence[str] | None) -> App:
    """Build the application; `local_names` are the hosts a keyless server answers to, None for any."""
    described = describe(keyed=bool(key), guarded=not key and local_names is not None)
    page = read_page()
    app = Litestar(
        route_handlers=[*ROUTES],
        state=State({"api": api, "description": described, "docs": write_docs(described), "page": page}),
        openapi_config=None,
        logging_config=None,
        exception_handlers={
            MatchspecError: handle_matchspec_error,
            HTTPException: handle_http_error,
            Exception: handle_any_error,
        },
    )
    return Guard(Polls(cast(App, app), api), key, local_names, OPEN_PATHS | page.keys())
