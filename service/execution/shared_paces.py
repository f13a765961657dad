"""The paces of services that several processes ask: turns and calls in flight are those of all together.

Turns come from the database as they are needed. Calls in flight are leased: a process tells each second what it uses
of a service, and is given what it may use. A service that never had too much to do is asked without waiting.
"""

import asyncio
import hashlib
import math
from collections.abc import Mapping
from time import monotonic

from domain.errors import LogUnavailable
from service.execution.pace import FALL, Limiter, Load, Paces, Service
from service.log.address import PostgresUrl
from service.sharing.allowances import LEASE_SECONDS, Allowances, Fall, Use
from service.sharing.database import SharedDatabase
from service.sharing.rates import SharedRate

RENEW_SECONDS = 1.0
KEPT_SECONDS = LEASE_SECONDS - 1.0
"""A lease is not used to its end: clocks may run at slightly different speeds."""


class SharedLoad(Load):
    """The calls of this process in flight at one service, under an allowance that it has to renew.

    `wake` asks for that to be done now.
    """

    def __init__(self, service: bytes, allowances: Allowances, wake: asyncio.Event) -> None:
        super().__init__(0)
        self._service = service
        self._allowances = allowances
        self._wake = wake
        self._until = 0.0
        self._lease = 0
        self._queued = 0
        self._peak = 0
        self._told = 0
        self._answers = 0
        self._fall: Fall | None = None

    @property
    def in_use(self) -> bool:
        """Whether there is anything to tell."""
        return self._peak > 0 or self._told > 0

    async def acquire(self, run_id: str) -> None:
        """Wait for a place under the allowance."""
        self._queued += 1
        self._peak = max(self._peak, self.used + self._queued)
        if self._peak > 2 * self._told:
            self._wake.set()
        try:
            while not await self._acquire(run_id):
                self.release(run_id)
        finally:
            self._queued -= 1

    def release(self, run_id: str) -> None:
        """Give a place back."""
        self.lease()
        super().release(run_id)

    def fall(self) -> None:
        """Halve what is in flight here, and tell the others; once until they have answered."""
        if self._fall is None:
            self._fall = Fall(self.falls, self.used)
            self.limit = math.floor(min(self.limit, self.used) * FALL)
            self._wake.set()

    def recover(self) -> None:
        """Count an answer: the limit of all grows by it at the next renewal."""
        self._answers += 1

    def lease(self) -> int:
        """Number the lease; one that was not renewed in time is over, and nothing may begin under it."""
        if self._until and monotonic() >= self._until:
            self._until = 0.0
            self._lease += 1
            self.limit = 0
        return self._lease

    async def renew(self) -> None:
        """Tell what was used, and take what may be used from now on. LogUnavailable."""
        began = monotonic()
        if self.limit < math.inf:
            self.limit = min(self.limit, self.used)  # so that what is told stays true until the answer
        use = Use(self._peak, self.used, self._answers, self._fall)
        self._told, self._peak = self._peak, self.used + self._queued
        allowance = await self._allowances.renew(self._service, use)
        self._answers -= use.answers
        self._fall = None if self._fall is use.fall else self._fall
        self.falls = allowance.falls
        self._until = began + KEPT_SECONDS
        self.limit = math.inf if allowance.calls is None else allowance.calls

    async def _acquire(self, run_id: str) -> bool:
        """Wait for a place; false if the lease is over by the time it is there."""
        self.lease()
        await super().acquire(run_id)
        self.lease()
        return self._until > 0.0


class SharedPaces(Paces):
    """The paces of all models in use, each a part of what all processes over one database have together."""

    def __init__(self, environment: Mapping[str, str], database: SharedDatabase, process: str) -> None:
        super().__init__(environment)
        self._database = database
        self._allowances = Allowances(database, process, FALL)
        self._wake = asyncio.Event()
        self._shared: list[SharedLoad] = []
        self._rates: list[SharedRate] = []
        self._renewing = asyncio.create_task(self._renew_for_ever(), name="renewing allowances")

    @classmethod
    async def open(cls, address: PostgresUrl, environment: Mapping[str, str], process: str) -> "SharedPaces":
        """Connect; `process` is a name that no other process has or had. LogUnavailable, LogUnreadable."""
        return cls(environment, await SharedDatabase.open(address), process)

    async def close(self) -> None:
        """Give everything back."""
        self._renewing.cancel()
        await asyncio.gather(self._renewing, *(rate.close() for rate in self._rates), return_exceptions=True)
        await self._allowances.leave()

    def make_load(self, service: Service) -> Load:
        """Begin to share the calls in flight at a service."""
        self._shared.append(SharedLoad(_digest(*service), self._allowances, self._wake))
        return self._shared[-1]

    def make_limiter(self, service: Service, requests_per_minute: float) -> Limiter:
        """Begin to share a rate."""
        rate = _digest(*service, repr(float(requests_per_minute)))
        self._rates.append(SharedRate(self._database, rate, requests_per_minute))
        return self._rates[-1]

    async def _renew_for_ever(self) -> None:
        while True:
            self._wake.clear()
            try:
                for load in self._shared:
                    if load.in_use:
                        await load.renew()
            except LogUnavailable:
                await asyncio.sleep(RENEW_SECONDS)
            else:
                await self._rest()

    async def _rest(self) -> None:
        """Wait until something is to be told: at once, in a second while a service is in use, else at its next use."""
        used = any(load.in_use for load in self._shared)
        try:
            async with asyncio.timeout(RENEW_SECONDS if used else None):
                await self._wake.wait()
        except TimeoutError:
            return


def _digest(*words: str) -> bytes:
    return hashlib.sha256(repr(words).encode()).digest()
