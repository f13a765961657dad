"""Reads a whole log into the views, or a bare loop that reads, decodes and counts; or opens it as a start does.

    python -m benchmarks.replaying views|bare|open LOG.db

Prints what it took as JSON, imports left out.
"""

import json
import sqlite3
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from domain.events import TYPES, ExampleScored, Started
from domain.times import stamp
from projections.views import Views
from service.log.opening import connect_reader, open_log
from service.log.rows import Span
from service.writer import Writer


async def views(path: Path) -> int:
    """Fold every event into the views, run after run; gives how many there were."""
    log, shown = await connect_reader(path), Views()
    begun = [recorded.run_id async for recorded in log.read_ends() if isinstance(recorded.event, Started)]
    await log.fold_spans(map(Span, begun), shown.take)
    await log.close()
    return shown.position


async def bare(path: Path) -> int:
    """Fetch, decode, and count what passed in each run; gives how many events there were."""
    decoders = {name: msgspec.json.Decoder(kind).decode for name, kind in TYPES.items()}
    events, passed = 0, Counter[str]()
    for run_id, name, body in sqlite3.connect(path).execute("SELECT run_id, type, body FROM events ORDER BY position"):
        event = decoders[name](body)
        events += 1
        if isinstance(event, ExampleScored):
            passed[run_id] += event.passed
    return events


async def open_it(path: Path) -> int:
    """Open the log to write, and fold what a start folds; gives how many events it has."""
    log = await open_log(path, stamp(datetime.now(UTC)))
    writer = Writer(log, Views(), lambda: datetime.now(UTC))
    await writer.open()
    await writer.close()
    await log.close()
    return log.head.position


def main() -> None:
    """Reads."""
    way = {"views": views, "bare": bare, "open": open_it}[sys.argv[1]]
    began, cpu = time.monotonic(), time.process_time()
    events = uvloop.run(way(Path(sys.argv[2])))
    print(json.dumps({"events": events, "wall": time.monotonic() - began, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
