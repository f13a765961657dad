"""`matchspec verify`: is what the logs hold what was recorded?"""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from domain import codec
from domain.errors import LogError, MatchspecError, RunNotFound
from domain.events import LOG, LogAccepted
from domain.times import stamp
from service.cli.failures import RUNTIME, tell
from service.cli.log_level import set_up_logging
from service.cli.loop import run_loop
from service.cli.past_runs import RunLogs, find_logs, list_logs
from service.cli.places import Places
from service.cli.run_here import find_run_log
from service.cli.saying import say
from service.log.address import LogAddress
from service.log.checkpoint_file import find_checkpoint
from service.log.event_log import Append, NewEvent
from service.log.opening import is_there, open_log
from service.log.signing import PublicKey, load_public_key, load_signer
from service.log.standing import Kept, Standing, hold, read_given, read_kept
from service.log.verifying import Verified, holds_run, verify_log
from service.reports.visible import one_line

ALTERED = 1


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `matchspec verify`."""

    run: str | None
    config: str | None
    db: str | None
    checkpoint: list[str]
    public_key: str | None
    accept: bool


class _Checked(NamedTuple):
    """A log, what was found in it, and how its checkpoints stand."""

    log: LogAddress
    verified: Verified
    standings: list[Standing]

    @property
    def breaks(self) -> list[str]:
        return self.verified.breaks + [_break(one) for one in self.standings if one.outcome == "breaks"]


def verify(options: Options) -> int:
    """Check, or accept; gives the exit code: 0 nothing altered, 1 a break."""
    try:
        set_up_logging(os.environ)
        logs = find_logs(options.config, options.db, Places(os.environ, Path.cwd(), Path.home()))
        given = [read_given(Path.cwd() / one) for one in options.checkpoint]
        if options.accept:
            return run_loop(_accept(_one_log(options, logs), given))
        return _verify(
            _choose(options, logs),
            given,
            load_public_key(options.public_key) if options.public_key is not None else None,
        )
    except MatchspecError as error:
        return tell(error)


def _choose(options: Options, logs: RunLogs) -> list[LogAddress]:
    return [_one_log(options, logs)] if options.run or options.db else list_logs(logs)


def _one_log(options: Options, logs: RunLogs) -> LogAddress:
    """Find a log without decoding what is in it."""
    log = find_run_log(logs.folders, options.run) if options.run else None
    if log is None and not is_there(logs.server_log):
        raise MatchspecError(f"there is no log {logs.server_log}")
    if log is None and options.run and not holds_run(logs.server_log, options.run):
        raise RunNotFound(f"there is no run '{options.run}': {logs.looked()}")
    return log or logs.server_log


def _verify(logs: Sequence[LogAddress], given: Sequence[Kept], key: PublicKey | None) -> int:
    checked, unread = [], 0
    for log in logs:
        try:
            checked.append(_check(log, given, key, alone=len(logs) == 1))
        except LogError as error:
            if len(logs) == 1:
                raise
            unread += 1
            say(_bad(f"{_shown(log)}: {error}"))
        else:
            _show(checked[-1], brief=len(logs) > 1 and isinstance(log, Path) and log.parent.name == "runs")
    known = {one.verified.log_id for one in checked}
    strange = [one for one in given if len(logs) > 1 and _log_id(one) not in known]
    for one in strange:
        say(_bad(f"{_shown(one.path)}: {one.fault or 'it is a checkpoint of none of these logs'}"))
    say(_summary(checked, unread))
    if strange or any(one.breaks for one in checked):
        return ALTERED
    return RUNTIME if unread else 0


def _summary(checked: Sequence[_Checked], unread: int) -> str:
    altered = sum(bool(one.breaks) for one in checked)
    events = sum(one.verified.head.position for one in checked)
    count = "1 log" if len(checked) == 1 else f"{len(checked)} logs"
    found = f"{altered} altered" if altered else "nothing altered"
    counted = "1 event" if events == 1 else f"{events:,} events"
    return f"{count}, {counted}: {found}" + (f"; {unread} can't be read" if unread else "")


def _check(log: LogAddress, given: Sequence[Kept], key: PublicKey | None, *, alone: bool) -> _Checked:
    """Read the checkpoints first: whatever is recorded meanwhile, the log must have what they say."""
    own = find_checkpoint(log, os.environ)
    kept = [one for one in [read_kept(own) if own else None, *given] if one]
    verified = verify_log(log, {one.note.checkpoint.position for one in kept if one.note})
    mine = [one for one in kept if alone or not one.elsewhere or _log_id(one) == verified.log_id]
    return _Checked(log, verified, hold(verified, mine, key) + _unsigned(log, mine, key))


def _unsigned(log: LogAddress, kept: Sequence[Kept], key: PublicKey | None) -> list[Standing]:
    if key is None or kept:
        return []
    return [Standing(Kept(log, False, None), "breaks", "there is no checkpoint, and so none that the key signed")]


def _log_id(kept: Kept) -> str | None:
    return kept.note.checkpoint.log_id if kept.note else None


async def _accept(log: LogAddress, given: Sequence[Kept]) -> int:
    """Record that the checkpoints which a whole log contradicts are void, while nobody else writes it."""
    now = stamp(datetime.now(UTC))
    opened = await open_log(
        log, now, load_signer(os.environ), checkpoint=find_checkpoint(log, os.environ), accepting=True
    )
    try:
        checked = await asyncio.to_thread(_check, log, given, None, alone=True)
        if checked.verified.breaks:
            _show(checked)
            click.echo("matchspec: the log itself was altered: there is nothing to accept", err=True)
            return ALTERED
        own = [one for one in checked.standings if opened.void and not one.kept.elsewhere]
        breaking = own + [one for one in checked.standings if one.outcome == "breaks" and one not in own]
        void = [one.kept.note for one in breaking if one.kept.note]
        if not void:
            _show(checked)
            say("nothing to accept: the log contradicts no checkpoint")
            return 0
        version = await opened.last_version(LOG)
        for number, note in enumerate(void, version + 1):
            event = LogAccepted(position=note.checkpoint.position, hash=note.checkpoint.hash.hex())
            new = NewEvent(LOG, number, now, event, codec.encode(event))
            (recorded,) = await opened.append(partial(Append, [new]))
            void_one = f"the checkpoint of event {note.checkpoint.position} of {note.checkpoint.at} is void"
            say(f"accepted by event {recorded.position}: {void_one}")
    finally:
        await opened.close()
    return 0


def _show(checked: _Checked, *, brief: bool = False) -> None:
    verified = checked.verified
    name = _shown(checked.log)
    if checked.breaks:
        say(_bad(name))
        for line in checked.breaks:
            say(f"  {_bad(one_line(line))}")
    elif brief:
        say(_good(f"{name}  event {verified.head.position}, {verified.head.hash.hex()}"))
        return
    else:
        say(_good(name))
    for label, text in _lines(checked):
        say(f"  {label:10}  {one_line(text)}")


def _lines(checked: _Checked) -> list[tuple[str, str]]:
    verified = checked.verified
    runs = "1 run" if verified.runs == 1 else f"{verified.runs:,} runs"
    until = "" if verified.whole else " up to the break"
    lines = [
        ("events", f"{verified.head.position:,} of {runs}{until}"),
        ("contents", f"{verified.contents:,}"),
        ("head", f"event {verified.head.position} of {verified.at}" if verified.at else "nothing was recorded yet"),
        ("", verified.head.hash.hex()),
    ]
    lines += [("checkpoint", _standing(one)) for one in checked.standings if one.outcome != "breaks"]
    if not checked.standings:
        lines.append(("checkpoint", "none: an end that was cut off would not show"))
    return lines


def _standing(standing: Standing) -> str:
    where = f"{_shown(standing.kept.path)}: " if standing.kept.elsewhere else ""
    return where + standing.said


def _break(standing: Standing) -> str:
    return f"checkpoint {_shown(standing.kept.path)}: {standing.said}"


def _shown(path: LogAddress) -> str:
    return os.path.relpath(path) if isinstance(path, Path) and path.is_relative_to(Path.cwd()) else str(path)


def _good(text: str) -> str:
    return f"{click.style('✓', fg='green')} {text}"


def _bad(text: str) -> str:
    return f"{click.style('✗', fg='red')} {text}"
