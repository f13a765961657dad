"""How fast a model's service may be asked: calls in flight that adapt to it, and requests per minute.

Shared by all runs that use the same endpoint with the same key.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Protocol

from aiolimiter import AsyncLimiter

from domain.errors import ModelError
from domain.model_spec import HttpModel, Model, OpenAIModel
from domain.variables import expand
from service.execution.slots import CallSlots

FALL = 0.5
"""What a limit is multiplied with when the service says that it has too much to do."""


class Limiter(Protocol):
    """Requests per minute."""

    async def acquire(self) -> None:
        """Wait for a turn."""


class Load(CallSlots):
    """The calls in flight at one service, and how often their limit has fallen."""

    def __init__(self, limit: float = math.inf) -> None:
        super().__init__(limit)
        self.falls = 0

    def fall(self) -> None:
        """Halve what is in flight."""
        self.falls += 1
        self.limit = max(1.0, math.floor(min(self.limit, self.used) * FALL))

    def recover(self) -> None:
        """Grow by one for a round of answers."""
        self.limit += 1 / self.limit

    def lease(self) -> int:
        """Number the lease that what is held belongs to: within one process, there is only one."""
        return 0


class Pace:
    """How one model asks its service. The limit of calls in flight is absent until the service first says 429 or 503.

    It then falls to half of the calls in flight, at most once for those that were under way together, and grows by
    one for each round of answers (additive increase, multiplicative decrease: Chiu and Jain 1989). `load` is shared by
    all that ask the same service.
    """

    def __init__(self, limiter: Limiter | None, *, adaptive: bool, load: Load | None = None) -> None:
        self._load = load or Load()
        self._adaptive = adaptive
        self._limiter = limiter

    @property
    def limit(self) -> float:
        """How many calls there may be in flight now."""
        return self._load.limit

    async def acquire(self, run_id: str) -> int:
        """Wait for a turn; what it gives is to be told when the turn ends."""
        await self._load.acquire(run_id)
        if self._limiter and not await self._within_lease(self._limiter, run_id):
            return await self.acquire(run_id)
        return self._load.falls

    def release(self, run_id: str, falls: int, error: BaseException | None) -> None:
        """End a turn that began after so many falls."""
        if error is None:
            self._load.recover()
        elif isinstance(error, ModelError) and error.overloaded and self._adaptive and falls == self._load.falls:
            self._load.fall()
        self._load.release(run_id)

    async def _within_lease(self, limiter: Limiter, run_id: str) -> bool:
        lease = self._load.lease()
        try:
            await limiter.acquire()
        except BaseException:
            self._load.release(run_id)
            raise
        if self._load.lease() != lease:
            self._load.release(run_id)
            return False
        return True


Service = tuple[str, str]
"""An endpoint, and the account that asks it."""


class Paces:
    """The paces of all models in use. Those with one endpoint and account share their load, and equal rates."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._loads: dict[Service, Load] = {}
        self._limiters: dict[tuple[Service, float], Limiter] = {}
        self._paces: dict[tuple[object, ...], Pace] = {}

    def of(self, model: Model) -> Pace | None:
        """The pace of a model's service; None for a model without one."""
        if not isinstance(model, HttpModel | OpenAIModel):
            return None
        endpoint = model.endpoint if isinstance(model, HttpModel) else model.base_url
        service = (self._expanded(endpoint), self._identity(model))
        key = (service, model.requests_per_minute, model.adaptive)
        if key not in self._paces:
            limiter = self._limiter(service, model.requests_per_minute)
            self._paces[key] = Pace(limiter, adaptive=model.adaptive, load=self._load(service))
        return self._paces[key]

    def make_load(self, service: Service) -> Load:
        """Begin to count the calls in flight at a service."""
        return Load()

    def make_limiter(self, service: Service, requests_per_minute: float) -> Limiter:
        """Begin to give turns, evenly spaced."""
        return AsyncLimiter(1, 60 / requests_per_minute)

    def _load(self, service: Service) -> Load:
        if service not in self._loads:
            self._loads[service] = self.make_load(service)
        return self._loads[service]

    def _limiter(self, service: Service, requests_per_minute: float | None) -> Limiter | None:
        if requests_per_minute is None:
            return None
        key = (service, requests_per_minute)
        if key not in self._limiters:
            self._limiters[key] = self.make_limiter(service, requests_per_minute)
        return self._limiters[key]

    def _identity(self, model: HttpModel | OpenAIModel) -> str:
        """Tell whose account is used, without keeping the key."""
        key = self._environment.get(model.api_key_env or "", "")
        headers = sorted((name.lower(), self._expanded(value)) for name, value in model.headers.items())
        return hashlib.sha256(repr((key, headers)).encode()).hexdigest()

    def _expanded(self, text: str) -> str:
        return expand(text, self._environment)
