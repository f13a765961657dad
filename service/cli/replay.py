"""`matchspec replay`: recorded runs decided anew from their events, and held against what was recorded and shown."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click
import msgspec

from domain.codec import type_name
from domain.errors import LogError, LogUnreadable, MatchspecError, RunNotFound
from domain.events import LOG, Finished, LogAccepted, LogCreated, Started
from domain.plan import Plan, decode_plan
from domain.replay import KEPT, Difference, Replay
from domain.stretch import alone
from projections.listing import ListedRun, Listing
from service.cli.failures import RUNTIME, tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.past_runs import RunLogs, find_any_log, find_logs, list_logs
from service.cli.places import Places
from service.cli.replay_server import ShownRuns
from service.execution.baselines import hold_to_baseline
from service.log.address import LogAddress
from service.log.opening import open_reader
from service.log.reading import LogReader

DIFFERENT = 1
LONGEST_VALUE = 100


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec replay`."""

    run: str | None
    server: str | None
    config: str | None
    db: str | None


class Counts(msgspec.Struct):
    """What was replayed so far."""

    runs: int = 0
    events: int = 0
    different: int = 0
    unreadable: int = 0


def replay(options: Options) -> int:
    """Replay, and print what differs; gives the exit code."""
    try:
        set_up_logging(os.environ)
        return run_loop(_replay(options, os.environ, Path.cwd(), Path.home()))
    except MatchspecError as error:
        return tell(error)


async def _replay(options: Options, environment: Mapping[str, str], cwd: Path, home: Path) -> int:
    logs = find_logs(options.config, options.db, Places(environment, cwd, home))
    counts = Counts()
    async with AsyncExitStack() as stack:
        shown = None
        if options.server:
            shown = ShownRuns(options.server, environment.get("MATCHSPEC_API_KEY"))
            stack.push_async_callback(shown.close)
        for log in await _choose(logs, options):
            try:
                async with open_reader(log) as reader:
                    for run_id in [options.run] if options.run else await reader.read_run_ids():
                        if run_id == LOG:
                            await _look_at_log(reader, counts)
                        else:
                            await _replay_one(reader, run_id, shown, counts)
            except LogError as error:
                tell(error)
                counts.unreadable += 1
    click.echo(_summary(counts))
    if counts.different:
        return DIFFERENT
    return RUNTIME if counts.unreadable else 0


async def _choose(logs: RunLogs, options: Options) -> Sequence[LogAddress]:
    if options.run:
        return [await find_any_log(logs, options.run)]
    return list_logs(logs, with_own=options.server is None)


async def _look_at_log(reader: LogReader, counts: Counts) -> None:
    """The run `log` decides nothing: it holds facts of the log, and no others."""
    facts = [fact async for fact in reader.read_run(LOG)]
    strange = [fact for fact in facts if not isinstance(fact.event, LogCreated | LogAccepted)]
    counts.different += bool(strange)
    for fact in strange[:KEPT]:
        what = f"event {fact.version} ({type_name(fact.event)}) is no fact of the log"
        click.echo(f"{click.style('✗', fg='red')} {LOG}: {what}")


async def _replay_one(reader: LogReader, run_id: str, shown: ShownRuns | None, counts: Counts) -> None:
    counts.runs += 1
    try:
        replayed = await replay_run(reader, run_id)
        told = [_sentence(difference) for difference in replayed.differences]
        if shown and not replayed.stuck:
            told += await shown.differences(
                reader, await _listed(reader, run_id, replayed.run.version), replayed.run.version
            )
    except (LogError, msgspec.MsgspecError) as error:
        counts.unreadable += 1
        click.echo(f"{click.style('?', fg='yellow')} {run_id}: can't be replayed: {error}")
        return
    counts.events += replayed.run.version
    counts.different += bool(told)
    click.echo(f"{click.style('✗', fg='red') if told else click.style('✓', fg='green')} {_line(run_id, replayed)}")
    for sentence in told:
        click.echo(f"    {sentence}")
    if replayed.count > len(replayed.differences):
        click.echo(f"    and {replayed.count - len(replayed.differences):,} more")


async def _listed(reader: LogReader, run_id: str, version: int) -> ListedRun:
    listing = Listing()
    async for recorded in reader.read_run(run_id, up_to=version):
        listing.apply(alone(recorded))
    listed = listing.get(run_id)
    if listed is None:
        raise RunNotFound
    return listed


async def replay_run(reader: LogReader, run_id: str) -> Replay:
    """Decide a run anew, as far as its log goes; RunNotFound, LogUnreadable."""
    replayed: Replay | None = None
    plan: Plan | None = None
    async for recorded in reader.read_run(run_id):
        plan = plan or await _plan(reader, recorded.event)
        replayed = replayed or Replay(plan)
        if isinstance(recorded.event, Finished):
            replayed.held = await hold_to_baseline(reader, plan, replayed.run)
        replayed.apply(recorded.at, recorded.event)
        if replayed.stuck:
            return replayed
    if replayed is None:
        raise RunNotFound
    return replayed


async def _plan(reader: LogReader, event: object) -> Plan:
    if not isinstance(event, Started):
        raise LogUnreadable("its first event is not started")
    return decode_plan(await reader.read_content(event.plan))


def _line(run_id: str, replayed: Replay) -> str:
    events = f"{run_id}: {_count(replayed.run.version, 'event')}"
    end = replayed.end
    if end is None:
        return events if replayed.stuck else f"{events}; not over: there is no end to compare yet"
    reason = "; why it ended is no matter of its scores" if replayed.reason_open else ""
    return f"{events}, {end.status}{reason}"


def _sentence(difference: Difference) -> str:
    place = f"event {difference.version} ({difference.type})"
    if difference.why:
        return f"{place} can't follow what is before it: {difference.why}"
    return f"{place}, {difference.field}: recorded {_value(difference.recorded)}, again {_value(difference.again)}"


def _value(value: object) -> str:
    text = msgspec.json.encode(None if value is msgspec.UNSET else value).decode()
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _summary(counts: Counts) -> str:
    found = [f"{counts.different:,} different"] if counts.different else []
    found += [f"{counts.unreadable:,} not readable"] if counts.unreadable else []
    return f"{_count(counts.runs, 'run')}, {_count(counts.events, 'event')}: {', '.join(found) or 'the same'}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
