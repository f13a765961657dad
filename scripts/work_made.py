"""What `scripts/work` counts the work on: a project, events, a log. All of it is the same each time."""

import json
from datetime import UTC, datetime
from pathlib import Path

from domain import codec
from domain.events import Event, ExampleScored, PinnedHarness, Recorded, Started
from domain.times import stamp
from service.log.event_log import Append, NewEvent
from service.log.opening import open_log

NOW = datetime(2026, 3, 15, 14, 30, 22, tzinfo=UTC)
AT = stamp(NOW)
QUESTION = "what is the capital of the country that lies to the north of it? " * 3
HARNESS = {
    "version": 1,
    "model": {"type": "http", "endpoint": "http://127.0.0.1:1/", "response_path": "output"},
    "graders": [
        {"type": "exact_match"},
        {"type": "contains"},
        {"type": "regex", "name": "brief", "config": {"pattern": r"^\S+( \S+)*$"}},
    ],
    "concurrency": 32,
}


def write_suites(folder: Path, sizes: dict[str, int]) -> Path:
    """Write a suite of so many examples for each name; gives the configuration."""
    for name, size in sizes.items():
        rows = [{"id": f"ex-{n:06d}", "input": f"question {n}: {QUESTION}", "expected": QUESTION} for n in range(size)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / f"{name}.yml").write_text(json.dumps(HARNESS | {"name": name, "dataset": f"./{name}.jsonl"}))
    config = folder / "matchspec.yml"
    suites = [{"name": name, "harnesses": [f"./{name}.yml"]} for name in sizes]
    config.write_text(json.dumps({"version": 1, "suites": suites}))
    return config


async def fill_log(db: Path, examples: int) -> None:
    """Leave the log of a run that lacks only its end."""
    events: list[Event] = [_started(examples), *map(_scored, range(examples))]
    new = [NewEvent(run_name(0), n, AT, event, codec.encode(event)) for n, event in enumerate(events, start=1)]
    log = await open_log(db, AT)
    await log.append(lambda: Append(new))
    await log.close()


def under_way(number: int) -> list[Recorded]:
    """A run that has scored one of a hundred examples."""
    events: tuple[Event, ...] = (_started(100), _scored(0))
    return [
        Recorded(2 * number + version, run_name(number), version, AT, event, bytes(32))
        for version, event in enumerate(events, start=1)
    ]


def run_name(number: int) -> str:
    """The id of a made run; its date is not that of runs that are started."""
    return f"run-20260314-000000-{number:04x}"


def _started(examples: int) -> Started:
    harness = PinnedHarness(suite="qa", harness="qa", manifest="11" * 32, rows=examples, examples=examples)
    return Started(
        mode="run",
        suite="qa",
        suites=["qa"],
        tags=[],
        concurrency=None,
        plan="00" * 32,
        harnesses=[harness],
        matchspec="0.1.0",
    )


def _scored(row: int) -> ExampleScored:
    return ExampleScored(
        suite="qa",
        harness="qa",
        example=f"ex-{row:06d}",
        repeat=0,
        row=row,
        output=QUESTION,
        scores={"exact_match": 1.0, "contains": 1.0, "brief": 1.0},
        passed=True,
        latency_ms=1.5,
        attempts=1,
    )
