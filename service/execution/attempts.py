"""One asking of an example: attempts with a deadline each, and the wait between them."""

import asyncio
from time import monotonic
from typing import NamedTuple

from domain.errors import ModelError
from service.execution.deadline import Deadline
from service.execution.permits import Permits
from service.models.ask import Ask, Reply


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


class Service:
    """Whom to ask, how patiently, and within which limits."""

    def __init__(self, ask: Ask, patience: Patience, permits: Permits) -> None:
        self._ask = ask
        self._patience = patience
        self._permits = permits
        self._deadline = Deadline(patience.timeout_seconds)

    async def answer(self, text: str, run_id: str) -> Answer:
        """Ask until there is an answer, an error that no retry helps, or no attempt left.

        Before retry N it waits `retry_delay_ms * 2^(N-1)`, or as long as the server asked for where that is longer,
        without a permit.
        """
        attempts = 1
        while True:
            answer = await self._attempt(text, run_id, attempts)
            error = answer.error
            if error is None or not error.retry or attempts > self._patience.retries:
                return answer
            delay = self._patience.retry_delay_ms / 1000 * 2 ** (attempts - 1)
            await asyncio.sleep(max(delay, error.retry_after))
            attempts += 1

    async def _attempt(self, text: str, run_id: str, number: int) -> Answer:
        falls = await self._permits.acquire(run_id)
        began = monotonic()
        reply: Reply | None = None
        failure: ModelError | None = None
        try:
            with self._deadline:
                reply = await self._ask(text)
        except ModelError as error:
            failure = error
        except TimeoutError:
            failure = ModelError(f"no answer within {self._patience.timeout_seconds:g} s", retry=True)
        except BaseException as error:
            self._permits.give_back(run_id, falls, error)
            raise
        seconds = monotonic() - began
        self._permits.release(run_id, falls, seconds, failure)
        return Answer(reply, failure, round(seconds * 1000, 3), number)
