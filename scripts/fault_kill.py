"""`kill -9` of a real server, at random moments and at counted operations on the log's files, then another start.

Nothing that was shown is lost, nothing recorded is asked again, and the run ends as an undisturbed one.
"""

import contextlib
import random
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from fault_shim import Shim
from live_server import BrokenError, Document
from project import write_project
from server import Calls, Logged, Model, Server, assert_chained, log_of, of_type, read_log, recorded_model, until

GRADERS: list[Mapping[str, object]] = [
    {"type": "exact_match", "threshold": 0.6},
    {"type": "contains", "name": "mentions", "config": {"case_sensitive": False}},
]
OPERATIONS_OF_A_START = 40
OPERATIONS_AT_WORK = 100
ROUND = 12


class Size(NamedTuple):
    """A run to be killed: how many examples, how many at once, how long the model takes."""

    concurrency: int
    examples: int
    latency_ms: int


SIZES = [Size(1, 120, 20), Size(8, 600, 30), Size(64, 3_000, 60)]


class Life(NamedTuple):
    """What was left behind by a server that was killed: what it had shown, what it asked, what is in the log."""

    pid: int
    shown: int
    calls: Calls
    recorded: set[str]
    counted: bool


class Outcome(NamedTuple):
    """How often a run was killed, how often of these at a counted operation, and how many calls were made too much."""

    kills: int
    counted: int
    extra_calls: int


def campaign(folder: Path, seed: int, count: int | None) -> str:
    """Kill servers `count` times (200), by turns with 1, 8 and 64 calls at once."""
    left, number, outcomes = count or 200, 0, []
    while left > 0:
        size, kills = SIZES[number % len(SIZES)], min(ROUND, left)
        outcomes.append(kill_a_run(folder / str(number), size, kills, seed + number))
        left, number = left - kills, number + 1
    kills, counted, extra = (sum(one) for one in zip(*outcomes, strict=True))
    return (
        f"{kills} kills ({counted} at a counted operation, the others at random) in {number} runs with concurrency "
        f"1, 8, 64: 0 shown facts lost, {extra} model calls too much (allowed: kills x concurrency), "
        "every run over without a command, with the undisturbed verdict"
    )


def kill_a_run(folder: Path, size: Size, kills: int, seed: int) -> Outcome:
    """Kill the servers of one run so often, and look whether it ends as if nothing had been."""
    moments = random.Random(seed)
    size = size._replace(examples=size.examples * max(1, kills // 4))  # it must last longer than its killers
    folder.mkdir(parents=True, exist_ok=True)
    with recorded_model(folder, outputs(size.examples), size.latency_ms) as model:
        config = project(folder / "project", model, size.examples, size.concurrency)
        with Server(config, "--db", folder / "undisturbed.db") as server:
            undisturbed = server.result(server.start_run(suite="qa"))
        before = model.calls().total
        shim = Shim(folder, log_of(config).parent)
        with Server(config, **shim.variables) as server:
            run_id = server.start_run(suite="qa")
            lives = [_kill_at_work(server, shim, model, run_id, moments)]
        lives += [_live_and_die(config, shim, model, run_id, moments, at_work=bool(k % 2)) for k in range(1, kills)]
        assert len(lives[-1].recorded) < size.examples, "the run was over before the last kill: this proves nothing"
        with Server(config) as server:
            result, listed = server.result(run_id), server.get("/results")
        last = Life(server.process.pid, size.examples, model.calls(), set(), counted=False)

    extra = last.calls.total - before - size.examples
    assert (listed["total"], result["run_id"]) == (1, run_id)
    assert_right(result, size.examples)
    assert timeless(result) == timeless(undisturbed)
    for life in lives:
        assert life.shown <= len(life.recorded), (
            f"{life.shown} were shown, {len(life.recorded)} are there (seed {seed})"
        )
        for example in life.recorded:
            asked = example.replace("ex-", "question ")
            assert last.calls.inputs[asked] == life.calls.inputs[asked], f"{example} was asked again (seed {seed})"
    assert 0 <= extra <= kills * size.concurrency, f"{extra} calls too much (seed {seed})"
    assert_whole(read_log(log_of(config), run_id), size.examples, [*lives, last])
    assert_chained(log_of(config))
    return Outcome(kills, sum(life.counted for life in lives), extra)


def _live_and_die(
    config: Path, shim: Shim, model: Model, run_id: str, moments: random.Random, *, at_work: bool
) -> Life:
    """Start a server again and kill it, at work or anywhere in its start."""
    shim.heal()
    if at_work:
        with Server(config, **shim.variables) as server:
            _wait_for_a_score(server, run_id)  # five crashes in a row without one end a run, as they should
            return _kill_at_work(server, shim, model, run_id, moments)
    if counted := moments.random() < 0.5:
        shim.kill_in(moments.randint(1, OPERATIONS_OF_A_START), torn=moments.random() < 0.5)
    with Server(config, **shim.variables) as server:
        shown = live_a_while(server, run_id, 2.5 if counted else moments.uniform(0.0, 1.6))
        return kill_and_look(server, model, log_of(config), shown)


def _kill_at_work(server: Server, shim: Shim, model: Model, run_id: str, moments: random.Random) -> Life:
    if counted := moments.random() < 0.5:
        shim.kill_in(moments.randint(1, OPERATIONS_AT_WORK), torn=moments.random() < 0.5)
    shown = live_a_while(server, run_id, 2.5 if counted else moments.uniform(0.0, 0.6))
    return kill_and_look(server, model, log_of(server.config), shown)


def _wait_for_a_score(server: Server, run_id: str) -> None:
    before = _completed(server.get(f"/results/{run_id}"))
    until(lambda: _completed(server.get(f"/results/{run_id}")) > before, 20, "a score after a start")


def _completed(document: Document) -> int:
    return int(document["progress"]["completed"] if "progress" in document else len(document["examples"]))


def live_a_while(server: Server, run_id: str, seconds: float) -> int:
    """Look at a run for a time, or until the server dies; gives the last `completed` that was shown."""
    shown = 0
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and server.process.poll() is None:
        if "listening on" in server.said():
            with contextlib.suppress(BrokenError):
                shown = _completed(server.get(f"/results/{run_id}"))
        time.sleep(min(0.02, max(0.0, left)))
    return shown


def kill_and_look(server: Server, model: Model, db: Path, shown: int) -> Life:
    """Kill a server that has not died by itself, wait until the model has noticed, and look at what is left."""
    counted = server.process.poll() is not None
    server.kill()
    deadline = time.monotonic() + 10
    while model.calls().in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    scored = of_type(read_log(db), "example_scored")
    return Life(server.process.pid, shown, model.calls(), {event.body["example"] for event in scored}, counted)


def outputs(count: int) -> dict[str, str]:
    """Every third answer is wrong; every second of the right ones has more words around it."""
    answers = {}
    for number in range(count):
        right = f"answer {number}" if number % 2 else f"It is ANSWER {number}."
        answers[f"question {number}"] = "no idea" if number % 3 == 0 else right
    return answers


def project(folder: Path, model: Model, count: int, concurrency: int) -> Path:
    """A suite of `count` examples."""
    return write_project(
        folder,
        examples=[
            {"id": f"ex-{number}", "input": f"question {number}", "expected": f"answer {number}"}
            for number in range(count)
        ],
        model=model.spec,
        graders=GRADERS,
        suites=[{"name": "qa", "harnesses": ["evals/qa-v1/harness.yml"], "thresholds": {"mentions": 0.6}}],
        harness={"concurrency": concurrency},
    )


def timeless(document: Document) -> Document:
    """A result without what may differ from run to run: its id, times, latency and attempts."""
    rest = {key: value for key, value in document.items() if key not in {"run_id", "duration_seconds", "log"}}
    examples = [
        {key: value for key, value in example.items() if key not in {"latency_ms", "attempts"}}
        for example in rest["examples"]
    ]
    return {key: value for key, value in rest.items() if not key.endswith("_at")} | {"examples": examples}


def assert_right(result: Document, count: int) -> None:
    """A result that says what `outputs` comes to; `count` is a multiple of 6."""
    assert (result["status"], result["verdict"]) == ("failed", "FAIL")
    assert [(row["name"], row["score"], row["n"]) for row in result["grader_results"]] == [
        ("exact_match", (count // 3) / count, count),  # the odd ones of the two thirds that are right
        ("mentions", (count - count // 3) / count, count),
    ]


def assert_whole(events: Sequence[Logged], count: int, lives: Sequence[Life]) -> None:
    """A run's events: versions without a gap, every example once, `resumed` for every life that asked, one end."""
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in (events[0], events[-1])] == ["started", "finished"]
    assert len(of_type(events, "started")) == len(of_type(events, "finished")) == 1
    scored = of_type(events, "example_scored")
    assert sorted(event.body["row"] for event in scored) == list(range(count))
    assert {event.body["example"] for event in scored} == {f"ex-{number}" for number in range(count)}
    resumed = of_type(events, "resumed")
    for event in resumed:
        before = sum(one.version < event.version for one in scored)
        assert (event.body["after"], event.body["left"]) == ("crash", count - before)
    takers = [int(event.body["process"].split()[1]) for event in resumed]
    asking = [later.pid for earlier, later in pairwise(lives) if later.calls != earlier.calls]
    assert len(takers) == len(set(takers))
    assert set(asking) <= set(takers) <= {life.pid for life in lives[1:]}
