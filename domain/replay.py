"""A run decided anew: every event must be the one that its command gives on what was recorded before it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, assert_never

import msgspec

from domain.codec import type_name
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
    Resumed,
    Started,
)
from domain.marks import Marks, marks_of
from domain.plan import Plan
from domain.run import (
    Key,
    Run,
    cancel,
    finish,
    is_done,
    pin_examples,
    record_answer,
    record_score,
    resume,
    so_far,
    start,
)
from domain.verdict import NOTHING_HELD

KEPT = 20
"""How many differences of a run are kept; the others are counted."""


class Difference(NamedTuple):
    """Where a run's log and its replay part: at the event `version`, in `field`; `why` where it could not follow."""

    version: int
    type: str
    field: str
    recorded: object
    again: object
    why: str = ""


class Replay:
    """A run's fold, with what differs so far. It is `stuck` behind an event that can't follow those before it.

    `reason_open`: the run ended without a verdict for a reason that is no matter of scores. `held` is to be set before
    the end of a run that has a baseline.
    """

    def __init__(self, plan: Plan) -> None:
        self.run = Run()
        self.held = NOTHING_HELD
        self.end: Finished | None = None
        self.differences: list[Difference] = []
        self.count = 0
        self.stuck = False
        self.reason_open = False
        self._plan = plan
        self._marks: dict[Key, Marks] = {}

    def apply(self, at: str, event: Event) -> None:
        """Decide the run's next event anew, note what differs, and take it in."""
        version = self.run.version + 1
        try:
            decided = self._decide(event, at)
            self.run.apply(at, event)
        except (RunClosed, WrongVersion, ValueError, LookupError) as error:
            self.stuck = True
            self._note(Difference(version, type_name(event), "", None, None, f"{type(error).__name__}: {error}"))
            return
        if not decided:
            self._note(Difference(version, type_name(event), "", None, None, "it was recorded before"))
        elif decided[0] is not event and decided[0] != event:
            for field, one, other in _differing("", event, decided[0]):
                self._note(Difference(version, type_name(event), field, one, other))

    def _decide(self, event: Event, at: str) -> Sequence[Event]:
        match event:
            case Started():
                return start(self.run, event)
            case ExamplesPinned():
                return pin_examples(self.run, event)
            case ExampleAnswered():
                return record_answer(self.run, event)
            case ExampleScored():
                return record_score(self.run, self._judge(event))
            case Resumed():
                return resume(self.run, event.process, event.after == "crash", event.changed)
            case CancelRequested():
                return cancel(self.run, self._plan, event, at)
            case Finished():
                self.end = event
                return [self._decide_end(event, at)]
            case LogCreated() | LogAccepted():
                raise ValueError("it belongs into the run log")
            case _:
                assert_never(event)

    def _judge(self, event: ExampleScored) -> ExampleScored:
        key = (event.suite, event.harness)
        if key not in self._marks:
            self._marks[key] = marks_of(*self._plan.harness(*key))
        passed = event.error is None and self._marks[key].passes(event.scores)
        return event if passed == event.passed else msgspec.structs.replace(event, passed=passed)

    def _decide_end(self, recorded: Finished, at: str) -> Finished:
        """Give the end that the scores bring about; without a verdict, that of a run given up for the same reason."""
        if self.run.finished:
            raise RunClosed
        done = recorded.status != "error" or is_done(self.run, self._plan)
        ends = finish(self.run, self._plan, at, self.held) if done else []
        if recorded.status == "error" and recorded not in ends:
            given_up = [so_far(self.run, plan, recorded.error, at) for plan in (self._plan, None)]
            self.reason_open = recorded in given_up or not ends
            ends = [recorded] if recorded in given_up else [*ends, *given_up]
        return ends[0]

    def _note(self, difference: Difference) -> None:
        self.count += 1
        if self.count <= KEPT:
            self.differences.append(difference)


def _differing(path: str, one: object, other: object) -> Iterator[tuple[str, object, object]]:
    """Give the fields of two values that differ, as deep down as they are alike."""
    if isinstance(one, msgspec.Struct) and type(one) is type(other):
        for name in one.__struct_fields__:
            yield from _differing(f"{path}.{name}".lstrip("."), getattr(one, name), getattr(other, name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _differing(f"{path}[{place}]", first, second)
    elif one != other:
        yield path, one, other
