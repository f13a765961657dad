"""What must hold within a `model`, beyond the types of its fields."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from domain import variables
from domain.model_spec import CommandModel, HttpModel, Model, OpenAIModel
from domain.not_json import why_not_json

Place = tuple[str | int, ...]
"""A field of a file: `("model", "headers", "Authorization")`."""

INPUT = "{{input}}"
SECRET_HEADERS = frozenset({"authorization", "cookie", "x-api-key", "api-key"})
_FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f]")
_NOT_IN_HEADER = re.compile(r"[^\t\x20-\x7e]")
# What may stand beside `${NAME}`, here a blank line: a scheme (`Bearer `), a cookie's or parameter's name (`session=`).
_LEAVES_SECRETS_OUT = re.compile(r"(?:(?:[A-Za-z]{1,20} )?(?:[A-Za-z_.-]{1,40}=)?\n[;,]? ?)+")
_USER_IN_URL = re.compile(r"//[^/?#]*@")


class Fault(NamedTuple):
    """One mistake: where, what, and where the same thing is written first, for what must be unique."""

    place: Place
    message: str
    first: Place | None = None


def find_model_faults(model: Model) -> Iterator[Fault]:
    """Tell what is wrong with a model; places begin with `model`."""
    match model:
        case HttpModel():
            yield from endpoint_faults(model.endpoint, ("model", "endpoint"))
            yield from _remote_faults(model)
            yield from _template_faults(model.request_template)
            yield from _path_faults(model.response_path)
        case OpenAIModel():
            yield from endpoint_faults(model.base_url, ("model", "base_url"))
            yield from _remote_faults(model)
            yield from _params_faults(model)
        case CommandModel():
            yield from _command_faults(model.command)
        case _:
            pass


def find_variables(model: Model) -> list[tuple[Place, str]]:
    """List the environment variables a model needs, each with the field that names it."""
    if not isinstance(model, HttpModel | OpenAIModel):
        return []
    url = ("endpoint", model.endpoint) if isinstance(model, HttpModel) else ("base_url", model.base_url)
    texts: list[tuple[Place, str]] = [(("model", url[0]), url[1]), (("model", "proxy"), model.proxy or "")]
    texts += [(("model", "headers", header), value) for header, value in model.headers.items()]
    needed = [(place, name) for place, text in texts for name in variables.names(text)]
    if model.api_key_env is not None:
        needed.append((("model", "api_key_env"), model.api_key_env))
    return needed


def _remote_faults(model: HttpModel | OpenAIModel) -> Iterator[Fault]:
    for name, value in model.headers.items():
        yield from _header_faults(name, value)
    yield from _key_faults(model)
    if model.proxy is not None:
        yield from _proxy_faults(model.proxy, ("model", "proxy"))


def _proxy_faults(proxy: str, place: Place) -> Iterator[Fault]:
    if _USER_IN_URL.search(proxy):
        yield Fault(place, "must not hold a user name or password; put the whole address into a variable, as ${NAME}")
    else:
        yield from endpoint_faults(proxy, place)


def _params_faults(model: OpenAIModel) -> Iterator[Fault]:
    for name in sorted(model.params.keys() & {"model", "messages", "stream"}):
        yield Fault(("model", "params", name), "is set by matchspec itself; leave it out")
    if any(INPUT in text for text in _strings(model.params)):
        yield Fault(("model", "params"), f"must not hold {INPUT}: the input is the user's message")
    if model.system is not None and INPUT in model.system:
        yield Fault(("model", "system"), f"must not hold {INPUT}: the input is the user's message")


def endpoint_faults(endpoint: str, place: Place) -> Iterator[Fault]:
    """Tell what is wrong with an address, which may hold `${NAME}`."""
    if variables.has_broken_reference(endpoint):
        yield Fault(place, "holds a `${` that begins no ${NAME}")
    elif _NOT_IN_URL.search(endpoint):
        yield Fault(place, "must not hold spaces or control characters")
    elif not endpoint.startswith("${") and not _is_url(_fill(endpoint)):
        yield Fault(place, f"must be an http:// or https:// URL, found '{endpoint}'")
    elif _USER_IN_URL.search(endpoint):
        yield Fault(place, "must not hold a user name or password; use api_key_env, or a header with ${NAME}")


def _fill(text: str) -> str:
    """Put a 1, right in a host and in a port, for every variable."""
    return variables.expand(text, dict.fromkeys(variables.names(text), "1"))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _header_faults(name: str, value: str) -> Iterator[Fault]:
    place = ("model", "headers", name)
    if not _TOKEN.fullmatch(name):
        yield Fault(place, "is not a possible header name: letters, digits and - are allowed")
    if name.lower() in _FRAMING_HEADERS:
        yield Fault(place, "is set by matchspec itself; leave it out")
    if variables.has_broken_reference(value):
        yield Fault(place, "holds a `${` that begins no ${NAME}")
    if _NOT_IN_HEADER.search(value):
        yield Fault(place, "must be ASCII text on one line")
    if name.lower() in SECRET_HEADERS and not _LEAVES_SECRETS_OUT.fullmatch(variables.blank(value)):
        yield Fault(place, "must not hold the secret itself; use api_key_env, or ${NAME} with a variable that holds it")


def _key_faults(model: HttpModel | OpenAIModel) -> Iterator[Fault]:
    place = ("model", "api_key_env")
    if model.api_key_env is None:
        return
    if not variables.is_name(model.api_key_env):
        yield Fault(place, "must be the name of an environment variable, such as OPENAI_API_KEY")
    if any(name.lower() == "authorization" for name in model.headers):
        yield Fault(place, "sets the Authorization header, which `headers` sets too; keep one of them")


def _template_faults(template: str | None) -> Iterator[Fault]:
    place = ("model", "request_template")
    if template is None:
        return
    try:
        tree = msgspec.json.decode(template)
    except (msgspec.DecodeError, RecursionError) as error:
        hint = f'; {INPUT} stands in a string: "{INPUT}"' if re.search(r'[^"]{{input}}', template) else ""
        yield Fault(place, f"must be JSON: {why_not_json(template, error)}{hint}")
        return
    if not any(INPUT in text for text in _strings(tree)):
        yield Fault(place, f"must hold {INPUT} in a string value, or every request would be the same")


def _strings(tree: object) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case list(items):
                waiting += items
            case dict(entries):
                waiting += entries.values()
            case _:
                pass


def _path_faults(path: str | None) -> Iterator[Fault]:
    if path is None:
        return
    try:
        jmespath.compile(path)
    except (JMESPathError, RecursionError):
        message = f"must be a path such as choices[0].message.content, found '{path[:100]}'"
        yield Fault(("model", "response_path"), message)


def _command_faults(command: list[str]) -> Iterator[Fault]:
    for index, argument in enumerate(command):
        if "\0" in argument:
            yield Fault(("model", "command", index), "must not hold a NUL character")
    if not command[0].strip():
        yield Fault(("model", "command", 0), "must name a program")
