"""A run a second, a kill a minute: memory grows less than 1 MB a minute, descriptors and threads not at all."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from fault_sweep import finish, start
from project import examples, write_project
from server import Server, assert_chained, log_of, of_type, read_log, recorded_model

EXAMPLES = 10
SECONDS = 180
LIFE_SECONDS = 60.0
WARM = 0.25
"""The share of a life that is left out: connections, threads and caches come into being."""

GROWTH = 1_000_000
"""Bytes a minute."""

POOL = min(32, (os.cpu_count() or 1) + 4)
"""Threads that asyncio keeps for calls that block: they come one by one, when more are made at once than ever."""


class Sample(NamedTuple):
    """What a server holds: when, bytes of memory, descriptors, threads."""

    at: float
    memory: int
    descriptors: int
    threads: int


def campaign(folder: Path, _seed: int, count: int | None) -> str:
    """Soak for `count` seconds (180), in lives of a minute."""
    seconds = count or SECONDS
    lives = soak(folder, seconds, min(LIFE_SECONDS, seconds))
    growth = [a_minute(life) for life in lives]
    assert_level(lives)
    assert max(growth) < GROWTH, f"memory grows by {max(growth) / 1e6:.2f} MB a minute"
    across = (lives[-1][-1].memory - lives[0][-1].memory) / max(1, len(lives) - 1) / 1e6
    ends = ", ".join(f"{life[-1].memory / 1e6:.1f}" for life in lives)
    return (
        f"{seconds} s, a run a second, {len(lives)} kills: memory grew by {max(growth) / 1e6:.2f} MB a minute within a "
        f"life at most and {across:.2f} MB from life to life (MB at their ends: {ends}); "
        f"descriptors {lives[-1][-1].descriptors}, threads {lives[-1][-1].threads}, neither grew"
    )


def soak(folder: Path, seconds: float, life_seconds: float) -> list[list[Sample]]:
    """Start a run a second, and kill the server at the end of each life; gives the samples of each."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = {f"q{number}": f"q{number}" for number in range(EXAMPLES)}
    lives: list[list[Sample]] = []
    runs: list[str] = []
    with recorded_model(folder, answers, 20) as model:
        config = write_project(
            folder / "project", examples=examples(EXAMPLES), model=model.spec, harness={"concurrency": 4}
        )
        for _ in range(round(seconds / life_seconds)):
            with Server(config) as server:
                lives.append(_live(server, runs, life_seconds))
        with Server(config) as server:
            for run_id in runs:
                assert finish(server, run_id, "soak")["verdict"] == "PASS"
        kills = len(lives)
        assert model.calls().total <= len(runs) * EXAMPLES + kills * 4
    events = read_log(log_of(config))
    assert len(of_type(events, "started")) == len(of_type(events, "finished")) == len(runs)
    assert_chained(log_of(config))
    return lives


def _live(server: Server, runs: list[str], seconds: float) -> list[Sample]:
    """A life: each second a run is started, the one before is read, and a sample is taken."""
    assert server.url
    samples, began = [], time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        runs.append(start(server, "soak"))
        if len(runs) > 1:
            server.get(f"/results/{runs[-2]}")
        time.sleep(max(0.0, 0.9 - (time.monotonic() - began - now)))
        samples.append(sample(server.process.pid, now))
        time.sleep(max(0.0, 1.0 - (time.monotonic() - began - now)))
    runs.append(start(server, "soak"))  # to be killed in
    return samples


def sample(pid: int, at: float) -> Sample:
    """What a process holds now."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(at, int(status["VmRSS"].split()[0]) * 1024, descriptors, int(status["Threads"]))


def a_minute(life: list[Sample]) -> float:
    """How fast memory grows, in bytes a minute: the slope of the least squares behind the warm-up."""
    warm = life[round(len(life) * WARM) :]
    middle = sum(one.at for one in warm) / len(warm)
    spread = sum((one.at - middle) ** 2 for one in warm)
    return 60 * sum((one.at - middle) * one.memory for one in warm) / spread


def assert_level(lives: list[list[Sample]]) -> None:
    """In the second half of a life there are no more descriptors than in the first, nor threads but of the pool."""
    for life in lives:
        half = len(life) // 2
        for name, most in (("descriptors", 0), ("threads", life[0].threads + POOL)):
            before, after = (max(getattr(one, name) for one in part) for part in (life[:half], life[half:]))
            assert after <= max(before, most), f"{name} grew from {before} to {after}"
