"""A model is a function that asks once; `open_model` gives the one that a harness names."""

from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from domain.model_spec import CommandModel, EchoModel, HttpModel, Model, NoopModel, OpenAIModel
from service.models.ask import Ask, Reply
from service.models.command import open_command
from service.models.http import open_http
from service.models.message import Send
from service.models.openai import as_http


def open_model(spec: Model, *, folder: Path, environment: Mapping[str, str], send: Send) -> Ask:
    """Prepare a model for many calls.

    `folder` is the harness file's, where commands run. `${NAME}` is expanded from `environment` here, once.
    Raises ModelError when a variable is not set or makes an address or a header that can't be sent.
    """
    match spec:
        case HttpModel():
            return open_http(spec, environment=environment, send=send)
        case OpenAIModel():
            return open_http(as_http(spec), environment=environment, send=send)
        case CommandModel():
            return open_command(spec, folder=folder, environment=environment)
        case EchoModel():
            return _echo
        case NoopModel():
            return _noop
        case _:
            assert_never(spec)


async def _echo(text: str) -> Reply:
    return Reply(text)


async def _noop(_text: str) -> Reply:
    return Reply("")
