"""Power cuts: records what a real server does to its files and what a client saw meanwhile, and cuts everywhere.

Every state that a cut may leave is opened: the database is whole, its chain holds, every event that the client was
shown is in it, compared by run, version and hash, and the checkpoint beside it is not ahead of it. The same with
`synchronous=NORMAL` must lose some: a test of durability that can't fail proves nothing.
"""

import asyncio
import contextlib
import json
import os
import random
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from fault_replay import CUTS, Disk, Operation, add_note, read_record
from fault_shim import Shim
from project import examples, write_project
from server import Server, assert_chained, log_of, recorded_model

from domain.errors import MatchspecError
from projections.views import Views
from service.log.checkpoint_file import checkpoint_path, read_checkpoint
from service.log.opening import open_log
from service.writer import Writer

RECORDINGS = 5
RUNS = 8
EXAMPLES = 20
CONTROL = 1_000
REOPENED = 20
"""Every so many states are opened by matchspec itself as well."""

AT = "2026-03-15T14:30:22.000001Z"
NORMAL = """
from service.log.sqlite import connection
configure = connection._configure

async def configure_normal(opened, path):
    await configure(opened, path)
    await opened.execute("PRAGMA synchronous = NORMAL")

connection._configure = configure_normal
"""

Identity = tuple[str, int, bytes]
"""An event by its run, its version and its hash."""


class Recording(NamedTuple):
    """What was done to the files, with notes of what a client saw, and every event that was there in the end."""

    operations: Sequence[Operation]
    events: dict[str, list[Identity]]


class Tally(NamedTuple):
    """How many states were opened, how many were damaged, lacked something shown, or had a checkpoint that is ahead.

    `shown` counts events.
    """

    states: int = 0
    damaged: int = 0
    lossy: int = 0
    ahead: int = 0
    shown: int = 0

    def __add__(self, other: object) -> "Tally":
        if not isinstance(other, Tally):
            return NotImplemented
        return Tally(*(one + two for one, two in zip(self, other, strict=True)))


def campaign(folder: Path, seed: int, count: int | None) -> str:
    """Open `count` states (20,000), and for the control with NORMAL up to 1,000."""
    states = count or 20_000
    total = Tally()
    for number in range(RECORDINGS):
        recording = record(folder / str(number), large=number == 0)
        total += cut_everywhere(recording, -(-states // RECORDINGS), seed + number)
    assert (total.damaged, total.lossy, total.ahead) == (0, 0, 0), f"{total} (seed {seed})"
    control = cut_everywhere(record(folder / "normal", normal=True), min(states, CONTROL), seed)
    assert control.lossy > 0, "with synchronous=NORMAL nothing was lost: this test can't see a loss"
    return (
        f"{total.states} states of {RECORDINGS} recordings, {total.shown} events shown: 0 corrupt, 0 shown events "
        f"lost, 0 checkpoints ahead; control with synchronous=NORMAL: {control.lossy} of {control.states} states lost "
        f"some, {control.ahead} checkpoints were ahead"
    )


def record(folder: Path, *, runs: int = RUNS, large: bool = False, normal: bool = False) -> Recording:
    """Let a server run, stop it, let another go on and kill it. `large` answers make SQLite move its WAL meanwhile."""
    text = "x" * (40_000 if large else 10)
    answers = {f"q{number}": f"q{number} {text}" for number in range(EXAMPLES)}
    folder.mkdir(parents=True)
    record = folder / "record"
    record.touch()
    with recorded_model(folder, answers, 3) as model:
        config = write_project(
            folder / "project", examples=examples(EXAMPLES), model=model.spec, harness={"concurrency": 4}
        )
        variables = Shim(folder, log_of(config).parent, record).variables
        if normal:
            (folder / "sitecustomize.py").write_text(NORMAL)
            variables["PYTHONPATH"] = str(folder)
        with Server(config, **variables) as server:
            _watch_runs(server, record, runs)
            assert server.stop() == 0
        with Server(config, **variables) as server:
            _watch_runs(server, record, runs)
        events = _identities(log_of(config))
    return Recording(list(read_record(record)), events)


def _watch_runs(server: Server, record: Path, runs_to_see: int) -> None:
    """Start runs, two at a time, and note in the recording what is seen of them."""
    for _ in range(runs_to_see // 2):
        runs = [server.start_run() for _ in range(2)]
        seen = dict.fromkeys(runs, -1)
        for run_id in runs:
            _note(record, run_id, "started", 0)
        while runs:
            for run_id in list(runs):
                document = server.get(f"/results/{run_id}")
                if document["status"] != "running":
                    _note(record, run_id, "finished", EXAMPLES)
                    runs.remove(run_id)
                elif document["progress"]["completed"] > seen[run_id]:
                    seen[run_id] = document["progress"]["completed"]
                    _note(record, run_id, "scored", seen[run_id])


def _note(record: Path, run_id: str, what: str, completed: int) -> None:
    add_note(record, json.dumps([run_id, what, completed]).encode())


def _identities(db: Path) -> dict[str, list[Identity]]:
    runs: dict[str, list[Identity]] = {}
    with contextlib.closing(sqlite3.connect(db)) as database:
        for run_id, version, link in database.execute("SELECT run_id, version, hash FROM events ORDER BY position"):
            runs.setdefault(run_id, []).append((run_id, version, link))
    return runs


def cut_everywhere(recording: Recording, states: int, seed: int) -> Tally:
    """Cut a recording at evenly spread operations, in all ways, so that `states` states come of it."""
    chance = random.Random(seed)
    disk, shown, total = Disk(), set[Identity](), Tally()
    changes = sum(operation.kind != "A" for operation in recording.operations)
    cuts, done = max(1, states // len(CUTS)), 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as place:
        for operation in recording.operations:
            if operation.kind == "A":
                shown |= _shown(recording, *json.loads(operation.data))
                continue
            disk.apply(operation)
            done += 1
            times = done * cuts // changes - (done - 1) * cuts // changes
            for cut in CUTS * times:
                disk.write_out(Path(place), cut, chance)
                total += _look(Path(place) / "matchspec.db", shown, reopen=total.states % REOPENED == 0)
    return total._replace(shown=len(shown))


def _shown(recording: Recording, run_id: str, what: str, completed: int) -> set[Identity]:
    """The events of a run behind what was seen of it: `started`, then one an example, then `finished`."""
    events = recording.events[run_id]
    return set(events if what == "finished" else events[: 1 + completed])


def _look(db: Path, shown: set[Identity], *, reopen: bool) -> Tally:
    """Open what a cut has left."""
    try:
        with contextlib.closing(sqlite3.connect(db)) as database:
            whole = database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            made = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'events'").fetchone() == (1,)
        there = [identity for events in _identities(db).values() for identity in events] if made else []
        if made:
            assert_chained(db)
        ahead = _is_ahead(db, {link for _, _, link in there})
        if reopen and not ahead:
            asyncio.run(_reopen(db, len(there)))
    except (sqlite3.DatabaseError, AssertionError, MatchspecError):
        return Tally(states=1, damaged=1)
    return Tally(states=1, damaged=not whole, lossy=not shown <= set(there), ahead=ahead)


def _is_ahead(db: Path, hashes: set[bytes]) -> bool:
    """Whether the checkpoint beside a log names an event that the log does not have."""
    note = read_checkpoint(checkpoint_path(db))
    return note is not None and note.checkpoint.hash not in hashes


async def _reopen(db: Path, events: int) -> None:
    """Open a log as a server does: its events are folded, and a new log is begun where there was none."""
    log = await open_log(db, AT)
    writer = Writer(log, Views(), lambda: datetime.now(UTC))
    await writer.open()
    position = log.head.position
    await writer.close()
    await log.close()
    assert position == max(1, events)
