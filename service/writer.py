"""The one writer of runs: decides commands in order, commits them together, shows them, answers.

In this order, in this place only: commit, synced; apply to the views; answer the callers, some at a time: those told
first may have put their next command before the last is told. Commands that wait at the same time share one commit,
and each is decided on the state that includes those before it in the group.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic

from domain import codec
from domain.errors import LogError, LogUnavailable, RunClosed
from domain.events import LOG, Finished, Recorded, Started
from domain.impossible import fold
from domain.run import Run
from domain.share import Share
from domain.stretch import Stretch, alone
from domain.times import stamp
from projections.views import Views
from service.log.event_log import Append, Content, EventLog, NewEvent
from service.log.rows import Span
from service.measures import Measures
from service.waiting import Command, Pending, Waiting, tell, tell_in_turns

logger = logging.getLogger("matchspec.log")

RETRY_SECONDS = 0.5


class Writer:
    """Owns the log's writing side and the state of every unfinished run.

    `on_found` is called for each run whose start was recorded although its caller was told LogUnavailable, `on_gone`
    for each that another process ended.
    """

    def __init__(
        self, log: EventLog, views: Views, clock: Callable[[], datetime], measures: Measures | None = None
    ) -> None:
        self.runs: dict[str, Run] = {}
        self.on_found: Callable[[str], None] = lambda _run_id: None
        self.on_gone: Callable[[str], None] = lambda _run_id: None
        self._log = log
        self._views = views
        self._clock = clock
        self._waiting = Waiting()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._behind = False
        self._unread = ""
        self._lookers: list[asyncio.Future[None]] = []
        self._closing = False
        self._failing = False
        self._fault = ""
        self._measures = measures or Measures()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Fold the log up to its head and begin to write; what others append is taken in from there."""
        head = self._log.head.position
        async for recorded in self._log.read_ends():
            if recorded.position > head:
                break
            self._views.apply_end(recorded)
        self.runs = await self._fold_unfinished(self._views.take_unfinished)
        self._log.follow(self._take, self._look)
        self._task = asyncio.create_task(self._write_for_ever(), name="writer")

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._closing = True
        self._writable.clear()
        self._news.set()
        await self.stopped()

    @property
    def fault(self) -> str | None:
        """Why nothing can be recorded now; None where, as far as is known, it can."""
        if self._writable.is_set():
            return self._unread or None
        return self._fault or "the server stops"

    @property
    def waiting(self) -> int:
        """How many commands wait to be decided."""
        return len(self._waiting)

    @property
    def lag(self) -> float:
        """For how many seconds the writer has been behind."""
        return self._waiting.lag

    @property
    def failed(self) -> bool:
        """Whether writing ended by a fault of the program."""
        return bool(self._task and self._task.done() and not self._task.cancelled() and self._task.exception())

    async def stopped(self) -> None:
        """Wait until writing has ended, which before `close` only a fault of the program brings about."""
        if self._task:
            await asyncio.wait([self._task])

    async def do(self, run_id: str, command: Command, shares: Sequence[Share] = ()) -> None:
        """Decide a command and record what follows; returns when it is committed and shown.

        `shares` are handed out in the same transaction. Raises what the command raises, and LogUnavailable when nothing
        can be recorded now.
        """
        await self._put(run_id, command, (), shares)

    async def insist(self, run_id: str, command: Command, shares: Sequence[Share] = ()) -> None:
        """As `do`, but wait while nothing can be recorded."""
        while True:
            try:
                return await self.do(run_id, command, shares)
            except LogUnavailable:
                await self.writable()

    async def store(self, contents: Sequence[Content]) -> None:
        """Pin contents, before the event that names them."""
        await self._put(LOG, None, contents, ())

    async def look(self) -> None:
        """Take in what other processes appended by now; LogUnavailable where that can't be read."""
        if not self._log.shared:
            return
        if not self._writable.is_set():
            raise LogUnavailable(self.fault)
        looked = self._loop.create_future()
        self._lookers.append(looked)
        self._look()
        await looked

    async def writable(self) -> None:
        """Wait until the log can be written."""
        await self._writable.wait()

    def _put(
        self, run_id: str, command: Command | None, contents: Sequence[Content], shares: Sequence[Share]
    ) -> asyncio.Future[None]:
        if not self._writable.is_set():
            raise LogUnavailable(self.fault)
        answer = self._loop.create_future()
        self._waiting.put(Pending(run_id, command, contents, shares, answer))
        self._news.set()
        return answer

    async def _write_for_ever(self) -> None:
        group: Sequence[Pending] = ()
        try:
            while not self._closing:
                await self._news.wait()
                self._news.clear()
                while (group := self._waiting.take_group()) or self._behind:
                    if group:
                        began = monotonic()
                        accepted = await self._write(group)
                        self._waiting.note_written(began)
                        await tell_in_turns(accepted)
                    if self._behind:
                        await self._catch_up()
        except Exception:
            logger.exception("writing the log failed; the server ends, and its next start goes on")
            raise
        finally:
            self._writable.clear()
            for pending in (*group, *self._waiting.take_all()):
                tell(pending.answer, LogUnavailable(self.fault))
            for looker in self._lookers:
                tell(looker, LogUnavailable(self.fault))

    async def _write(self, group: Sequence[Pending]) -> Sequence[Pending]:
        """Decide, commit and show a group; gives those whose callers are to be told so."""
        accepted: list[Pending] = []
        began = monotonic()
        try:
            recorded = await self._log.append(lambda: self._decide(group, accepted))
        except LogUnavailable as error:
            await self._recover(error, group)
            return ()
        self._measures.append_seconds.observe(monotonic() - began)
        self._measures.append_commands.observe(len(group))
        if self._failing:
            self._failing = False
            logger.warning("the log can be written again")
        self._show(recorded)
        return accepted

    def _decide(self, group: Sequence[Pending], accepted: list[Pending]) -> Append:
        at = stamp(self._clock())
        events: list[NewEvent] = []
        for pending in group:
            try:
                events += self._follow(pending, at)
            except Exception as error:  # noqa: BLE001 - whatever a command raises belongs to its caller
                tell(pending.answer, error)
            else:
                accepted.append(pending)
        contents = [content for pending in accepted for content in pending.contents]
        return Append(events, contents, [share for pending in accepted for share in pending.shares])

    def _follow(self, pending: Pending, at: str) -> list[NewEvent]:
        if pending.command is None:
            return []
        run = self.runs.get(pending.run_id) or Run()
        if not run.version and self._views.listing.get(pending.run_id):
            raise RunClosed
        events = [
            NewEvent(pending.run_id, version, at, event, codec.encode(event))
            for version, event in enumerate(pending.command(run, at), run.version + 1)
        ]
        for new in events:
            run.apply(at, new.event)
        if events:
            self.runs[pending.run_id] = run
        return events

    def _take(self, recorded: Recorded) -> None:
        """Take in what another process appended."""
        if recorded.run_id != LOG:
            fold(self.runs.setdefault(recorded.run_id, Run()), alone(recorded))
        self._show([recorded])
        if isinstance(recorded.event, Finished):
            self.on_gone(recorded.run_id)

    def _look(self) -> None:
        self._behind = True
        self._news.set()

    async def _catch_up(self) -> None:
        self._behind = False
        lookers, self._lookers = self._lookers, []
        fault: LogUnavailable | None = None
        try:
            async for recorded in self._log.read_on():
                self._take(recorded)
        except LogUnavailable as error:
            logger.debug("%s", error)  # it is looked again
            fault = error
        finally:
            for looker in lookers:
                tell(looker, fault)
        self._unread = str(fault) if fault else ""

    def _show(self, events: Sequence[Recorded]) -> None:
        self._views.apply(events)
        for recorded in events:
            if type(recorded.event) is Finished:
                del self.runs[recorded.run_id]

    async def _recover(self, error: LogUnavailable, failed: Sequence[Pending]) -> None:
        """After a commit that may or may not have happened: look what is there, fold it again, then go on."""
        self._writable.clear()
        self._fault = str(error)
        if not self._failing:
            logger.error("%s", error)
        self._failing = True
        lookers, self._lookers = self._lookers, []
        for waiting in (*(pending.answer for pending in (*failed, *self._waiting.take_all())), *lookers):
            tell(waiting, LogUnavailable(str(error)))
        found: list[str] = []
        while not self._closing:
            await asyncio.sleep(RETRY_SECONDS)
            if await self._reopened(found):
                self._fault = ""
                self._writable.set()
                for run_id in found:
                    self.on_found(run_id)
                return

    async def _reopened(self, found: list[str]) -> bool:
        try:
            await self._log.reopen()
            # What others appended behind the log's head is taken in later.
            async for events in self._log.read_after(self._views.position, self._log.head.position):
                self._views.apply(events)
                found += [recorded.run_id for recorded in events if isinstance(recorded.event, Started)]
            self.runs = await self._fold_unfinished()
        except LogError as error:
            logger.debug("%s", error)
            return False
        return True

    async def _fold_unfinished(self, show: Callable[[Stretch], None] = lambda _stretch: None) -> dict[str, Run]:
        """Fold unfinished runs up to the log's head; `show` gets their events before anyone looks at what it shows."""
        runs = {run_id: Run() for run_id in self._views.listing.unfinished()}

        def take(stretch: Stretch) -> None:
            fold(runs[stretch.run_id], stretch)
            show(stretch)

        head = self._log.head.position
        spans = [Span(run_id, up_to=await self._log.last_version(run_id, head)) for run_id in runs]
        await self._log.fold_spans(spans, take)
        return runs
