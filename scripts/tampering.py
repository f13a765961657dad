"""Ways to change a log behind the program's back, each on a copy of its files in a folder of its own.

Each takes a place where the log is, a source of chance, and the files of an older state of the same log and of another
log. What the events of a log are then, is read and chained here with nothing of ours but `domain.chain`.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from domain import chain

PAGE = 4096
FRAME = 24 + PAGE
WAL_HEADER = 32
COLUMNS = ("position", "run_id", "version", "type", "at", "body", "leaf", "hash")
REST = ", ".join(COLUMNS[1:])
Row = tuple[Any, ...]


class Place(NamedTuple):
    """A copy of a log to be changed, with what else an attacker may have."""

    db: Path
    older: dict[str, bytes]
    other: dict[str, bytes]
    rng: random.Random

    @property
    def wal(self) -> Path:
        """The log's write-ahead log."""
        return self.db.with_name(f"{self.db.name}-wal")


Change = Callable[[Place], None]


def put(files: dict[str, bytes], db: Path) -> None:
    """Put the files of a log, by the ends of their names, into the place of another."""
    for ending in ("", "-wal", "-shm"):
        path = db.with_name(f"{db.name}{ending}")
        path.unlink(missing_ok=True)
        if ending in files:
            path.write_bytes(files[ending])


@contextmanager
def past_the_triggers(db: Path) -> Iterator[sqlite3.Connection]:
    """A connection that may change everything; the triggers are back at its end, and the log is in one file."""
    with closing(sqlite3.connect(db, isolation_level=None)) as log:
        log.execute("PRAGMA synchronous = OFF")
        triggers = list(log.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
        log.execute("BEGIN")
        for name, _ in triggers:
            log.execute(f"DROP TRIGGER {name}")
        yield log
        for _, sql in triggers:
            log.execute(sql)
        log.execute("COMMIT")
        log.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def count(log: sqlite3.Connection) -> int:
    """The last position."""
    ((last,),) = log.execute("SELECT max(position) FROM events")
    return int(last)


def rechain(log: sqlite3.Connection, first: int) -> None:
    """Give every event from a position on the leaf and the hash that it would have had."""
    found = log.execute("SELECT hash FROM events WHERE position = ?", (first - 1,)).fetchone()
    previous = found[0] if found else chain.START
    rows = log.execute(f"SELECT {', '.join(COLUMNS[:6])} FROM events WHERE position >= ? ORDER BY position", (first,))
    for position, run_id, version, name, at, body in list(rows):
        leaf = chain.leaf(version, run_id, name, at, body)
        previous = chain.link(previous, position, leaf)
        log.execute("UPDATE events SET leaf = ?, hash = ? WHERE position = ?", (leaf, previous, position))


def close_up(log: sqlite3.Connection) -> None:
    """Let positions and versions count without a gap again."""
    rows = list(log.execute(f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY position"))
    log.execute("DELETE FROM events")
    versions: dict[str, int] = {}
    for position, row in enumerate(rows, 1):
        versions[row[1]] = versions.get(row[1], 0) + 1
        insert(log, (position, row[1], versions[row[1]], *row[3:]))


def insert(log: sqlite3.Connection, row: Row) -> None:
    """Put an event in."""
    log.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


# Bytes of the files.


def _change_bytes(path: Path, change: Callable[[bytearray], None]) -> None:
    content = bytearray(path.read_bytes())
    if content:
        change(content)
    path.write_bytes(content)


def flip_bit(place: Place) -> None:
    """One bit anywhere in the database."""
    _change_bytes(place.db, lambda content: _flip(content, place.rng))


def _flip(content: bytearray, rng: random.Random) -> None:
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def flip_bit_in_a_cell(place: Place) -> None:
    """One bit of a recorded text or hash, wherever the file holds it."""
    with closing(sqlite3.connect(place.db)) as log:
        column = place.rng.choice(["run_id", "type", "at", "body", "leaf", "hash"])
        values = [row[0] for row in log.execute(f"SELECT {column} FROM events")]
        values += [row[0] for row in log.execute("SELECT bytes FROM contents")]
    value = place.rng.choice(values)
    value = value.encode() if isinstance(value, str) else value

    def flip(content: bytearray) -> None:
        at = content.find(value)
        if at >= 0:
            content[at + place.rng.randrange(len(value))] ^= 1 << place.rng.randrange(8)

    _change_bytes(place.wal if place.wal.exists() and place.rng.random() < 0.5 else place.db, flip)


def zero_bytes(place: Place) -> None:
    """Up to 64 bytes in a row are zero."""

    def zero(content: bytearray) -> None:
        start = place.rng.randrange(len(content))
        end = min(len(content), start + place.rng.randint(1, 64))
        content[start:end] = bytes(end - start)

    _change_bytes(place.db, zero)


def swap_pages(place: Place) -> None:
    """Two pages change places, or one stands in both."""

    def swap(content: bytearray) -> None:
        pages = len(content) // PAGE
        one, two = (place.rng.randrange(pages) * PAGE for _ in range(2))
        first, second = content[one : one + PAGE], content[two : two + PAGE]
        content[two : two + PAGE] = first
        if place.rng.random() < 0.5:
            content[one : one + PAGE] = second

    _change_bytes(place.db, swap)


def cut_file(place: Place) -> None:
    """The database ends early, at a page or anywhere."""

    def cut(content: bytearray) -> None:
        end = place.rng.randrange(len(content))
        del content[end - end % PAGE if place.rng.random() < 0.5 else end :]

    _change_bytes(place.db, cut)


def flip_bit_in_the_wal(place: Place) -> None:
    """One bit anywhere in the write-ahead log."""
    _change_bytes(place.wal, lambda content: _flip(content, place.rng))


def cut_the_wal(place: Place) -> None:
    """The write-ahead log ends early, at a frame or anywhere, or is gone."""

    def cut(content: bytearray) -> None:
        end = place.rng.randrange(len(content))
        if place.rng.random() < 0.7:
            end -= max(0, end - WAL_HEADER) % FRAME
        del content[end:]

    _change_bytes(place.wal, cut)
    if place.rng.random() < 0.1:
        place.wal.unlink()


def swap_frames(place: Place) -> None:
    """Two frames of the write-ahead log change places."""

    def swap(content: bytearray) -> None:
        frames = (len(content) - WAL_HEADER) // FRAME
        one, two = (WAL_HEADER + place.rng.randrange(frames) * FRAME for _ in range(2))
        first, second = content[one : one + FRAME], content[two : two + FRAME]
        content[two : two + FRAME], content[one : one + FRAME] = first, second

    _change_bytes(place.wal, swap)


# Rows, past the triggers.


def edit_a_column(place: Place) -> None:
    """Any column of any event; of that row alone perhaps its leaf, or its leaf and its hash, are made to fit."""
    rng = place.rng
    with past_the_triggers(place.db) as log:
        position = rng.randint(1, count(log))
        column = rng.choice(COLUMNS)
        ((old,),) = log.execute(f"SELECT {column} FROM events WHERE position = ?", (position,))
        new = _other_value(column, old, rng)
        log.execute(f"UPDATE OR IGNORE events SET {column} = ? WHERE position = ?", (new, position))
        if column in ("leaf", "hash", "position"):
            return
        fit = rng.choice(["nothing", "leaf", "both"])
        if fit != "nothing":
            rows = log.execute(f"SELECT {', '.join(COLUMNS)} FROM events WHERE position = ?", (position,))
            (_, run_id, version, name, at, body, _, _) = rows.fetchone()
            leaf = chain.leaf(version, run_id, name, at, body)
            log.execute("UPDATE events SET leaf = ? WHERE position = ?", (leaf, position))
            if fit == "both":
                before = log.execute("SELECT hash FROM events WHERE position = ?", (position - 1,)).fetchone()
                link = chain.link(before[0] if before else chain.START, position, leaf)
                log.execute("UPDATE events SET hash = ? WHERE position = ?", (link, position))


def _other_value(column: str, old: Any, rng: random.Random) -> Any:
    match column:
        case "position":
            return old + 1_000_000
        case "version":
            return old + rng.choice([1_000, 1 << 40])
        case "type":
            return rng.choice(
                [name for name in ("resumed", "finished", "example_scored", "started", "x") if name != old]
            )
        case "run_id":
            return old + "x"
        case "at":
            return old.replace(old[18], str((int(old[18]) + 1) % 10))
        case "body":
            return old.replace(b"1", b"0") if b"1" in old else old + b" "
        case _:
            changed = bytearray(old)
            _flip(changed, rng)
            return bytes(changed)


def remove_an_event(place: Place) -> None:
    """One event is gone; perhaps those behind it close up, with hashes as they were."""
    with past_the_triggers(place.db) as log:
        log.execute("DELETE FROM events WHERE position = ?", (place.rng.randint(1, count(log)),))
        if place.rng.random() < 0.5:
            close_up(log)


def repeat_an_event(place: Place) -> None:
    """One event is there twice, the second time at the end or right behind."""
    with past_the_triggers(place.db) as log:
        last = count(log)
        at = place.rng.randint(2, last)
        (row,) = log.execute(f"SELECT {REST} FROM events WHERE position = ?", (at,))
        ((version,),) = log.execute("SELECT max(version) FROM events WHERE run_id = ?", (row[0],))
        insert(log, (last + 1, row[0], version + 1, *row[2:]))


def swap_events(place: Place) -> None:
    """Two events change places."""
    with past_the_triggers(place.db) as log:
        last = count(log)
        if last < 3:
            return
        one, two = place.rng.sample(range(2, last + 1), 2)
        for old, new in ((one, -1), (two, one), (-1, two)):
            log.execute("UPDATE events SET position = ? WHERE position = ?", (new, old))
        if place.rng.random() < 0.5:
            close_up(log)


def remove_a_run(place: Place) -> None:
    """All events of a run are gone; perhaps the others close up, with hashes as they were."""
    with past_the_triggers(place.db) as log:
        runs = [run for (run,) in log.execute("SELECT DISTINCT run_id FROM events WHERE run_id != 'log'")]
        log.execute("DELETE FROM events WHERE run_id = ?", (place.rng.choice(runs),))
        if place.rng.random() < 0.5:
            close_up(log)


def change_contents(place: Place) -> None:
    """Contents are edited, removed, exchanged, or have another digest."""
    with past_the_triggers(place.db) as log:
        digests = [digest for (digest,) in log.execute("SELECT digest FROM contents")]
        one, two = place.rng.sample(digests, 2)
        match place.rng.choice(["edit", "remove", "exchange", "rename", "empty"]):
            case "edit":
                ((content,),) = log.execute("SELECT bytes FROM contents WHERE digest = ?", (one,))
                log.execute("UPDATE contents SET bytes = ? WHERE digest = ?", (content + b" ", one))
            case "remove":
                log.execute("DELETE FROM contents WHERE digest = ?", (one,))
            case "exchange":
                other = "(SELECT bytes FROM contents WHERE digest = ?)"
                log.execute(f"UPDATE contents SET bytes = {other} WHERE digest = ?", (one, two))
            case "rename":
                changed = bytearray(one)
                _flip(changed, place.rng)
                log.execute("UPDATE contents SET digest = ? WHERE digest = ?", (bytes(changed), one))
            case _:
                log.execute("UPDATE contents SET bytes = x'' WHERE digest = ?", (one,))


# What the chain alone can't show.


def cut_the_tail(place: Place) -> None:
    """The last events are gone, as if they had never been."""
    with past_the_triggers(place.db) as log:
        log.execute("DELETE FROM events WHERE position > ?", (place.rng.randrange(1, count(log)),))


def put_a_backup_back(place: Place) -> None:
    """An older state of the log."""
    put(place.older, place.db)


def put_another_log_there(place: Place) -> None:
    """A log that is whole, and another one."""
    put(place.other, place.db)


def rewrite(place: Place) -> None:
    """Some events say something else, and every hash from there on is computed anew."""
    with past_the_triggers(place.db) as log:
        first = place.rng.randint(2, count(log))
        log.execute("UPDATE events SET at = replace(at, '20', '19') WHERE position >= ?", (first,))
        rechain(log, first)


def rewrite_without_a_run(place: Place) -> None:
    """A run was never there, and everything fits."""
    with past_the_triggers(place.db) as log:
        runs = [run for (run,) in log.execute("SELECT DISTINCT run_id FROM events WHERE run_id != 'log'")]
        log.execute("DELETE FROM events WHERE run_id = ?", (place.rng.choice(runs),))
        close_up(log)
        rechain(log, 1)


def cut_the_tail_and_accept(place: Place) -> None:
    """The last events are gone, and an event says that the operator declared the checkpoint void."""
    with past_the_triggers(place.db) as log:
        last = count(log)
        ((link,),) = log.execute("SELECT hash FROM events WHERE position = ?", (last,))
        kept = place.rng.randrange(1, last)
        log.execute("DELETE FROM events WHERE position > ?", (kept,))
        ((version,),) = log.execute("SELECT max(version) FROM events WHERE run_id = 'log'")
        body = f'{{"position":{last},"hash":"{link.hex()}"}}'.encode()
        insert(log, (kept + 1, "log", version + 1, "log_accepted", "2026-11-22T00:00:00.000000Z", body, b"", b""))
        rechain(log, kept + 1)


CHANGES: list[Change] = [
    flip_bit, flip_bit_in_a_cell, zero_bytes, swap_pages, cut_file,
    flip_bit_in_the_wal, cut_the_wal, swap_frames,
    edit_a_column, remove_an_event, repeat_an_event, swap_events, remove_a_run, change_contents,
    cut_the_tail, put_a_backup_back, put_another_log_there, rewrite, rewrite_without_a_run, cut_the_tail_and_accept,
]  # fmt: skip
IN_THE_WAL: set[Change] = {flip_bit_in_the_wal, cut_the_wal, swap_frames}


def visible(db: Path, runs: set[str], digests: set[bytes]) -> object:
    """All that a reader can see of a log, in every way in which ours reads; the error's kind where one can't."""
    try:
        with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as log:
            log.text_factory = lambda raw: ("text", raw)
            found: list[object] = [list(log.execute(f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY position"))]
            by_run = f"SELECT position, {REST} FROM events WHERE run_id = ? AND version > 0 ORDER BY version"
            found += [list(log.execute(by_run, (run,))) for run in sorted(runs)]
            ends = "type IN ('started', 'finished') AND position > 0"
            found.append(list(log.execute(f"SELECT position, {REST} FROM events WHERE {ends} ORDER BY position")))
            found.append(sorted(log.execute("SELECT digest, bytes FROM contents"), key=repr))
            by_digest = "SELECT bytes FROM contents WHERE digest = ?"
            return [*found, *(list(log.execute(by_digest, (digest,))) for digest in sorted(digests))]
    except (sqlite3.Error, MemoryError, OverflowError) as error:
        return f"unreadable: {type(error).__name__}"
