"""The routes of the application, read off the application: a new one is in every test that walks them."""

from typing import Any, cast

from litestar import Litestar

from service.api.app import create_app
from service.api.backend import Api
from service.api.guard import Guard

RUN_ID = "run-20260315-143022-a3f7"


def application() -> Litestar:
    """The application behind the guard and the polls, with nothing behind it."""
    guard = create_app(cast(Api, None), key=None, local_names=None)
    assert isinstance(guard, Guard)
    return cast(Any, guard)._app._app  # type: ignore[no-any-return]


def paths() -> list[str]:
    """The path of every route, with a run's id where one is wanted."""
    return sorted({route.path.replace("{run_id:str}", RUN_ID) for route in application().routes})
