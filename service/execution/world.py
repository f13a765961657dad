"""What runs need of the world, handed to everything that works on one."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from domain.plan import Plan, PlannedHarness
from service.execution.old_runs import OldRuns
from service.execution.pace import Paces
from service.execution.slots import CallSlots
from service.log.event_log import EventLog
from service.measures import Measures
from service.models.message import Send
from service.writer import Writer


class World(NamedTuple):
    """The log and its writer, runs to grade anew, the limits, the way to models.

    `root` is what the plans' paths are relative to. Once `stopping` is set, no new call is made. `draw` gives a random
    number below its argument.
    `secret_names` are the variables that any harness names that was read so far: a command sees them all.
    """

    log: EventLog
    writer: Writer
    old_runs: OldRuns
    slots: CallSlots
    measures: Measures
    paces: Paces
    send: Send
    environment: Mapping[str, str]
    root: Path
    process: str
    stopping: asyncio.Event
    draw: Callable[[int], int]
    secret_names: set[str]

    def config_folder(self, plan: Plan) -> Path:
        """Where the plan's configuration stands."""
        return (self.root / plan.config).parent

    def harness_folder(self, plan: Plan, harness: PlannedHarness) -> Path:
        """Where a harness file stands, and its command runs."""
        return (self.config_folder(plan) / harness.file).parent
