"""One asking of an example: attempts with a deadline each, and the wait between them."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import NamedTuple

from domain.errors import ModelError
from service.models.ask import Ask, Reply

Slot = Callable[[], AbstractAsyncContextManager[None]]
"""Holds what an attempt needs of the server's limits."""


class Answer(NamedTuple):
    """What an asking gave: a reply, or the error of the last attempt. `latency_ms` is that attempt's."""

    reply: Reply | None
    error: ModelError | None
    latency_ms: float
    attempts: int


class Patience(NamedTuple):
    """How long to wait for an attempt, how many more to make, and the wait before the first of those."""

    timeout_seconds: float
    retries: int
    retry_delay_ms: int


async def ask_patiently(ask: Ask, text: str, patience: Patience, slot: Slot) -> Answer:
    """Ask until there is an answer, an error that no retry helps, or no attempt left.

    Before retry N it waits `retry_delay_ms * 2^(N-1)`, or as long as the server asked for where that is longer,
    without a slot.
    """
    attempts = 0
    began = monotonic()
    while True:
        attempts += 1
        try:
            async with slot():
                began = monotonic()
                reply = await _within(patience.timeout_seconds, ask, text)
            return Answer(reply, None, _milliseconds_since(began), attempts)
        except ModelError as error:
            if not error.retry or attempts > patience.retries:
                return Answer(None, error, _milliseconds_since(began), attempts)
            delay = max(patience.retry_delay_ms / 1000 * 2 ** (attempts - 1), error.retry_after)
        await asyncio.sleep(delay)


def _milliseconds_since(began: float) -> float:
    return round((monotonic() - began) * 1000, 3)


async def _within(seconds: float, ask: Ask, text: str) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            return await ask(text)
    except TimeoutError:
        raise ModelError(f"no answer within {seconds:g} s", retry=True) from None
