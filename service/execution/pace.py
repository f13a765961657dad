"""How fast a model's service may be asked: calls in flight that adapt to it, and requests per minute.

Shared by all runs that use the same endpoint with the same key.
"""

import hashlib
import math
from collections.abc import Mapping

from aiolimiter import AsyncLimiter

from domain.errors import ModelError
from domain.model_spec import HttpModel, Model, OpenAIModel
from domain.variables import expand
from service.execution.slots import CallSlots

FALL = 0.5
"""What a limit is multiplied with when the service says that it has too much to do."""


class Pace:
    """One service's pace. The limit of calls in flight is absent until the service first says 429 or 503.

    It then falls to half of the calls in flight, at most once for those that were under way together, and grows by
    one for each round of answers (additive increase, multiplicative decrease: Chiu and Jain 1989).
    """

    def __init__(self, requests_per_minute: float | None, *, adaptive: bool) -> None:
        self._slots = CallSlots(math.inf)
        self._adaptive = adaptive
        self._limiter = AsyncLimiter(1, 60 / requests_per_minute) if requests_per_minute else None
        self._falls = 0

    @property
    def limit(self) -> float:
        """How many calls there may be in flight now."""
        return self._slots.limit

    def call(self, run_id: str) -> "_Turn":
        """Wait for a turn and hold it around one attempt; how the attempt ends moves the limit."""
        return _Turn(self, run_id)

    async def acquire(self, run_id: str) -> int:
        """Wait for a turn; what it gives is to be told when the turn ends."""
        await self._slots.acquire(run_id)
        if self._limiter:
            try:
                await self._limiter.acquire()
            except BaseException:
                self._slots.release(run_id)
                raise
        return self._falls

    def release(self, run_id: str, falls: int, error: BaseException | None) -> None:
        """End a turn that began after so many falls."""
        if error is None:
            self._slots.limit += 1 / self._slots.limit
        elif isinstance(error, ModelError) and error.overloaded and self._adaptive and falls == self._falls:
            self._fall()
        self._slots.release(run_id)

    def _fall(self) -> None:
        self._falls += 1
        self._slots.limit = max(1.0, math.floor(min(self._slots.limit, self._slots.used) * FALL))


class _Turn:
    """A turn for the time of a block."""

    __slots__ = ("_falls", "_pace", "_run_id")

    def __init__(self, pace: Pace, run_id: str) -> None:
        self._pace = pace
        self._run_id = run_id
        self._falls = 0

    async def __aenter__(self) -> None:
        self._falls = await self._pace.acquire(self._run_id)

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._pace.release(self._run_id, self._falls, error)


class Paces:
    """The paces of all services in use, by endpoint, key and settings."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._paces: dict[tuple[object, ...], Pace] = {}

    def of(self, model: Model) -> Pace | None:
        """The pace of a model's service; None for a model without one."""
        if not isinstance(model, HttpModel | OpenAIModel):
            return None
        endpoint = model.endpoint if isinstance(model, HttpModel) else model.base_url
        key = (self._expanded(endpoint), self._identity(model), model.requests_per_minute, model.adaptive)
        if key not in self._paces:
            self._paces[key] = Pace(model.requests_per_minute, adaptive=model.adaptive)
        return self._paces[key]

    def _identity(self, model: HttpModel | OpenAIModel) -> str:
        """Tell whose account is used, without keeping the key."""
        key = self._environment.get(model.api_key_env or "", "")
        headers = sorted((name.lower(), self._expanded(value)) for name, value in model.headers.items())
        return hashlib.sha256(repr((key, headers)).encode()).hexdigest()

    def _expanded(self, text: str) -> str:
        return expand(text, self._environment)
