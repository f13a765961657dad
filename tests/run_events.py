"""Builders of a run's events with sensible defaults."""

from collections.abc import Sequence

import msgspec

from domain.events import ExampleAnswered, ExampleScored, Finished, PinnedHarness, Started

SCORED = ExampleScored(
    suite="qa", harness="a", example="", repeat=0, row=0, output="x", scores={}, passed=True, latency_ms=5, attempts=1
)
ANSWERED = ExampleAnswered(suite="qa", harness="a", example="", repeat=0, row=0, output="x", latency_ms=5, attempts=1)
FINISHED = Finished(
    status="passed", rows=[], examples=1, passed=1, model_errors=0, grader_errors=0, duration_seconds=43.0
)


def pinned(
    harness: str = "a", rows: int = 3, *, suite: str = "qa", examples: int | None = None, repeats: int = 1
) -> PinnedHarness:
    """Pin a harness whose rows all take part unless `examples` says how many do."""
    return PinnedHarness(
        suite=suite,
        harness=harness,
        manifest="ab" * 32,
        rows=rows,
        examples=rows if examples is None else examples,
        repeats=repeats,
    )


def started(
    *harnesses: PinnedHarness, suite: str | None = "qa", warnings: Sequence[str] = (), **fields: object
) -> Started:
    """Begin a run over these harnesses."""
    suites = list(dict.fromkeys(harness.suite for harness in harnesses))
    begun = Started(
        mode="run",
        suite=suite,
        suites=suites,
        tags=[],
        concurrency=None,
        plan="cd" * 32,
        harnesses=list(harnesses),
        matchspec="0.1.0",
        warnings=list(warnings),
    )
    return msgspec.structs.replace(begun, **fields)


def scored(row: int = 0, harness: str = "a", **fields: object) -> ExampleScored:
    """Score the example `ex-ROW` of a harness: passed and without an error, unless the fields say otherwise."""
    return msgspec.structs.replace(SCORED, row=row, example=f"ex-{row}", harness=harness, **fields)


def answered(row: int = 0, harness: str = "a", **fields: object) -> ExampleAnswered:
    """Answer the example `ex-ROW` of a harness: with x, unless the fields say otherwise."""
    return msgspec.structs.replace(ANSWERED, row=row, example=f"ex-{row}", harness=harness, **fields)


def graded(row: int = 0, harness: str = "a", **fields: object) -> ExampleScored:
    """Score an example that was answered before: the answer is not said again."""
    silent = {"output": msgspec.UNSET, "latency_ms": msgspec.UNSET, "attempts": msgspec.UNSET}
    return scored(row, harness, **silent | fields)


def finished(**fields: object) -> Finished:
    """End a run: passed, with one example, unless the fields say otherwise."""
    return msgspec.structs.replace(FINISHED, **fields)
