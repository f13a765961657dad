"""Events of one run over one harness, ready to append: for tests of the log and of the writer."""

from collections.abc import AsyncIterator, Sequence

import msgspec

from domain import codec
from domain.events import Event, ExampleScored, PinnedHarness, Recorded, Started
from service.log.event_log import Append, Content, EventLog, NewEvent

AT = "2026-03-15T14:30:22.123456Z"
RUN = "run-20260315-143022-a3f7"
SCORED = ExampleScored(
    suite="qa",
    harness="qa-v1",
    example="ex-0",
    repeat=0,
    row=0,
    output="q0",
    scores={"exact_match": 1.0},
    passed=True,
    latency_ms=1.5,
    attempts=1,
)


def started(examples: int = 10) -> Started:
    """The start of a run over one harness of so many examples."""
    return Started(
        mode="run",
        suite="qa",
        suites=["qa"],
        tags=[],
        concurrency=None,
        plan="00" * 32,
        harnesses=[
            PinnedHarness(suite="qa", harness="qa-v1", manifest="11" * 32, rows=examples, examples=examples),
        ],
        matchspec="0.1.0",
    )


def scored(row: int, **fields: object) -> ExampleScored:
    """The score of a row: right, unless the fields say otherwise."""
    return msgspec.structs.replace(SCORED, row=row, example=f"ex-{row}", **fields)


def entry(run_id: str, version: int, event: Event | None = None) -> NewEvent:
    """An event as the log takes it; the score of a row where none is given."""
    event = event or scored(version)
    return NewEvent(run_id, version, AT, event, codec.encode(event))


async def append(log: EventLog, events: Sequence[NewEvent], contents: Sequence[Content] = ()) -> list[Recorded]:
    """Append what is decided already."""
    return await log.append(lambda: Append(events, contents))


async def versions(run: AsyncIterator[Recorded]) -> list[int]:
    """The versions of the events of a run that is read."""
    return [one.version async for one in run]
