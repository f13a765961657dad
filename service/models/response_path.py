"""`response_path`: where in a JSON reply the output stands, as a JMESPath expression."""

from collections.abc import Callable
from functools import partial

import jmespath
import msgspec

from domain.errors import ModelError
from service.models.ask import Reply
from service.models.message import REFUSAL_BYTES, Answer
from service.models.reply import on_one_line, storable
from service.models.usage import usage_in

MAX_KEYS_SHOWN = 10
MAX_KEY_SHOWN = 100
_decode = msgspec.json.Decoder().decode


def compile_path(path: str) -> Callable[[bytes, Answer], Reply]:
    """Prepare a path; what it gives takes a body and returns the string there, and the tokens the body tells.

    Raises ModelError, not to be retried.
    """
    steps = _plain_steps(path)
    search = partial(_follow, steps) if steps else jmespath.compile(path).search  # a third of a call's CPU

    def pick(body: bytes, _answer: Answer) -> Reply:
        tree = _parsed(body)
        try:
            found = search(tree)
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            message = f"response_path {path} failed on the reply"
            raise ModelError(message, said=str(error), shorten=on_one_line) from None
        if isinstance(found, str):
            return Reply(storable(found), usage_in(tree))
        raise ModelError(f"response_path {path}: {_missing(tree, steps) if found is None else _kind(found)}")

    return pick


def _parsed(body: bytes) -> object:
    try:
        return _decode(body.removeprefix(b"\xef\xbb\xbf"))
    except RecursionError:
        raise ModelError("the reply is JSON nested too deep") from None
    except ValueError as error:
        start = body[:REFUSAL_BYTES].decode(errors="replace")
        raise ModelError(f"the reply is not valid JSON ({error})", said=start, shorten=on_one_line) from None


def _plain_steps(path: str) -> list[str | int]:
    """Take a path apart that is made of names and places only; another gives no steps."""
    steps: list[str | int] = []
    nodes = [jmespath.compile(path).parsed]
    while nodes:
        node = nodes.pop()
        match node["type"]:
            case "field" | "index":
                steps.append(node["value"])
            case "subexpression" | "index_expression":
                nodes.extend(reversed(node["children"]))
            case "identity":
                pass
            case _:
                return []
    return steps


def _follow(steps: list[str | int], tree: object) -> object:
    """Go along names and places as JMESPath does; None where there is nothing."""
    for step in steps:
        match tree, step:
            case dict(), str():
                tree = tree.get(step)
            case list(), int() if -len(tree) <= step < len(tree):
                tree = tree[step]
            case _:
                return None
    return tree


def _missing(tree: object, steps: list[str | int]) -> str:
    """Say where a path that led to nothing left the reply."""
    for step in steps:
        match tree, step:
            case dict(), str() if step in tree:
                tree = tree[step]
            case list(), int() if -len(tree) <= step < len(tree):
                tree = tree[step]
            case _:
                place = f"[{step}]" if isinstance(step, int) else repr(step)
                return f"there is no {place} in the reply; {_kind(tree)}"
    return _kind(tree) if steps else "nothing was found in the reply"


def _shown_key(key: str) -> str:
    """Show a key whole, or not at all: half of a secret would not be known as one."""
    return on_one_line(key) if len(key) <= MAX_KEY_SHOWN else f"(one of {len(key):,} characters)"


def _kind(value: object) -> str:
    match value:
        case dict():
            keys = [_shown_key(key) for key in list(value)[:MAX_KEYS_SHOWN]]
            more = ", ..." if len(value) > MAX_KEYS_SHOWN else ""
            return f"an object is there, with the keys {', '.join(keys)}{more}" if keys else "an empty object is there"
        case list():
            return f"a list of {len(value)} is there"
        case bool():
            return "a boolean is there, not a string"
        case int() | float():
            return "a number is there, not a string"
        case None:
            return "null is there, not a string"
        case _:
            return "a string is there"
