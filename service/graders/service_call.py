"""Asking a grader's service: within its time, with further attempts where they may help, and no secret told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import NamedTuple, TypeVar

from domain.errors import GraderError, ModelError
from domain.secrets import Secrets
from service.measures import Calls
from service.models.exchange import exchange, make_headers, make_url, status_line
from service.models.message import REFUSAL_BYTES, Answer, Send, Target
from service.models.reply import decoded, on_one_line, text_of

T = TypeVar("T")

PAUSES = (0.5, 1.0)
"""Seconds before the second and the third attempt; the service's Retry-After where longer."""

_TRANSIENT = frozenset({408, 425, 429})
_UNSUITED = frozenset({400, 413, 422})


class ServiceAddress(NamedTuple):
    """Where a service is and how it is asked, as the harness file has it."""

    endpoint: str
    api_key_env: str | None
    timeout_seconds: float
    max_bytes: int


class UnsuitedError(GraderError):
    """The service refused what it was given (400, 413, 422): another text may do."""


class _PassingError(Exception):
    """A failure that a further attempt may not meet; not before `wait` seconds, where the service says so."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait


class ServiceCall:
    """A service that takes JSON by POST. Up to three attempts, all of them within the service's `timeout_seconds`.

    Tried again: network failures, 408, 425, 429 and 5xx. Not where the pause before it would outlast the time.
    """

    def __init__(
        self,
        address: ServiceAddress,
        environment: Mapping[str, str],
        send: Send,
        secrets: Secrets,
        calls: Calls,
    ) -> None:
        """GraderError where a variable is not set, or makes an address or a header that can't be sent."""
        self._address = address
        self._send = send
        self._secrets = secrets
        self._calls = calls
        try:
            headers = make_headers({}, address.api_key_env, environment)
            self._target = Target("POST", make_url(address.endpoint, environment), headers)
        except ModelError as error:
            raise GraderError(str(error)) from None

    def deadline(self) -> float:
        """Tell, by the loop's clock, when something that begins now must have ended."""
        return asyncio.get_running_loop().time() + self._address.timeout_seconds

    async def post(self, body: bytes, read: Callable[[bytes], T], deadline: float) -> T:
        """Ask, and give what `read` makes of the answer's body, or the GraderError that it raises.

        GraderError where there is no answer; UnsuitedError for a 400, 413, 422.
        """
        loop = asyncio.get_running_loop()
        failure = ""
        for pause in (*PAUSES, None):
            try:
                return await self._note(self._attempt(body, read, deadline))
            except TimeoutError:
                raise self._too_late(failure) from None
            except _PassingError as error:
                failure = str(error)
                wait = None if pause is None else max(pause, error.wait)
            if wait is None or loop.time() + wait >= deadline:
                break
            await asyncio.sleep(wait)
        raise GraderError(failure)

    def hidden(self, text: str) -> str:
        """Put `[secret NAME]` for every secret."""
        return self._secrets.replace(text)[0]

    async def _note(self, attempt: Awaitable[T]) -> T:
        """Count an attempt that ends; not one that is aborted."""
        began = monotonic()
        try:
            answer = await attempt
        except (GraderError, TimeoutError, _PassingError):
            self._calls.note(monotonic() - began, failed=True)
            raise
        self._calls.note(monotonic() - began, failed=False)
        return answer

    async def _attempt(self, body: bytes, read: Callable[[bytes], T], deadline: float) -> T:
        async with asyncio.timeout_at(deadline):
            return read(await self._exchange(body))

    async def _exchange(self, body: bytes) -> bytes:
        try:
            answer = await exchange(self._send, self._target, body, self._address.endpoint, self._address.max_bytes)
            if answer.is_success:
                return self._within_limit(decoded(answer))
        except ModelError as error:
            message = self.hidden(error.tell(self.hidden(error.said)))
            raise (_PassingError(message) if error.retry else GraderError(message)) from None
        raise self._refusal(answer)

    def _within_limit(self, body: bytes) -> bytes:
        if len(body) > self._address.max_bytes:
            raise GraderError(f"reply over {self._address.max_bytes / 1_000_000:g} MB")
        return body

    def _refusal(self, answer: Answer) -> Exception:
        try:
            text = text_of(decoded(answer._replace(body=answer.body[:REFUSAL_BYTES]), whole=False), answer)
        except ModelError:
            text = ""
        # Secrets first: once the text is cut, the first part of one would not be known for what it is.
        shown = on_one_line(self.hidden(text))
        message = f"{self._address.endpoint} answered {status_line(answer)}{': ' if shown else ''}{shown}"
        status = answer.status
        if status in _TRANSIENT or status >= 500:
            return _PassingError(message, _retry_after(answer))
        return UnsuitedError(message) if status in _UNSUITED else GraderError(message)

    def _too_late(self, failure: str) -> GraderError:
        before = f"; before that: {failure}" if failure else ""
        return GraderError(f"{self._address.endpoint}: no answer within {self._address.timeout_seconds:g} s{before}")


def _retry_after(answer: Answer) -> float:
    """Read how many seconds the service asks to wait; a date there is not looked at."""
    written = answer.header(b"retry-after").strip()
    return float(written) if written.isascii() and written.isdigit() else 0
