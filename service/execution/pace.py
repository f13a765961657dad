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


class Load:
    """The calls in flight at one service, and how often their limit has fallen."""

    def __init__(self) -> None:
        self.slots = CallSlots(math.inf)
        self.falls = 0

    def fall(self) -> None:
        """Halve what is in flight."""
        self.falls += 1
        self.slots.limit = max(1.0, math.floor(min(self.slots.limit, self.slots.used) * FALL))

    def recover(self) -> None:
        """Grow by one for a round of answers."""
        self.slots.limit += 1 / self.slots.limit


class Pace:
    """How one model asks its service. The limit of calls in flight is absent until the service first says 429 or 503.

    It then falls to half of the calls in flight, at most once for those that were under way together, and grows by
    one for each round of answers (additive increase, multiplicative decrease: Chiu and Jain 1989). `load` is shared by
    all that ask the same service.
    """

    def __init__(self, requests_per_minute: float | None, *, adaptive: bool, load: Load | None = None) -> None:
        self._load = load or Load()
        self._adaptive = adaptive
        self._limiter = AsyncLimiter(1, 60 / requests_per_minute) if requests_per_minute else None

    @property
    def limit(self) -> float:
        """How many calls there may be in flight now."""
        return self._load.slots.limit

    def call(self, run_id: str) -> "_Turn":
        """Wait for a turn and hold it around one attempt; how the attempt ends moves the limit."""
        return _Turn(self, run_id)

    async def acquire(self, run_id: str) -> int:
        """Wait for a turn; what it gives is to be told when the turn ends."""
        await self._load.slots.acquire(run_id)
        if self._limiter:
            try:
                await self._limiter.acquire()
            except BaseException:
                self._load.slots.release(run_id)
                raise
        return self._load.falls

    def release(self, run_id: str, falls: int, error: BaseException | None) -> None:
        """End a turn that began after so many falls."""
        if error is None:
            self._load.recover()
        elif isinstance(error, ModelError) and error.overloaded and self._adaptive and falls == self._load.falls:
            self._load.fall()
        self._load.slots.release(run_id)


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
    """The paces of all models in use. Those with one endpoint and key share their load, and a rate that is the same."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._loads: dict[tuple[str, str], Load] = {}
        self._paces: dict[tuple[object, ...], Pace] = {}

    def of(self, model: Model) -> Pace | None:
        """The pace of a model's service; None for a model without one."""
        if not isinstance(model, HttpModel | OpenAIModel):
            return None
        endpoint = model.endpoint if isinstance(model, HttpModel) else model.base_url
        service = (self._expanded(endpoint), self._identity(model))
        key = (service, model.requests_per_minute, model.adaptive)
        if key not in self._paces:
            load = self._loads.setdefault(service, Load())
            self._paces[key] = Pace(model.requests_per_minute, adaptive=model.adaptive, load=load)
        return self._paces[key]

    def _identity(self, model: HttpModel | OpenAIModel) -> str:
        """Tell whose account is used, without keeping the key."""
        key = self._environment.get(model.api_key_env or "", "")
        headers = sorted((name.lower(), self._expanded(value)) for name, value in model.headers.items())
        return hashlib.sha256(repr((key, headers)).encode()).hexdigest()

    def _expanded(self, text: str) -> str:
        return expand(text, self._environment)
