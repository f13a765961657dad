"""The one writer: decides in order, commits together, then shows, then answers; a fault loses nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from facts import RUN, scored, started

from domain.errors import LogUnavailable, RunClosed, WrongVersion
from domain.events import Event, Recorded
from domain.examples import digest
from domain.run import Run, abandon, record_score, resume, start
from domain.times import stamp
from projections.views import Views
from service import writer as writer_module
from service.log.event_log import Append, Content, EventLog, NewEvent
from service.log.opening import open_log
from service.waiting import ANSWERED_AT_ONCE, Command
from service.writer import Writer

OTHER = "run-20260315-143022-b000"
NOW = datetime(2026, 3, 15, 14, 30, 22, 123456, tzinfo=UTC)


class Desk:
    """A writer at work over a log in a file, with what readers see of it."""

    def __init__(self, path: Path, log: EventLog, views: Views, writer: Writer) -> None:
        self.path = path
        self.log = log
        self.views = views
        self.writer = writer
        self.appends: list[int] = []
        self._append = log._commit

    def watch(self, before: Callable[[], None] = lambda: None, after: Callable[[], None] = lambda: None) -> None:
        """Note the size of every append, and look around before it and after its commit."""

        async def append(decided: Append) -> list[Recorded]:
            before()
            self.appends.append(len(decided.events))
            recorded = await self._append(decided)
            after()
            return recorded

        self.log._commit = append  # type: ignore[method-assign]

    def completed(self, run_id: str = RUN) -> int | None:
        """How many examples a reader sees."""
        progress = self.views.progress.get(run_id)
        return progress.completed if progress else None

    def committed(self) -> list[tuple[str, int, str]]:
        """Run, version and type of the runs' events as any other program reads them."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as database:
            query = "SELECT run_id, version, type FROM events WHERE position > 1 ORDER BY position"
            return list(database.execute(query))

    async def assert_equals_its_log(self) -> None:
        """Compare the views and the states with a fold of the log from its first event."""
        views, runs = Views(), dict[str, Run]()
        async for events in self.log.read_after(0):
            views.apply(events)
            for recorded in events:
                if recorded.run_id != "log":
                    runs.setdefault(recorded.run_id, Run()).apply(recorded.at, recorded.event)
        for run_id, run in runs.items():
            assert self.views.progress.get(run_id) == views.progress.get(run_id)
            assert self.views.listing.get(run_id) == views.listing.get(run_id)
            if run.finished:
                assert run_id not in self.writer.runs
            else:
                live = self.writer.runs[run_id]
                assert (live.version, live.completed, live.recorded) == (run.version, run.completed, run.recorded)
        assert self.views.position == views.position


@asynccontextmanager
async def open_desk(path: Path) -> AsyncIterator[Desk]:
    """Open a log and its writer, and close them as the service does."""
    log = await open_log(path, stamp(NOW))
    views = Views()
    writer = Writer(log, views, lambda: NOW)
    await writer.open()
    try:
        yield Desk(path, log, views, writer)
    finally:
        await writer.close()
        await log.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A writer over a new log."""
    async with open_desk(tmp_path / "matchspec.db") as opened:
        yield opened


def begin(examples: int = 10) -> Command:
    """The command that starts a run."""
    return lambda run, _at: start(run, started(examples))


def record(row: int) -> Command:
    """The command that records the example of a row."""
    return lambda run, _at: record_score(run, scored(row))


def give_up() -> Command:
    """The command that ends a run as `error`."""
    return lambda run, at: abandon(run, None, "given up", at)


async def test_commands_of_one_group_see_what_those_before_them_did(desk: Desk) -> None:
    """A start, two scores of one row and another score wait together: one commit, the repeat records nothing."""
    desk.watch()

    await asyncio.gather(*(desk.writer.do(RUN, command) for command in (begin(), record(4), record(4), record(5))))

    assert desk.appends == [3]
    assert desk.committed() == [(RUN, 1, "started"), (RUN, 2, "example_scored"), (RUN, 3, "example_scored")]
    assert desk.completed() == 2


async def test_many_commands_at_once_need_few_commits(desk: Desk) -> None:
    """256 scores that come at the same time share a commit; those that come one by one do not wait for more."""
    await desk.writer.do(RUN, begin(300))
    desk.watch()

    await asyncio.gather(*(desk.writer.do(RUN, record(row)) for row in range(256)))
    assert sum(desk.appends) == 256
    assert len(desk.appends) <= 3

    desk.appends.clear()
    for row in range(256, 266):
        await desk.writer.do(RUN, record(row))
    assert desk.appends == [1] * 10


async def test_a_command_that_fails_fails_its_caller_alone(desk: Desk) -> None:
    """Whatever a command raises goes to who sent it; the others of its group are recorded."""

    def fail(_run: Run, _at: str) -> Sequence[Event]:
        raise ZeroDivisionError("mine")

    await desk.writer.do(RUN, begin())
    commands = [record(0), fail, begin(), record(1)]
    answers = await asyncio.gather(*(desk.writer.do(RUN, one) for one in commands), return_exceptions=True)

    assert [type(answer) for answer in answers] == [type(None), ZeroDivisionError, WrongVersion, type(None)]
    assert desk.completed() == 2
    await desk.assert_equals_its_log()


async def test_an_id_that_is_taken_is_told(desk: Desk) -> None:
    """Of two starts under one id the second is WrongVersion, and RunClosed once that run is over."""
    answers = await asyncio.gather(desk.writer.do(RUN, begin()), desk.writer.do(RUN, begin()), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), WrongVersion]

    await desk.writer.do(RUN, give_up())
    with pytest.raises(RunClosed):
        await desk.writer.do(RUN, begin())
    with pytest.raises(RunClosed):
        await desk.writer.do(RUN, record(0))
    assert desk.committed() == [(RUN, 1, "started"), (RUN, 2, "finished")]


async def test_a_score_for_a_run_that_never_began_is_refused(desk: Desk) -> None:
    """Nothing is recorded for an id that no `started` introduced."""
    with pytest.raises(RunClosed):
        await desk.writer.do(RUN, record(0))

    assert desk.committed() == []
    assert desk.writer.runs == {}


async def test_commit_then_views_then_answer(desk: Desk) -> None:
    """No reader sees a fact before it is committed, and no caller is answered before readers see it."""
    await desk.writer.do(RUN, begin())
    seen: list[tuple[str, int | None, int]] = []

    def look(when: str) -> None:
        seen.append((when, desk.completed(), len(desk.committed())))

    desk.watch(before=partial(look, "before the commit"), after=partial(look, "after the commit"))
    await desk.writer.do(RUN, record(0))
    look("answered")

    assert seen == [("before the commit", 0, 1), ("after the commit", 0, 2), ("answered", 1, 2)]


async def test_who_waits_together_is_answered_some_at_a_time(desk: Desk) -> None:
    """256 scores share a commit; the loop has a turn between some of their callers and the next: a poll waits less."""
    await desk.writer.do(RUN, begin(300))
    answered: list[int] = []

    async def score(row: int) -> None:
        await desk.writer.do(RUN, record(row))
        answered.append(row)

    scoring = asyncio.gather(*(score(row) for row in range(256)))
    by_turns: list[int] = []
    while not scoring.done():
        before = len(answered)
        await asyncio.sleep(0)
        by_turns.append(len(answered) - before)

    assert answered == list(range(256))
    assert max(by_turns) <= 2 * ANSWERED_AT_ONCE


async def test_what_others_append_is_looked_at_however_busy_the_writer_is(desk: Desk) -> None:
    """Callers that ask again as soon as they are told leave no moment in which nothing waits."""
    desk.log.shared = True
    await desk.writer.do(RUN, begin(100_000))
    rows = iter(range(100_000))
    looked = False

    async def ask() -> None:
        while not looked:
            await desk.writer.do(RUN, record(next(rows)))

    callers = [asyncio.create_task(ask()) for _ in range(4 * ANSWERED_AT_ONCE)]
    await asyncio.sleep(0.1)
    try:
        async with asyncio.timeout(10):
            await desk.writer.look()
    finally:
        looked = True
        await asyncio.gather(*callers)


async def test_a_view_is_never_ahead_of_the_log(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever a view takes in an event, another program already finds it in the file."""
    apply = desk.views.apply
    missing: list[Recorded] = []

    def applying(events: Sequence[Recorded]) -> None:
        committed = {(run, version) for run, version, _ in desk.committed()}
        missing.extend(recorded for recorded in events if (recorded.run_id, recorded.version) not in committed)
        apply(events)

    monkeypatch.setattr(desk.views, "apply", applying)
    await asyncio.gather(desk.writer.do(RUN, begin()), *(desk.writer.do(RUN, record(row)) for row in range(10)))

    assert missing == []
    assert desk.completed() == 10


async def test_a_cancelled_caller_changes_nothing_for_the_others(desk: Desk) -> None:
    """Callers that go away while their group is written leave the rest answered and the log in order."""
    await desk.writer.do(RUN, begin(40))
    callers = [asyncio.create_task(desk.writer.do(RUN, record(row))) for row in range(40)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(answer) for answer in answers] == [asyncio.CancelledError, type(None)] * 20
    await desk.writer.do(RUN, lambda run, _at: resume(run, "pid 2", False, []))
    await desk.assert_equals_its_log()
    rows = desk.writer.runs[RUN].recorded["qa", "qa-v1"]
    assert all(rows[row] for row in range(1, 40, 2))


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
async def test_a_failed_commit_is_told_and_gone_over(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """A fault before or after the commit: callers get LogUnavailable, what readers see is what the log holds."""
    await desk.writer.do(RUN, begin())
    await desk.writer.do(RUN, record(0))
    append = desk.log._commit

    async def fail(decided: Append) -> list[Recorded]:
        monkeypatch.undo()
        if committed:
            await append(decided)
        raise LogUnavailable("disk full")

    monkeypatch.setattr(desk.log, "_commit", fail)
    commands = [desk.writer.do(RUN, record(1)), desk.writer.do(RUN, record(2)), desk.writer.do(OTHER, begin())]
    answers = await asyncio.gather(*commands, return_exceptions=True)

    assert [str(answer) for answer in answers if isinstance(answer, LogUnavailable)] == ["disk full"] * 3
    async with asyncio.timeout(5):
        await desk.writer.writable()
    await desk.assert_equals_its_log()
    assert desk.completed() == (3 if committed else 1)
    assert (desk.views.listing.get(OTHER) is not None) == committed

    await asyncio.gather(*(desk.writer.do(RUN, record(row)) for row in range(10)))
    await desk.assert_equals_its_log()
    assert desk.completed() == 10
    assert [version for run, version, _ in desk.committed() if run == RUN] == list(range(1, 12))


async def test_a_fault_that_lasts_is_waited_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the log can't be opened again, commands get LogUnavailable at once; then writing goes on by itself."""
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.01)
    await desk.writer.do(RUN, begin())
    reopen, tries = desk.log.reopen, 0

    async def fail(_events: Sequence[NewEvent], _contents: Sequence[Content] = ()) -> list[Recorded]:
        raise LogUnavailable("disk full")

    async def reopen_late() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise LogUnavailable("still full")
        monkeypatch.undo()
        await reopen()

    monkeypatch.setattr(desk.log, "_commit", fail)
    monkeypatch.setattr(desk.log, "reopen", reopen_late)
    for _ in range(2):
        with pytest.raises(LogUnavailable, match=r"^disk full$"):
            await desk.writer.do(RUN, record(0))
    async with asyncio.timeout(5):
        await desk.writer.writable()

    assert tries == 4
    await desk.writer.do(RUN, record(0))
    await desk.assert_equals_its_log()
    assert desk.completed() == 1


async def test_a_fault_of_the_program_ends_writing_and_answers_everybody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view that can't take in an event stops the writer: it is known as failed, and no caller waits for ever."""
    await desk.writer.do(RUN, begin())

    def fail(_events: Sequence[Recorded]) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(desk.views, "apply", fail)
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(desk.writer.do(RUN, record(row)) for row in range(3)), return_exceptions=True)
        await desk.writer.stopped()

    assert [type(answer) for answer in answers] == [LogUnavailable] * 3
    assert desk.writer.failed
    with pytest.raises(LogUnavailable):
        await desk.writer.do(RUN, record(5))


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    """Commands that wait when the writer is closed are recorded and answered; later ones are refused."""
    async with open_desk(tmp_path / "matchspec.db") as desk:
        await desk.writer.do(RUN, begin(2_500))
        callers = [asyncio.create_task(desk.writer.do(RUN, record(row))) for row in range(2_500)]
        await asyncio.sleep(0)
        await desk.writer.close()

        assert await asyncio.gather(*callers) == [None] * 2_500
        with pytest.raises(LogUnavailable, match=r"^the server stops$"):
            await desk.writer.do(RUN, give_up())
        assert len(desk.committed()) == 2_501


async def test_opening_a_log_gives_the_views_and_states_that_were_there(tmp_path: Path) -> None:
    """A writer over a log with a finished and an unfinished run stands where the one before it stood."""
    path = tmp_path / "matchspec.db"
    async with open_desk(path) as desk:
        for run_id in (OTHER, RUN):
            await desk.writer.do(run_id, begin())
            await desk.writer.do(run_id, record(7))
        await desk.writer.do(OTHER, give_up())

    async with open_desk(path) as desk:
        assert desk.views.listing.unfinished() == [RUN]
        assert (desk.completed(RUN), desk.completed(OTHER)) == (1, None)
        await desk.assert_equals_its_log()
        await asyncio.gather(desk.writer.do(RUN, record(7)), desk.writer.do(RUN, record(8)))
        assert desk.completed(RUN) == 2


async def test_contents_are_stored_in_bounded_groups(desk: Desk) -> None:
    """Five contents of 3 MB that wait together are committed in transactions of at most 8 MB each."""
    sizes: list[int] = []
    append = desk.log._commit

    async def measure(decided: Append) -> list[Recorded]:
        sizes.append(sum(len(content.content) for content in decided.contents))
        return await append(decided)

    desk.log._commit = measure  # type: ignore[method-assign]
    texts = [bytes([number]) * 3_000_000 for number in range(5)]
    await asyncio.gather(*(desk.writer.store([Content(digest(text), text)]) for text in texts))

    assert sum(sizes) == 15_000_000
    assert max(sizes) <= 8_000_000
    assert [await desk.log.read_content(digest(text)) == text for text in texts] == [True] * 5


async def test_the_time_of_an_event_is_the_clocks(desk: Desk) -> None:
    """Events carry the time at which they were decided, UTC with microseconds."""
    await desk.writer.do(RUN, begin())

    assert [one.at async for one in desk.log.read_run(RUN)] == ["2026-03-15T14:30:22.123456Z"]
