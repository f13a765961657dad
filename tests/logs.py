"""Any log: events of several runs, interleaved, as commands could have decided them."""

from collections.abc import Sequence
from typing import Any

from given import HASH, START
from hypothesis import strategies as st
from run_events import answered, finished, graded, pinned, scored, started

from domain.events import (
    LOG,
    CancelRequested,
    Event,
    ExampleAnswered,
    ExampleScored,
    ExamplesPinned,
    LogCreated,
    PinnedHarness,
    Recorded,
    Resumed,
    Started,
)

KEYS = [("qa", "a"), ("qa", "b"), ("more", "a")]
KEYED = st.sampled_from([None, "key-1", "key-2"])
WARNINGS = st.lists(st.sampled_from(["few", "left out", "ask.py has changed"]), max_size=2)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """The events of one run, to its end or to any point before."""
    chosen = draw(st.lists(st.sampled_from(KEYS), min_size=1, unique=True))
    counted = [draw(pinnings(*key)) for key in chosen]
    events = draw(beginnings(counted))
    askings = [
        (harness, row, repeat)
        for harness in counted
        for row in range(harness.examples or 0)
        for repeat in range(harness.repeats)
    ]
    early, late = [], []
    for one in draw(st.permutations(askings)):
        *before, score = draw(scores(*one))
        early += before
        late.append(score)
    events += draw(st.permutations(early))
    for score in late:
        events.insert(draw(st.integers(1 + _last_before(events, score), len(events))), score)
    first = 1 + sum(isinstance(event, ExamplesPinned) for event in events)
    for place in draw(st.lists(st.integers(first, len(events)), max_size=3)):
        events.insert(place, draw(take_overs()))
    events = events[: draw(st.integers(1, len(events)))] if draw(st.booleans()) else events
    return [*events, *draw(ends(events))] if draw(st.booleans()) else events


@st.composite
def pinnings(draw: st.DrawFn, suite: str, harness: str) -> PinnedHarness:
    """A small harness of which some rows take part, the first ones."""
    rows = draw(st.integers(1, 4))
    return pinned(harness, rows, suite=suite, examples=draw(st.integers(0, rows)), repeats=draw(st.integers(1, 3)))


@st.composite
def beginnings(draw: st.DrawFn, counted: Sequence[PinnedHarness]) -> list[Event]:
    """A start that holds all counts, or one followed by the counts it could not hold."""
    suite = draw(st.sampled_from([None, counted[0].suite]))
    keyed = {"idempotency_key": draw(KEYED), "request_digest": draw(st.sampled_from(["11", "22"]))}
    if draw(st.booleans()):
        return [started(*counted, suite=suite, warnings=draw(WARNINGS), **keyed)]
    unknown = [PinnedHarness(suite=harness.suite, harness=harness.harness) for harness in counted]
    pinning = ExamplesPinned(harnesses=list(counted), warnings=draw(WARNINGS))
    return [started(*unknown, suite=suite, warnings=draw(WARNINGS), **keyed), pinning]


@st.composite
def scores(draw: st.DrawFn, harness: PinnedHarness, row: int, repeat: int) -> list[Event]:
    """An asking scored at once, answered and then scored, or failed."""
    key: dict[str, Any] = {"suite": harness.suite, "harness": harness.harness, "repeat": repeat}
    match draw(st.integers(0, 2)):
        case 0:
            return [scored(row, scores={"exact_match": 1.0}, **key)]
        case 1:
            return [answered(row, **key), graded(row, scores={"exact_match": 1.0}, **key)]
        case _:
            return [scored(row, output=None, passed=False, error="timed out", **key)]


def _last_before(events: Sequence[Event], score: Event) -> int:
    """The place of the event that a score must follow: its answer, else the pinning of its examples."""
    places = [place for place, event in enumerate(events) if isinstance(event, Started | ExamplesPinned)]
    places += [
        place for place, event in enumerate(events) if isinstance(event, ExampleAnswered) and _same(event, score)
    ]
    return places[-1]


def _same(answer: ExampleAnswered, score: Event) -> bool:
    fields = ("suite", "harness", "row", "repeat")
    return all(getattr(answer, field) == getattr(score, field) for field in fields)


@st.composite
def take_overs(draw: st.DrawFn) -> Event:
    """Another process goes on."""
    changed = draw(WARNINGS)
    return Resumed(process="p", left=1, after="crash" if draw(st.booleans()) else "stop", changed=changed)


@st.composite
def ends(draw: st.DrawFn, events: Sequence[Event]) -> list[Event]:
    """The end of a run with these events."""
    kinds = [("passed", "PASS"), ("failed", "FAIL"), ("error", None), ("cancelled", None)]
    status, verdict = draw(st.sampled_from(kinds))
    examples = sum(isinstance(event, ExampleScored) for event in events)
    end = finished(status=status, verdict=verdict, examples=examples, warnings=draw(WARNINGS))
    return [CancelRequested(client="10.0.0.7"), end] if status == "cancelled" else [end]


@st.composite
def logs(draw: st.DrawFn) -> list[Recorded]:
    """A log of up to four runs."""
    runs = draw(st.lists(streams(), max_size=4))
    turns = draw(st.permutations([run for run, events in enumerate(runs) for _ in events]))
    log = [Recorded(1, LOG, 1, START, LogCreated(format=1, log_id="00"), HASH)]
    versions = [0] * len(runs)
    for position, run in enumerate(turns, 2):
        versions[run] += 1
        at = f"2026-03-15T14:30:22.{position:06d}Z"
        log.append(Recorded(position, f"run-{run}", versions[run], at, runs[run][versions[run] - 1], HASH))
    return log
