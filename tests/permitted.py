"""Permits for calls that a test makes."""

import asyncio
import math

from service.execution.permits import Permits
from service.execution.slots import CallSlots
from service.measures import Calls


def permits_of(slots: CallSlots) -> Permits:
    """Those of a service without a pace of its own."""
    return Permits(None, slots, Calls(), asyncio.Event())


def free_permits() -> Permits:
    """As many as are wanted."""
    return permits_of(CallSlots(math.inf))
