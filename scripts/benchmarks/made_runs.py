"""Runs as they stand in a log, made without running them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.projects import QUESTION
from domain import codec
from domain.events import Event, ExampleScored, Finished, PinnedHarness, Started
from domain.times import stamp
from service.log.event_log import Append, NewEvent
from service.log.opening import open_log

RUN = "run-20260315-143022-0000"
GROUP = 1_000
SCORES = {"exact_match": 1.0, "contains": 1.0, "brief": 1.0}


async def make_log(path: Path, runs: int, scores: int) -> int:
    """Write a log of finished runs with so many scores each; gives the number of its events."""
    at = stamp(datetime.now(UTC))
    log = await open_log(path, at)
    group: list[NewEvent] = []
    for number in range(runs):
        run_id = f"run-20260315-{number // 65_536:06d}-{number % 65_536:04x}"
        for version, event in enumerate(_events(scores), 1):
            group.append(NewEvent(run_id, version, at, event, codec.encode(event)))
        if len(group) >= GROUP:
            await log.append(partial(Append, group))
            group = []
    await log.append(partial(Append, group))
    events = log.head.position
    await log.close()
    return events


def make_started(rows: int) -> Started:
    """The start of a run over one harness of so many rows."""
    harness = PinnedHarness(suite="bench", harness="bench", manifest="ab" * 32, rows=rows, examples=rows)
    return Started(
        mode="run",
        suite="bench",
        suites=["bench"],
        tags=[],
        concurrency=None,
        plan="cd" * 32,
        harnesses=[harness],
        matchspec="0.1.0",
    )


def make_score(row: int) -> ExampleScored:
    """An example that was answered and passed three graders; its event has some 470 bytes."""
    return ExampleScored(
        suite="bench",
        harness="bench",
        example=f"ex-{row:07d}",
        repeat=0,
        row=row,
        output=QUESTION.format(row),
        scores=SCORES,
        passed=True,
        latency_ms=50.123,
        attempts=1,
    )


def _events(scores: int) -> Iterator[Event]:
    yield make_started(scores)
    for row in range(scores):
        yield make_score(row)
    yield Finished(
        status="passed",
        verdict="PASS",
        rows=[],
        examples=scores,
        passed=scores,
        model_errors=0,
        grader_errors=0,
        duration_seconds=1.0,
    )
