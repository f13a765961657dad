"""A harness's `model`, as written: what turns an input into an output."""

from typing import Annotated, Literal

from msgspec import Meta

from domain.written import Price, Rate, Seconds, Text, Written

Input = Literal["stdin", "arg", "env"]


class Prices(Written, frozen=True, kw_only=True):
    """What a million tokens cost, in the currency the user thinks in."""

    input: Price
    output: Price


class RemoteModel(Written, frozen=True, kw_only=True):
    """What models behind HTTP have in common. `adaptive` lets the calls in flight fall on 429 and 503, and recover."""

    headers: dict[Text, str] = {}
    api_key_env: Text | None = None
    proxy: Text | None = None
    requests_per_minute: Rate | None = None
    adaptive: bool = True
    prices: Prices | None = None


class HttpModel(RemoteModel, frozen=True, kw_only=True, tag_field="type", tag="http"):
    """One HTTP request per example."""

    endpoint: Text
    method: Literal["POST", "PUT", "PATCH", "GET"] = "POST"
    request_template: Text | None = None
    response_path: Text | None = None


class OpenAIModel(RemoteModel, frozen=True, kw_only=True, tag_field="type", tag="openai"):
    """A chat completion: `POST {base_url}/chat/completions`. `params` go into the request as they are."""

    model: Text
    base_url: Text = "https://api.openai.com/v1"
    system: str | None = None
    params: dict[Text, object] = {}


class CommandModel(Written, frozen=True, kw_only=True, tag_field="type", tag="command"):
    """One subprocess per example, without a shell, in the harness file's folder."""

    command: Annotated[list[str], Meta(min_length=1)]
    input_via: Input = "stdin"
    timeout_seconds: Seconds | None = None


class EchoModel(Written, frozen=True, kw_only=True, tag_field="type", tag="echo"):
    """Returns its input."""


class NoopModel(Written, frozen=True, kw_only=True, tag_field="type", tag="noop"):
    """Returns an empty string."""


Model = HttpModel | OpenAIModel | CommandModel | EchoModel | NoopModel
