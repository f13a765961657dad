"""Time that behaves badly: a server that stands still, a clock that jumps two days both ways, readers and a second
server meanwhile. Order is by position, nothing is there twice, and no duration is negative.
"""

import contextlib
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from fault_shim import Shim
from fault_sweep import finish, start
from live_server import Document
from project import examples, write_project
from server import Logged, Server, assert_chained, log_of, of_type, read_log, recorded_model, run_serve, until

EXAMPLES = 60
TWO_DAYS = 172_800
STOPPED_SECONDS = 30


def campaign(folder: Path, _seed: int, count: int | None) -> str:
    """Stop a server for `count` seconds (30), and let its clock jump."""
    seconds = count or STOPPED_SECONDS
    reads = stand_still(folder / "stopped", seconds)
    jumps = jump(folder / "jumps")
    return (
        f"stopped for {seconds} s while a second server was refused and {reads} reads saw a whole log; "
        f"{jumps} jumps of two days, both ways: order by position, 0 duplicates, 0 negative durations"
    )


def stand_still(folder: Path, seconds: float) -> int:
    """Stop a server in the middle of a run; gives how often the log was read meanwhile."""
    with at_work(folder) as (server, run_id), reading(log_of(server.config)) as reads:
        until(lambda: bool(reads), 20, "a first read")
        os.kill(server.process.pid, signal.SIGSTOP)
        second = run_serve(server.config.parent)
        assert second.returncode == 3, second.stderr
        assert f"process {server.process.pid}," in second.stderr
        before = len(reads)
        time.sleep(seconds)
        assert len(reads) > before, "a server that stands still held up a reader"
        os.kill(server.process.pid, signal.SIGCONT)
        assert_run(finish(server, run_id, "stopped"))
    assert_in_order(log_of(server.config), runs=1)
    return len(reads)


def jump(folder: Path) -> int:
    """Let the clock jump back and forth within runs and between them; gives how often it did."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "project" / "matchspec.yml"
    shim = Shim(folder, log_of(config).parent)
    shifts = [TWO_DAYS, -TWO_DAYS, 0, -TWO_DAYS, TWO_DAYS, 0]
    with at_work(folder, shim) as (server, run_id):
        runs = [run_id]
        for shift in shifts:
            shim.set(clock_shift=shift)
            _wait_for_an_example(server, runs[-1])
            runs.append(start(server, f"a jump of {shift} s"))
        results = [finish(server, run, "jumps") for run in runs]
        for result in results:
            assert_run(result)
        listed = [run["run_id"] for run in server.get("/results")["runs"]]
        assert listed == runs[::-1], "the listing is not in the log's order"
    events = assert_in_order(log_of(config), runs=len(runs))
    times = [event.at for event in events]
    assert times != sorted(times), "the clock did not jump: this proves nothing"
    assert any(result["finished_at"] < result["started_at"] for result in results), "no run met a jump back"
    return len(shifts)


def _wait_for_an_example(server: Server, run_id: str) -> None:
    before = _completed(server, run_id)
    until(lambda: _completed(server, run_id) > before, 20, "an example behind a jump")


def _completed(server: Server, run_id: str) -> int:
    document = server.get(f"/results/{run_id}")
    return int(document["progress"]["completed"]) if "progress" in document else EXAMPLES + 1


@contextlib.contextmanager
def at_work(folder: Path, shim: Shim | None = None) -> Iterator[tuple[Server, str]]:
    """A server in the middle of a run whose calls may take longer than it will stand still."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = {f"q{number}": f"q{number}" for number in range(EXAMPLES)}
    with recorded_model(folder, answers, 50) as model:
        config = write_project(
            folder / "project",
            examples=examples(EXAMPLES),
            model=model.spec,
            harness={"concurrency": 2, "timeout_seconds": 300},
        )
        with Server(config, **(shim.variables if shim else {})) as server:
            run_id = start(server, "at work")
            until(lambda: _completed(server, run_id) > 5, 20, "a run at work")
            yield server, run_id
            asked = model.calls().total
        assert asked == EXAMPLES * len(of_type(read_log(log_of(config)), "started")), "an example was asked twice"


@contextlib.contextmanager
def reading(db: Path) -> Iterator[list[int]]:
    """Another program that reads the log all the time; every read sees a chained log that only grew."""
    heads: list[int] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as database:
                rows = database.execute("SELECT position FROM events ORDER BY position").fetchall()
            if rows == [(place,) for place in range(1, len(rows) + 1)] and len(rows) >= max(heads, default=0):
                heads.append(len(rows))
            else:
                heads.append(-1)
            time.sleep(0.01)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield heads
    finally:
        over.set()
        reader.join()
    assert -1 not in heads, "a reader saw a log with a gap, or one that had shrunk"


def assert_run(result: Document) -> None:
    """A run that passed, with every example once and no negative duration."""
    assert result["verdict"] == "PASS"
    assert [example["id"] for example in result["examples"]] == [f"ex-{number}" for number in range(EXAMPLES)]
    assert result["duration_seconds"] >= 0
    assert all(example["latency_ms"] >= 0 for example in result["examples"])


def assert_in_order(db: Path, runs: int) -> list[Logged]:
    """A chained log whose runs have versions in the order of positions, and every example once; gives its events."""
    assert_chained(db)
    events = read_log(db)
    names = {event.run_id for event in events} - {"log"}
    assert len(names) == runs
    for name in names:
        own = [event for event in events if event.run_id == name]
        assert [event.version for event in own] == list(range(1, len(own) + 1))
        assert sorted(event.body["row"] for event in of_type(own, "example_scored")) == list(range(EXAMPLES))
        assert own[-1].body["duration_seconds"] >= 0
    return events
