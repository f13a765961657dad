"""A model is a function that asks once; `open_model` gives the one that a harness names."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import assert_never

import httpx

from domain.spec import CommandModel, EchoModel, HttpModel, Model, NoopModel
from service.models.command import open_command
from service.models.http import open_http

# Takes an input, returns the output as text that can be stored as UTF-8. One attempt, without a deadline of its own:
# the caller cancels it, and then nothing of it is left (no connection, no process). Raises ModelError.
Ask = Callable[[str], Awaitable[str]]


def open_model(
    spec: Model, *, folder: Path, environment: Mapping[str, str], transport: httpx.AsyncBaseTransport
) -> Ask:
    """Prepare a model for many calls.

    `folder` is the harness file's, where commands run. `${NAME}` is expanded from `environment` here, once.
    Raises ModelError when a variable is not set or makes an address or a header that can't be sent.
    """
    match spec:
        case HttpModel():
            return open_http(spec, environment=environment, transport=transport)
        case CommandModel():
            return open_command(spec, folder=folder, environment=environment)
        case EchoModel():
            return _echo
        case NoopModel():
            return _noop
        case _:
            assert_never(spec)


async def _echo(text: str) -> str:
    return text


async def _noop(_text: str) -> str:
    return ""
