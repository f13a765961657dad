"""Changes logs behind the program's back in every way of `tampering.py`, and sees that `matchspec verify` finds it.

A change that nobody can see by reading may pass. Prints one line; exits 1 where one that can be seen was not found (its
log is kept), or where a log that nobody changed was said to be.
"""

import argparse
import contextlib
import io
import os
import random
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from made_logs import make_log
from tampering import CHANGES, IN_THE_WAL, Change, Place, past_the_triggers, put, visible

from domain.checkpoint import Checkpoint, Note
from domain.errors import LogError
from service.cli import verify
from service.log.checkpoint_file import checkpoint_path
from service.log.standing import Kept, hold, read_kept
from service.log.verifying import verify_log

BASES = 8


class Base(NamedTuple):
    """A log as it was left: its files by the ends of their names, the same a while before, and its checkpoint."""

    files: dict[str, bytes]
    older: dict[str, bytes]
    note: Note
    runs: set[str]
    digests: set[bytes]


class Tally:
    """What came of the changes, by their names."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)

    def of(self, outcome: str) -> int:
        """How often an outcome came."""
        return sum(counts[outcome] for counts in self.counts.values())

    def table(self) -> str:
        """A line for each kind of change."""
        return "".join(f"{name:24} {dict(counts)}\n" for name, counts in self.counts.items())


def files_of(db: Path) -> dict[str, bytes]:
    """The files of a log that nobody has open."""
    paths = {ending: db.with_name(f"{db.name}{ending}") for ending in ("", "-wal")}
    return {ending: path.read_bytes() for ending, path in paths.items() if path.exists() and path.stat().st_size}


def make_base(folder: Path, seed: int) -> Base:
    """Make a log; every second ends with a crash, so that part of it is in its WAL."""
    db = make_log(folder, seed)
    older = files_of(db)
    make_log(folder, seed + 1, crash=seed % 2 == 1)
    files = files_of(db)
    checked = verify_log(db)
    assert not checked.breaks, checked.breaks
    with past_the_triggers(db) as log:
        runs = {run for (run,) in log.execute("SELECT DISTINCT run_id FROM events")}
        digests = {digest for (digest,) in log.execute("SELECT digest FROM contents")}
    note = Note(Checkpoint(checked.log_id, *checked.head, checked.at))
    return Base(files, older, note, runs, digests)


def is_found(db: Path, note: Note) -> str:
    """Whether `verify` finds a change: `alone`, by the `checkpoint`, or `not`."""
    try:
        checked = verify_log(db, {note.checkpoint.position})
    except LogError:
        return "alone"
    if checked.breaks:
        return "alone"
    standings = hold(checked, [Kept(db, False, note)], None)
    return "checkpoint" if any(one.outcome == "breaks" for one in standings) else "not"


def try_mutants(
    folder: Path, bases: Sequence[Base], count: int, rng: random.Random, tally: Tally, keep: Path
) -> list[str]:
    """Try so many changes, one kind after another; gives the places where those are kept that were not found."""
    missed = []
    db = folder / "mutant" / "matchspec.db"
    db.parent.mkdir()
    for number in range(count):
        change = CHANGES[number % len(CHANGES)]
        base = rng.choice([one for one in bases if "-wal" in one.files or change not in IN_THE_WAL])
        put(base.files, db)
        before = visible(db, base.runs, base.digests)
        put(base.files, db)
        other = rng.choice([one for one in bases if one is not base])
        outcome = _try(change, Place(db, base.older, other.files, rng), base, before)
        tally.counts[change.__name__][outcome] += 1
        if outcome == "missed":
            kept = keep / f"missed-{number}-{change.__name__}"
            shutil.copytree(db.parent, kept, dirs_exist_ok=True)
            missed.append(str(kept))
    return missed


def _try(change: Change, place: Place, base: Base, before: object) -> str:
    change(place)
    found = is_found(place.db, base.note)
    changed = visible(place.db, base.runs, base.digests) != before
    if not changed:
        return "unseen" if found == "not" else "unseen, found"
    return {"alone": "found alone", "checkpoint": "found by the checkpoint", "not": "missed"}[found]


def find_false_alarm(folder: Path, seed: int) -> str | None:
    """Make a log and change nothing, in one of four ways; says what `verify` says against it."""
    kind = seed % 4
    db = make_log(folder, seed, crash=kind == 1, resume=kind == 2)
    kept = [read_kept(checkpoint_path(db))]
    if kind == 3:  # a backup is put back, and accepted
        older = files_of(db)
        make_log(folder, seed + 1)
        newest = read_kept(checkpoint_path(db))
        put(older, db)
        kept = [newest._replace(elsewhere=True) if newest else None]
        options = verify.Options(run=None, config=None, db=str(db), checkpoint=[], public_key=None, accept=True)
        with contextlib.redirect_stdout(io.StringIO()):
            assert verify.verify(options) == 0
        make_log(folder, seed + 2)
        kept.append(read_kept(checkpoint_path(db)))
    there = [one for one in kept if one]
    checked = verify_log(db, {one.note.checkpoint.position for one in there if one.note})
    said = checked.breaks + [one.said for one in hold(checked, there, None) if one.outcome == "breaks"]
    return "; ".join(said) or None


def campaign(keep: Path, seed: int, count: int | None) -> str:
    """Try 2,000 changes and 500 logs that nobody changed, or `count` and a quarter of that; gives what came of it.

    AssertionError where a change that can be seen was not found, or a log that nobody changed was said to be.
    """
    count = count or 2_000
    said, faults, _ = try_all(keep, seed, count, count // 4)
    assert not faults, "; ".join([said, *faults])
    return said


def try_all(keep: Path, seed: int, count: int, clean: int) -> tuple[str, list[str], Tally]:
    """Try so many of both, in memory where that is a folder; what was missed is kept.

    Gives a line, what went wrong, and what came of each kind of change.
    """
    rng, tally = random.Random(seed), Tally()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tamper-", dir=memory) as name:
        folder = Path(name)
        bases = [make_base(folder / f"base-{number}", seed * 1_000 + number) for number in range(BASES)]
        missed = try_mutants(folder, bases, count, rng, tally, keep)
        alarms = []
        for number in range(clean):
            said = find_false_alarm(folder / f"clean-{number}", seed * 100_000 + number)
            alarms += [f"clean log {number}: {said}"] if said else []
            shutil.rmtree(folder / f"clean-{number}")
    return _result(count, clean, tally, len(alarms)), missed + alarms, tally


def _result(count: int, clean: int, tally: Tally, alarms: int) -> str:
    alone, by_checkpoint, missed = map(tally.of, ("found alone", "found by the checkpoint", "missed"))
    unseen = tally.of("unseen") + tally.of("unseen, found")
    return (
        f"{count:,} changed logs, {alone + by_checkpoint + missed:,} of them visibly: {missed} missed, "
        f"{alone:,} found by the log alone, {by_checkpoint:,} by the checkpoint; "
        f"{unseen:,} changed nothing that can be read; {clean:,} unchanged logs, {alarms} false alarms"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Try them; 0 when every change that can be seen was found, and no other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=2_000, help="changed logs (%(default)s)")
    parser.add_argument("--clean", type=int, default=500, help="logs that nobody changed (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--kinds", action="store_true", help="print what came of each kind of change, too")
    options = parser.parse_args(argv)
    keep = Path(tempfile.gettempdir())
    said, faults, tally = try_all(keep, options.seed, options.count, options.clean)
    if options.kinds:
        print(tally.table(), end="")
    print("".join(f"{line}\n" for line in faults) + f"tamper: {said}; seed {options.seed}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
