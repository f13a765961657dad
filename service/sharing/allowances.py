"""Calls in flight that processes share: how many each may have, leased for a few seconds."""

from importlib.resources import files
from typing import NamedTuple

from service.sharing.database import SharedDatabase

LEASE_SECONDS = 10.0
"""For so long a process that says nothing keeps its allowance."""
ROUND_SECONDS = 5.0
"""For so long a call that is left when all have the same goes to one process, then to the next."""
FORGOTTEN_SECONDS = 600.0
"""A service that nobody asked for so long begins again without a limit."""

_RENEW = files("service.sharing").joinpath("renew.sql").read_bytes()
_LEAVE = b"DELETE FROM allowances WHERE process = %(process)s"


class Fall(NamedTuple):
    """A service said that it has too much to do: after so many falls of its limit, with so many calls in flight."""

    falls: int
    used: int


class Use(NamedTuple):
    """What a process tells of a service since it last did.

    `wanted` calls in flight and waiting at their peak, `used` in flight now, good answers, the fall it has seen.
    """

    wanted: int
    used: int
    answers: int
    fall: Fall | None


class Allowance(NamedTuple):
    """How many calls a process may have in flight, the limit of all together, how often that has fallen.

    The first two are None while there is no limit.
    """

    calls: int | None
    limit: float | None
    falls: int


class Allowances:
    """The allowances of one process. `fall` is what a limit is multiplied with when it falls."""

    def __init__(self, database: SharedDatabase, process: str, fall: float) -> None:
        self._database = database
        self._process = process
        self._fall = fall

    async def renew(self, service: bytes, use: Use) -> Allowance:
        """Tell what was used of a service and be given what may be used from now on. LogUnavailable.

        The sum over all processes, of what each may have or still has in flight, never grows beyond the limit.
        """
        told = {
            "service": service,
            "process": self._process,
            "wanted": use.wanted,
            "used": use.used,
            "answers": use.answers,
            "fell_after": use.fall.falls if use.fall else None,
            "fell_from": use.fall.used if use.fall else 0,
            "fall": self._fall,
            "lease": LEASE_SECONDS,
            "round": ROUND_SECONDS,
            "forgotten": FORGOTTEN_SECONDS,
        }
        return Allowance._make(await self._database.ask(_RENEW, told))

    async def leave(self) -> None:
        """Give everything back, as far as that can be done quickly, and disconnect."""
        await self._database.close(_LEAVE, {"process": self._process})
