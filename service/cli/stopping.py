"""SIGTERM and SIGINT, told to a command that goes on until one comes."""

import asyncio
import signal
from typing import NamedTuple


class Stopping(NamedTuple):
    """`asked` is set by the first signal; `received` holds all."""

    asked: asyncio.Event
    received: list[signal.Signals]

    @property
    def interrupted(self) -> bool:
        """Whether it was Ctrl-C."""
        return signal.SIGINT in self.received


def stop_on_signals() -> Stopping:
    """Begin to listen."""
    stopping = Stopping(asyncio.Event(), [])

    def stop(number: signal.Signals) -> None:
        stopping.received.append(number)
        stopping.asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    return stopping
