"""A run is read in parts whose bodies SQLite joins: what is folded is what was recorded, event for event."""

import asyncio
import re
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from facts import AT, RUN, append, entry, started
from facts import scored as score_of
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import logs
from tampering import past_the_triggers

from domain import codec
from domain.errors import LogUnreadable
from domain.events import LOG, Event, ExampleAnswered, ExampleScored, Recorded, Score
from domain.stretch import ASKINGS, Stretch
from service.log.event_log import NewEvent
from service.log.opening import open_log
from service.log.rows import PAGE_BYTES, Span
from service.log.sqlite import run_parts

WIDE = "x" * 300
"""Beyond what is joined, where the limit is that of these tests."""


async def folded(path: Path, *spans: Span) -> list[Stretch]:
    """The stretches of spans, of one run if none is told, as whoever folds them gets them."""
    log = await open_log(path, AT)
    taken: list[Stretch] = []
    try:
        await log.fold_spans(spans or [Span(RUN)], taken.append)
    finally:
        await log.close()
    return taken


async def fill(path: Path, events: Sequence[NewEvent]) -> list[Recorded]:
    """Make a log of these events, and close it."""
    log = await open_log(path, AT)
    recorded = await append(log, events)
    await log.close()
    return recorded


def anew(one: Recorded, event: Event) -> NewEvent:
    """An event to be appended where another one was."""
    return NewEvent(one.run_id, one.version, one.at, event, codec.encode(event))


def to_fold(event: Event | Score) -> Event | Score:
    """What is folded of an event."""
    return msgspec.convert(event, Score, from_attributes=True) if isinstance(event, Score) else event


def widened(event: Event) -> Event:
    """The same with a long output, where it has one."""
    answers = isinstance(event, ExampleAnswered | ExampleScored) and isinstance(event.output, str)
    return msgspec.structs.replace(event, output=WIDE) if answers else event


@settings(deadline=None, max_examples=60)
@given(log=logs(), part=st.integers(1, 5), data=st.data())
def test_each_event_of_a_run_is_folded_once_and_in_order(log: list[Recorded], part: int, data: st.DataObject) -> None:
    """Whatever the run, the runs between, the size of parts, and which bodies are too large to be joined."""
    events = [
        anew(one, widened(one.event) if data.draw(st.booleans()) else one.event) for one in log if one.run_id != LOG
    ]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_parts, "LARGE_BYTES", 250)
        patch.setattr(run_parts, "PART", part)
        path = Path(folder) / "log.db"
        recorded = asyncio.run(fill(path, events))
        for run_id in {one.run_id for one in events}:
            expected = [one for one in recorded if one.run_id == run_id]
            taken = asyncio.run(folded(path, Span(run_id)))
            assert [to_fold(event) for one in taken for event in one.events] == [to_fold(one.event) for one in expected]
            assert [one.version for one in taken] == first_versions(taken)
            ends = {one.version: (one.position, one.at, one.hash) for one in expected if type(one.event) not in ASKINGS}
            assert {one.version: (one.position, one.at, one.hash) for one in taken if one.version in ends} == ends
            assert max(one.position for one in taken) == expected[-1].position


@settings(deadline=None, max_examples=60)
@given(log=logs(), part=st.integers(1, 5), parts=st.integers(1, 3), data=st.data())
def test_spans_are_folded_one_after_the_other(log: list[Recorded], part: int, parts: int, data: st.DataObject) -> None:
    """Of each what it bounds, in the order in which they were asked for, however many of them a page has room for."""
    events = [anew(one, one.event) for one in log if one.run_id != LOG]
    spans = [
        Span(run_id, *(data.draw(st.integers(0, 20)) for _ in range(2)))
        for run_id in data.draw(st.permutations(sorted({one.run_id for one in events})))
    ]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_parts, "PART", part)
        patch.setattr(run_parts, "PARTS", parts)
        path = Path(folder) / "log.db"
        recorded = asyncio.run(fill(path, events))
        taken = [(one.run_id, to_fold(event)) for one in asyncio.run(folded(path, *spans)) for event in one.events]
    assert taken == [
        (one.run_id, to_fold(one.event))
        for span in spans
        for one in recorded
        if one.run_id == span.run_id and span.after < one.version <= span.up_to
    ]


def first_versions(taken: Sequence[Stretch]) -> list[int]:
    """The version that each stretch begins with, when none is missing."""
    return [1 + sum(len(one.events) for one in taken[:place]) for place in range(len(taken))]


async def test_askings_that_follow_each_other_come_together(tmp_path: Path) -> None:
    """250 of them in parts of 100, the start by itself: five stretches, not one for each event."""
    await fill(tmp_path / "log.db", [entry(RUN, 1, started(250)), *(entry(RUN, version) for version in range(2, 252))])
    assert [len(one.events) for one in await folded(tmp_path / "log.db")] == [1, 99, 100, 51]


async def test_large_events_fill_a_page(tmp_path: Path) -> None:
    """Of five with 0.4 of a page's bytes each, three are a page: a reading holds no more at once."""
    large = [entry(RUN, version, score_of(0, output="x" * (PAGE_BYTES * 4 // 10))) for version in range(1, 6)]
    await fill(tmp_path / "log.db", large)
    log = await open_log(tmp_path / "log.db", AT)
    taken: list[Stretch] = []
    spans = deque([Span(RUN, up_to=9)])
    await log._rows.fold_page(spans, taken.append)
    assert [one.version for one in taken] == [1, 2, 3]
    await log._rows.fold_page(spans, taken.append)
    await log.close()
    assert ([one.version for one in taken], spans) == ([1, 2, 3, 4, 5], deque())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "DELETE FROM events",
            f"of the events of {RUN} from version 1 to 9 not every one is there; `",
        ),
        ("UPDATE events SET body = CAST(body || ',' || body AS BLOB)", "not every one is there"),
        ("UPDATE events SET body = x''", "the log holds a 'example_scored' event that can't be read"),
        ("UPDATE events SET body = x'7bff'", "the log holds a 'example_scored' event that can't be read"),
    ],
    ids=["one is missing", "two in one body", "no body", "no text"],
)
async def test_a_log_that_was_changed_is_told(tmp_path: Path, change: str, told: str) -> None:
    """Joining hides nothing: what can't be read, or is not what was counted, ends the reading with a sentence."""
    await fill(tmp_path / "log.db", [entry(RUN, 1, started()), *(entry(RUN, version) for version in range(2, 10))])
    with past_the_triggers(tmp_path / "log.db") as database:
        database.execute(f"{change} WHERE position = 4")
    with pytest.raises(LogUnreadable, match=re.escape(told)):
        await folded(tmp_path / "log.db")


@pytest.mark.parametrize("missing", [(2,), (4,), (5,), (8,), (5, 6), (4, 5, 6), (7, 8)])
async def test_a_hole_is_told_wherever_parts_meet(
    tmp_path: Path, missing: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a part, at its ends, and a whole one: what is left is never folded as if it were all."""
    monkeypatch.setattr(run_parts, "PART", 3)
    await fill(tmp_path / "log.db", [entry(RUN, 1, started()), *(entry(RUN, version) for version in range(2, 10))])
    with past_the_triggers(tmp_path / "log.db") as database:
        database.executemany("DELETE FROM events WHERE run_id = ? AND version = ?", [(RUN, one) for one in missing])
    with pytest.raises(LogUnreadable, match="not every one is there"):
        await folded(tmp_path / "log.db")


async def test_bodies_that_are_read_together_are_those_that_are_stored(tmp_path: Path) -> None:
    """Byte for byte, also where they are no text: those asked for, unless they are too large; none is no fault."""
    path = tmp_path / "log.db"
    await fill(path, [entry(RUN, 1, started()), *(entry(RUN, version) for version in range(2, 6))])
    bodies = {2: b"\x00\xff\xfe", 3: b"", 4: b"\xf0\x9f\xa6\x89 owl", 5: b"x" * 50}
    with past_the_triggers(path) as database:
        for version, body in bodies.items():
            database.execute("UPDATE events SET body = ? WHERE run_id = ? AND version = ?", (body, RUN, version))
    log = await open_log(path, AT)
    assert await log.read_bodies(RUN, [5, 4, 3, 2, 9], 49) == {version: bodies[version] for version in (2, 3, 4)}
    assert await log.read_bodies(RUN, [5, 2], 50) == {2: bodies[2], 5: bodies[5]}
    assert await log.read_bodies(RUN, [9], 50) == {}
    assert await log.read_bodies(RUN, [], 50) == {}
    await log.close()
