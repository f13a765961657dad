"""procrastinate's way to a database that does not answer."""

import asyncio

from procrastinate import PsycopgConnector

from service.sharing.patience import PatientManager


async def test_a_worker_that_stops_waits_for_no_answer() -> None:
    """Neither for one that it asked for before, nor for one after: others find out that it is gone."""
    connector = Silent()
    manager = PatientManager(connector)
    working = asyncio.create_task(manager.unregister_worker(1))
    await connector.asked.wait()
    manager.stop()
    await working
    await manager.unregister_worker(1)


class Silent(PsycopgConnector):
    """A connection whose other side is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def execute_query_async(self, query: str, **arguments: object) -> None:
        """Wait for ever."""
        self.asked.set()
        await asyncio.Event().wait()
