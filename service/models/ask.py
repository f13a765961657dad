"""A model is a function that asks once."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from domain.events import Usage


class Reply(NamedTuple):
    """What a model answered: text that can be stored as UTF-8, and the tokens it says it used."""

    output: str
    usage: Usage | None = None


# Takes an input, returns the reply. One attempt, without a deadline of its own: the caller cancels it, and then
# nothing of it is left (no connection, no process). Raises ModelError.
Ask = Callable[[str], Awaitable[Reply]]
