"""Makes logs as a service leaves them: several runs at once over two suites, closed, cut off by a crash, or resumed."""

import asyncio
import json
import os
import random
from collections.abc import Mapping
from pathlib import Path

from service.bootstrap import Settings, open_service
from service.execution.queue import Limits
from service.execution.starting import Caller, RunOptions, RunRequest
from service.files.config import read_config

CALLER = Caller(None, "made_logs")
OVER_SECONDS = 60


def write_made_project(folder: Path, examples: int) -> Path:
    """Write two suites over two datasets, whose model answers at once; gives the configuration."""
    for name, count in (("small", max(1, examples // 4)), ("large", examples)):
        home = folder / "evals" / name
        home.mkdir(parents=True, exist_ok=True)
        rows = [{"id": f"ex-{n}", "input": f"größe {n}", "expected": f"größe {n - n % 3}"} for n in range(count)]
        (home / "dataset.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        harness = {"version": 1, "name": name, "dataset": "./dataset.jsonl", "model": {"type": "echo"}}
        graders = [{"type": "exact_match", "threshold": 0.2}]
        (home / "harness.yml").write_text(json.dumps(harness | {"graders": graders}))
    suites = [
        {"name": "one", "harnesses": ["evals/small/harness.yml"]},
        {"name": "two", "harnesses": ["evals/small/harness.yml", "evals/large/harness.yml"]},
    ]
    config = folder / "matchspec.yml"
    config.write_text(json.dumps({"version": 1, "suites": suites}))
    return config


def db_of(folder: Path) -> Path:
    """Where a made project has its log."""
    return folder / ".matchspec" / "matchspec.db"


def make_log(
    folder: Path, seed: int, *, crash: bool = False, resume: bool = False, environment: Mapping[str, str] | None = None
) -> Path:
    """Make a log of a few runs below a folder; gives its path.

    With `crash` the process that writes it ends in the middle, as by `kill -9`: part of the log is in its WAL. With
    `resume` another one then finishes its runs.
    """
    rng = random.Random(seed)
    config = write_made_project(folder, rng.randint(4, 30))
    db = db_of(folder)
    if crash or resume:
        _in_a_process(config, db, rng, environment or {})
    if not crash:
        asyncio.run(_serve(config, db, rng, environment or {}, crash=False))
    return db


def _in_a_process(config: Path, db: Path, rng: random.Random, environment: Mapping[str, str]) -> None:
    """Let another process begin and crash."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(_serve(config, db, rng, environment, crash=True))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"making {db} failed"


async def _serve(config: Path, db: Path, rng: random.Random, environment: Mapping[str, str], *, crash: bool) -> None:
    settings = Settings(read_config(config), config.parent, db, None, None, Limits(), environment)
    async with open_service(settings) as service, asyncio.timeout(OVER_SECONDS):
        service.resume()
        for _ in range(rng.randint(1, 3)):
            suite = rng.choice(["one", "two", None])
            await service.starter.start(RunRequest(suite=suite, concurrency=rng.choice([1, 4])), CALLER, RunOptions())
            if crash:
                await asyncio.sleep(rng.random() * 0.02)
        if crash:
            os._exit(0)
        while service.views.listing.unfinished():  # noqa: ASYNC110 - nothing tells when all runs are over
            await asyncio.sleep(0.002)
