"""The routes of the application as its framework has them, so that a test of all of them misses no new one."""

from typing import NamedTuple, cast

from litestar import Litestar
from litestar.routes import HTTPRoute

from service.api.app import create_app
from service.api.backend import Api
from service.api.guard import Guard
from service.api.polls import Polls


class Route(NamedTuple):
    """A method of a path; parameters of the path stand in braces."""

    method: str
    path: str


def routes() -> list[Route]:
    """All of them. OPTIONS, which the framework answers everywhere, is left out."""
    guard = create_app(cast(Api, None), key=None, local_names=None)
    assert isinstance(guard, Guard)
    polls = guard._app
    assert isinstance(polls, Polls)
    app = polls._app
    assert isinstance(app, Litestar)
    assert all(isinstance(route, HTTPRoute) for route in app.routes), "a kind of route that no test looks at"
    found = [route for route in app.routes if isinstance(route, HTTPRoute)]
    pairs = [Route(method, route.path_format) for route in found for method in route.methods]
    return sorted(pair for pair in pairs if pair.method != "OPTIONS")
