"""A disk that is full while a real server carries a run, and a file system that loses its power.

Full: as in scripts/fault_sweep.py, on a small tmpfs and a small ext4. Cut: an ext4 is shut down under a stopped server
with everything that was not synced; what a client had been shown is there when it is mounted again.
"""

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from fault_mount import cut_power, small_ext4, small_tmpfs
from fault_sweep import RECOVERY_SECONDS, ask, assert_refused, finish, start
from project import examples, write_project
from server import Model, Server, assert_chained, of_type, read_log, recorded_model, until

EXAMPLES = 60
FULL_SECONDS = 2.0
ROUNDS = 20


def campaign(folder: Path, seed: int, count: int | None) -> str:
    """Fill a tmpfs and an ext4 once each, and cut the power of an ext4 `count` times (20)."""
    with small_tmpfs(folder / "tmpfs", "2m") as mounted:
        fill_and_free(folder / "one", mounted)
    with small_ext4(folder / "small.img", folder / "ext4", 16_000_000) as mounted:
        fill_and_free(folder / "two", mounted)
    rounds = count or ROUNDS
    shown = cut_often(folder / "cut", rounds, seed)
    return (
        f"disk full on tmpfs and on ext4: 503 with the reason, reads go on, no call made, a run accepted "
        f"within {RECOVERY_SECONDS:g} s of space; power of an ext4 cut {rounds} times: {shown} events shown, 0 lost"
    )


def fill_and_free(folder: Path, mounted: Path) -> None:
    """Let a disk be full in the middle of a run."""
    db, filler = mounted / "matchspec.db", mounted / "filler"
    with recorded(folder, 40) as (model, config), Server(config, "--db", db) as server:
        run_id = start(server, "empty disk")
        until(lambda: model.calls().total > EXAMPLES // 4, 20, "a run at work")
        fill(filler)
        until(lambda: ask(server, "POST", "/run", {}).status == 503, 20, "the disk to be full")
        calls = model.calls().total
        deadline = time.monotonic() + FULL_SECONDS
        while time.monotonic() < deadline:
            assert_refused(ask(server, "POST", "/run", {}), "full disk")
            assert ask(server, "GET", f"/results/{run_id}").document["status"] == "running"
            assert ask(server, "GET", "/results").status == 200
            time.sleep(0.1)
        assert model.calls().total <= calls + 4, "asked while nothing could be recorded"
        left = EXAMPLES - ask(server, "GET", f"/results/{run_id}").document["progress"]["completed"]
        filler.unlink()
        freed = time.monotonic()
        accepted = start(server, "space again")
        assert time.monotonic() - freed < RECOVERY_SECONDS
        for run in (run_id, accepted):
            assert finish(server, run, f"{left} were left")["verdict"] == "PASS"
        runs = [finish(server, run["run_id"], "all") for run in ask(server, "GET", "/results").document["runs"]]
        assert model.calls().total == len(runs) * EXAMPLES
        assert "Traceback" not in server.said(), server.said()
    assert_chained(db)


def fill(filler: Path) -> None:
    """Write until there is no space for one more byte."""
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 512, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass
        with contextlib.suppress(OSError):
            os.fsync(file.fileno())


def cut_often(folder: Path, rounds: int, seed: int) -> int:
    """Cut the power of one log so often; gives how many events were shown in all."""
    moments = random.Random(seed)
    image, mounted = folder / "disk.img", folder / "disk"
    shown: dict[str, int] = {}
    with recorded(folder / "runs", 10) as (_, config):
        for _ in range(rounds):
            with small_ext4(image, mounted):
                cut_once(config, mounted, shown, moments.uniform(0.05, 0.6))
            with small_ext4(image, mounted):
                assert_kept(mounted / "matchspec.db", shown)
        with small_ext4(image, mounted), Server(config, "--db", mounted / "matchspec.db") as server:
            for run_id in shown:
                assert finish(server, run_id, f"seed {seed}")["verdict"] == "PASS"
    return sum(1 + count for count in shown.values())


def cut_once(config: Path, mounted: Path, shown: dict[str, int], seconds: float) -> None:
    """Let a server work for a while, note what it shows, stop it where it stands, and cut the power."""
    with Server(config, "--db", mounted / "matchspec.db") as server:
        shown[start(server, "before a cut")] = 0
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for run_id in shown:
                document = ask(server, "GET", f"/results/{run_id}").document
                shown[run_id] = document["progress"]["completed"] if "progress" in document else EXAMPLES
        os.kill(server.process.pid, signal.SIGSTOP)
        stat = Path(f"/proc/{server.process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", 10, "the server to stand still")
        cut_power(mounted)
        server.kill()


def assert_kept(db: Path, shown: dict[str, int]) -> None:
    """The log is whole, and has what was shown of each run."""
    assert_chained(db)
    events = read_log(db)
    for run_id, completed in shown.items():
        own = [event for event in events if event.run_id == run_id]
        assert len(of_type(own, "started")) == 1, f"{run_id} is lost"
        there = len(of_type(own, "example_scored"))
        assert there >= completed, f"{run_id}: {completed} examples were shown, {there} are there"


@contextlib.contextmanager
def recorded(folder: Path, latency_ms: float) -> Iterator[tuple[Model, Path]]:
    """A model and a project of 60 examples that asks it, four at once."""
    folder.mkdir(parents=True)
    answers = {f"q{number}": f"q{number}" for number in range(EXAMPLES)}
    with recorded_model(folder, answers, latency_ms) as model:
        yield (
            model,
            write_project(
                folder / "project", examples=examples(EXAMPLES), model=model.spec, harness={"concurrency": 4}
            ),
        )
