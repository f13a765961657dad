"""A process that asks a service all the time, as fast as it may: URL of the database, name of the process.

Prints `begin` and `end` of each call with the time of the monotonic clock. Calls end with an error that says nothing
about how much the service can do, so that its limit stays as it is.
"""

import asyncio
import contextlib
import sys
import time

from paced import turn

from domain.errors import ModelError
from service.execution.pace import Pace
from service.execution.shared_paces import SharedPaces
from service.log.address import PostgresUrl

SERVICE = "http://model.test/v1", "account"
CALL_SECONDS = 0.2
CALLS = 20


async def ask_for_ever(pace: Pace) -> None:
    """Make one call after the other."""
    while True:
        with contextlib.suppress(ModelError):
            async with turn(pace, "run"):
                print("begin", time.monotonic(), flush=True)
                await asyncio.sleep(CALL_SECONDS)
                print("end", time.monotonic(), flush=True)
                raise ModelError("500", retry=True)


async def main(url: str, name: str) -> None:
    """Make so many calls at once."""
    paces = await SharedPaces.open(PostgresUrl(url), {}, name)
    pace = Pace(None, adaptive=True, load=paces.make_load(SERVICE))
    async with asyncio.TaskGroup() as group:
        for _ in range(CALLS):
            group.create_task(ask_for_ever(pace))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
