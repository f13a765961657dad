"""One run: its state, folded from its events, and one pure function per command.

A command takes the state and returns the events that follow, or raises. The writer decides them in order, appends
what they return and applies it.
"""

from collections.abc import Sequence
from typing import assert_never

from msgspec.structs import replace

from domain.errors import RunClosed, WrongVersion
from domain.events import (
    CancelRequested,
    Event,
    ExampleAnswered,
    ExampleScored,
    ExamplesPinned,
    Finished,
    LogAccepted,
    LogCreated,
    PinnedHarness,
    Resumed,
    Score,
    Started,
)
from domain.plan import Plan
from domain.spending import sum_cost, sum_usage
from domain.tally import Tally
from domain.times import seconds_between
from domain.verdict import NOTHING_HELD, Held, Outcome, count_passed, decide, fails, make_informational, make_rows

MAX_CRASHES = 5
"""A run that crashed so often in a row without one new score ends as `error`."""

GIVEN_UP = f"given up: {MAX_CRASHES} crashes in a row without one new score"

Key = tuple[str, str]
"""A suite's and a harness's name."""


class Run:
    """A run's state; what belongs to one asking stands at the place `row * repeats + repeat` of its harness.

    `recorded` marks the scored askings, `answered` has the event's version of those answered but not scored yet;
    `crashes` counts takeovers since the last score; once `cancelled`, only the end may follow.
    """

    def __init__(self) -> None:
        self.version = 0
        self.started: Started | None = None
        self.started_at = ""
        self.harnesses: dict[Key, PinnedHarness] = {}
        self.recorded: dict[Key, bytearray] = {}
        self.answered: dict[Key, dict[int, int]] = {}
        self.tallies: dict[Key, Tally] = {}
        self.crashes = 0
        self.cancelled = False
        self.finished = False

    @property
    def pinned(self) -> bool:
        """Whether all examples are pinned."""
        return all(harness.manifest is not None for harness in self.harnesses.values())

    @property
    def total(self) -> int:
        """How many askings the run has, examples times repeats; 0 until they are pinned."""
        return sum((harness.examples or 0) * harness.repeats for harness in self.harnesses.values())

    @property
    def completed(self) -> int:
        """How many askings are recorded."""
        return sum(tally.recorded for tally in self.tallies.values())

    def place(self, asked: ExampleAnswered | Score) -> int:
        """Where an asking stands within its harness."""
        return asked.row * self.harnesses[asked.suite, asked.harness].repeats + asked.repeat

    def apply(self, at: str, event: Event | Score) -> None:
        """Take in the run's next event."""
        self.version += 1
        match event:
            case Score():
                self._take_score(event)
            case ExampleAnswered():
                self._take_answer(event)
            case Started():
                self.started, self.started_at = event, at
                self._take_harnesses(event.harnesses)
            case ExamplesPinned():
                self._take_harnesses(event.harnesses)
            case Resumed():
                self.crashes += event.after == "crash"
            case CancelRequested():
                self.cancelled = True
            case Finished():
                self.finished = True
            case LogCreated() | LogAccepted():
                pass
            case _:
                assert_never(event)

    def _take_harnesses(self, harnesses: Sequence[PinnedHarness]) -> None:
        for harness in harnesses:
            key = (harness.suite, harness.harness)
            self.harnesses[key] = harness
            if harness.rows is not None and harness.examples:
                self.recorded[key] = bytearray(harness.rows * harness.repeats)
                self.answered[key] = {}
                self.tallies[key] = Tally(harness.examples, harness.rows, harness.repeats)

    def _take_answer(self, event: ExampleAnswered) -> None:
        key = (event.suite, event.harness)
        self.answered[key][self.place(event)] = self.version
        self.tallies[key].add_answer(event)

    def _take_score(self, event: Score) -> None:
        key, place = (event.suite, event.harness), self.place(event)
        self.crashes = 0
        self.recorded[key][place] = 1
        self.answered[key].pop(place, None)
        self.tallies[key].add(event)


def start(run: Run, started: Started) -> list[Event]:
    """Begin a run that does not exist yet; WrongVersion where its id is taken."""
    if run.version:
        raise WrongVersion("a run with this id exists")
    return [started]


def pin_examples(run: Run, pinned: ExamplesPinned) -> list[Event]:
    """Name the examples of a run whose datasets were too large for its start."""
    _going_on(run)
    return [] if run.pinned else [pinned]


def record_answer(run: Run, answered: ExampleAnswered) -> list[Event]:
    """Record an answer before it is graded, once: saying it again changes nothing."""
    _going_on(run)
    key, place = (answered.suite, answered.harness), run.place(answered)
    return [] if run.recorded[key][place] or place in run.answered[key] else [answered]


def record_score(run: Run, scored: ExampleScored) -> list[Event]:
    """Record an asking, once: saying it again changes nothing. ValueError for a score outside 0-1, NaN included."""
    _going_on(run)
    for score in scored.scores.values():
        if not 0 <= score <= 1:
            raise ValueError(f"a score must be in 0-1: {scored.scores}")
    return [] if run.recorded[scored.suite, scored.harness][run.place(scored)] else [scored]


def resume(run: Run, process: str, crashed: bool, changed: list[str]) -> list[Event]:
    """Note that another process goes on with the run."""
    _going_on(run)
    left = run.total - run.completed
    return [Resumed(process=process, left=left, after="crash" if crashed else "stop", changed=changed)]


def crashes_too_often(run: Run, crashed: bool) -> bool:
    """Tell whether a run must not be taken up again, `crashed` being how the last process ended."""
    return crashed and run.crashes + 1 >= MAX_CRASHES


def finish(
    run: Run, plan: Plan, at: str, held: Held = NOTHING_HELD, concluded: Finished | None = None
) -> list[Finished]:
    """End a run that has recorded all its examples, or all up to a failure with `fail_fast`, with its verdict.

    `held` is what `baseline.hold` gives for it, where its plan names a baseline; `concluded` what `conclude` gave
    already. A run that was cancelled ends without a verdict, however many examples it has.
    """
    _open(run)
    if run.cancelled:
        return [_cancelled(run, plan, at)]
    if not is_done(run, plan):
        raise WrongVersion("examples are missing")
    end = concluded or conclude(run, plan, held)
    return [replace(end, duration_seconds=seconds_between(run.started_at, at))]


def conclude(run: Run, plan: Plan, held: Held = NOTHING_HELD) -> Finished:
    """Give the end of a run that is done, but for its duration.

    It only reads, and takes a second or more for a million scores: another thread may do it.
    """
    tallies = _begun(run)
    outcome = decide(plan, tallies, held)
    skipped = [
        f"harness '{key[1]}' of suite '{key[0]}' was not run: an earlier one failed"
        for key in run.tallies
        if key not in tallies
    ]
    return _finished(run, plan, outcome._replace(warnings=skipped + outcome.warnings), run.started_at)


def is_done(run: Run, plan: Plan) -> bool:
    """Tell whether nothing is left to ask."""
    return run.pinned and (run.completed == run.total or _failed_fast(run, plan))


def _failed_fast(run: Run, plan: Plan) -> bool:
    begun = _begun(run)
    complete = all(tally.recorded == tally.examples * tally.repeats for tally in begun.values())
    return plan.fail_fast and bool(begun) and complete and fails(plan, begun)


def _begun(run: Run) -> dict[Key, Tally]:
    return {key: tally for key, tally in run.tallies.items() if tally.recorded}


def abandon(run: Run, plan: Plan | None, error: str, at: str) -> list[Finished]:
    """End a run that can't go on, with the rows it has; nothing where it is over already."""
    return [] if run.finished else [so_far(run, plan, error, at)]


def so_far(run: Run, plan: Plan | None, error: str | None, at: str) -> Finished:
    """Give the end of a run that gets no verdict: what its scores come to, however many there are."""
    rows = make_rows(plan, run.tallies) if plan else []
    informational = make_informational(plan, run.tallies) if plan else []
    return _finished(run, plan, Outcome("error", None, rows, informational, error, []), at)


def cancel(run: Run, plan: Plan, requested: CancelRequested, at: str) -> list[Event]:
    """End a run because someone asked for it, with the rows it has. Request and end are recorded together."""
    _going_on(run)
    return [requested, _cancelled(run, plan, at)]


def _cancelled(run: Run, plan: Plan, at: str) -> Finished:
    rows, informational = make_rows(plan, run.tallies), make_informational(plan, run.tallies)
    total = f" of {run.total}" if run.pinned else ""
    asked = "askings" if any(harness.repeats > 1 for harness in run.harnesses.values()) else "examples"
    warning = f"cancelled when {run.completed}{total} {asked} were recorded"
    return _finished(run, plan, Outcome("cancelled", None, rows, informational, None, [warning]), at)


def _finished(run: Run, plan: Plan | None, outcome: Outcome, at: str) -> Finished:
    tallies = run.tallies.values()
    return Finished(
        status=outcome.status,
        verdict=outcome.verdict,
        rows=outcome.rows,
        examples=run.completed,
        passed=count_passed(plan, run.tallies) if plan else 0,
        model_errors=sum(tally.model_errors for tally in tallies),
        grader_errors=sum(tally.grader_errors for tally in tallies),
        duration_seconds=seconds_between(run.started_at, at),
        error=outcome.error,
        warnings=outcome.warnings,
        informational=outcome.informational,
        usage=sum_usage(run.tallies),
        cost=sum_cost(plan, run.tallies) if plan else None,
    )


def _open(run: Run) -> None:
    if run.finished or not run.version:
        raise RunClosed


def _going_on(run: Run) -> None:
    _open(run)
    if run.cancelled:
        raise RunClosed("the run was cancelled; nothing more can be recorded for it")
