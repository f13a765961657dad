"""A log's hashes checked by a few lines that know nothing of matchspec but the format's description."""

import asyncio
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from struct import pack

import pytest
from project import examples, suite, write_config, write_harness
from running import HTTP, log_of, serving


def first_break(log: Path) -> int | None:
    """Give the position of the first event that is not what the chain says; None for a log in order."""

    def sha(content: bytes) -> bytes:
        return hashlib.sha256(content).digest()

    def lp(text: str) -> bytes:
        return pack(">I", len(text.encode())) + text.encode()

    previous, versions = bytes(32), dict[str, int]()
    with closing(sqlite3.connect(log)) as database:
        rows = list(database.execute("SELECT * FROM events ORDER BY position"))
    for expected, (position, run_id, version, name, at, body, leaf, chained) in enumerate(rows, 1):
        versions[run_id] = versions.get(run_id, 0) + 1
        own = sha(b"\x00" + pack(">Q", version) + lp(run_id) + lp(name) + lp(at) + sha(body))
        previous = sha(b"\x01" + previous + pack(">Q", position) + leaf)
        if (position, version, leaf, chained) != (expected, versions[run_id], own, previous):
            return expected
    return None


def contents_of(log: Path) -> dict[str, bytes]:
    """Read all pinned contents; each must be what its digest says."""
    with closing(sqlite3.connect(log)) as database:
        contents = {digest.hex(): bytes(content) for digest, content in database.execute("SELECT * FROM contents")}
    for digest, content in contents.items():
        assert hashlib.sha256(content).hexdigest() == digest
    return contents


async def _write_log(folder: Path) -> Path:
    write_harness(folder, "small", examples=examples(7), model=HTTP)
    write_harness(folder, "large", examples=examples(300, tags=["größe"]), model=HTTP, concurrency=32)
    config = write_config(folder, [suite("one", "small"), suite("two", "small", "large")])
    async with serving(config) as client:
        runs = [await client.start(suite="one"), await client.start(suite="two"), await client.start()]
        await client.run(suite="two", tags=["größe"])
        for run in runs:
            await client.over(run)
    async with serving(config) as client:
        await client.run()
    return log_of(config)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that several runs wrote at the same time, and one after a restart."""
    return asyncio.run(_write_log(tmp_path_factory.mktemp("project")))


@pytest.fixture
def log(written: Path, tmp_path: Path) -> Path:
    """A copy of that log, to be tampered with."""
    return Path(shutil.copy(written, tmp_path / "copy.db"))


def tamper(log: Path, *changes: str) -> None:
    """Change the log past its triggers."""
    with closing(sqlite3.connect(log)) as database:
        for trigger in ("update", "delete", "replace"):
            database.execute(f"DROP TRIGGER events_no_{trigger}")
        for change in changes:
            database.execute(change)
        database.commit()


def test_the_log_of_real_runs_is_in_order(written: Path) -> None:
    """Every leaf, hash, position and version is what the format says, over interleaved runs and a restart."""
    assert first_break(written) is None
    with closing(sqlite3.connect(written)) as database:
        ((events, runs, last),) = database.execute("SELECT count(*), count(DISTINCT run_id), max(position) FROM events")
        ((changes_of_run,),) = database.execute(
            "SELECT count(*) FROM events a JOIN events b ON b.position = a.position + 1 WHERE a.run_id != b.run_id"
        )
    # log_created; five runs of 7, 307, 314, 300 and 314 examples, each with started and finished.
    assert (events, runs, last) == (1 + 1242 + 10, 6, 1253)
    assert changes_of_run > 20


def test_everything_that_a_run_names_is_pinned(written: Path) -> None:
    """The plan, the manifests and all blocks of every run are in the log, and hold as many rows as they say."""
    contents = contents_of(written)
    with closing(sqlite3.connect(written)) as database:
        bodies = [json.loads(body) for (body,) in database.execute("SELECT body FROM events WHERE type = 'started'")]

    assert len(bodies) == 5
    for started in bodies:
        assert started["plan"] in contents
        for harness in started["harnesses"]:
            manifest = json.loads(contents[harness["manifest"]])
            rows = [contents[digest].count(b"\n") for digest, _ in manifest["blocks"]]
            assert rows == [count for _, count in manifest["blocks"]]
            assert manifest["rows"] == harness["rows"] == sum(rows) == {"small": 7, "large": 300}[harness["harness"]]


@pytest.mark.parametrize("first", [1, 2, 3, 100, 700, 1200])
def test_one_flipped_byte_in_a_body_is_found(log: Path, first: int) -> None:
    """A single changed bit in the file, in the middle of an event's body, shows at exactly that event.

    It is the first event from a place on whose body the file holds once: runs may begin alike, and SQLite may leave
    old bytes where it moved a row.
    """
    content = log.read_bytes()
    with closing(sqlite3.connect(log)) as database:
        query = "SELECT position, body FROM events WHERE position >= ? ORDER BY position"
        position, body = next(row for row in database.execute(query, (first,)) if content.count(row[1]) == 1)
    place = content.index(body) + len(body) // 2
    log.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])

    assert first_break(log) == position


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        (["UPDATE events SET at = '2026-03-15T14:30:22.000000Z' WHERE position = 50"], 50),
        (["UPDATE events SET type = 'resumed' WHERE position = 51"], 51),
        (["UPDATE events SET run_id = run_id || 'x' WHERE position = 52"], 52),
        (["UPDATE events SET leaf = zeroblob(32) WHERE position = 53"], 53),
        (["UPDATE events SET hash = zeroblob(32) WHERE position = 54"], 54),
        (["DELETE FROM events WHERE position = 55"], 55),
        (["DELETE FROM events WHERE position = 56", "UPDATE events SET position = -position WHERE position > 56",
          "UPDATE events SET position = -position - 1 WHERE position < 0"], 56),
        (["UPDATE events SET position = -position WHERE position IN (57, 58)",
          "UPDATE events SET position = 115 + position WHERE position < 0"], 57),
    ],
    ids=["time", "type", "run", "leaf", "hash", "gap", "cut out and closed up", "order"],
)  # fmt: skip
def test_a_changed_log_breaks_at_the_change(log: Path, changes: list[str], broken: int) -> None:
    """Changing, removing or exchanging events past the triggers shows at the first event concerned."""
    tamper(log, *changes)

    assert first_break(log) == broken
