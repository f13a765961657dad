"""The n-th operation on the log's files fails, for every n, while a real server starts and while it carries runs.

No wrong state, no hang: what can't be recorded is refused with 503 and a reason, reads go on, no model call is made
whose answer can't be kept, and the server goes on by itself within five seconds of the fault's end.
"""

import contextlib
import http.client
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fault_shim import ERRORS, FOREVER, Shim
from live_server import BrokenError, Document
from project import examples, write_project
from server import Model, Server, assert_chained, log_of, of_type, read_log, recorded_model, until

EXAMPLES = 20
CONCURRENCY = 4
RECOVERY_SECONDS = 5.0
RUN_SECONDS = 3.0
"""What a run of 20 examples may take by itself on a busy machine; it takes 0.1 s."""

ENOUGH_MISSED = 5
"""A run groups its events by chance: only where so many in a row had no n-th operation is there none."""

LASTING_SECONDS = 1.2
LASTING_EVERY, LASTING_FIRST = 9, 2
"""Each so-manieth fault is one that lasts, from an early one on; the others hit one operation."""


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    document: Document


class Desk:
    """A server under the shim with a model of 20 answers, and what they have in common."""

    def __init__(self, folder: Path, model: Model, shim: Shim, config: Path) -> None:
        self.folder = folder
        self.model = model
        self.shim = shim
        self.config = config

    def server(self) -> Server:
        """A server under the shim."""
        return Server(self.config, **self.shim.variables)


@contextlib.contextmanager
def open_desk(folder: Path) -> Iterator[Desk]:
    """A project whose model takes 5 ms an answer."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = {f"q{number}": f"q{number}" for number in range(EXAMPLES)}
    with recorded_model(folder, answers, 5) as model:
        config = write_project(
            folder / "project", examples=examples(EXAMPLES), model=model.spec, harness={"concurrency": CONCURRENCY}
        )
        yield Desk(folder, model, Shim(folder, log_of(config).parent), config)


def campaign(folder: Path, _seed: int, count: int | None) -> str:
    """Fail every n-th operation; with `count`, every n-th of these only, so that about so many are left of each."""
    starts, refused = sweep_starts(folder / "starts", count)
    runs, lasting = sweep_runs(folder / "runs", count)
    return (
        f"every n-th operation of a start ({starts} faults, {refused} starts ended with exit 3) and of a run of "
        f"{EXAMPLES} examples ({runs} faults, {lasting} of them for {LASTING_SECONDS:g} s) failed with "
        f"{', '.join(ERRORS)}: 0 wrong states, 0 hangs, every run over within "
        f"{RECOVERY_SECONDS + RUN_SECONDS:g} s of the fault's end"
    )


def sweep_runs(folder: Path, count: int | None) -> tuple[int, int]:
    """Fail the n-th operation of a run for every n and every error, on one server; gives faults and lasting ones."""
    faults = lasting = 0
    with open_desk(folder) as desk, desk.server() as server:
        for error in ERRORS.values():
            missed, number = 0, 0
            while missed < ENOUGH_MISSED:
                lasts = number % LASTING_EVERY == LASTING_FIRST
                hit = break_a_run(desk, server, number * _step(count, 90) + 1, error, lasts=lasts)
                faults, lasting = faults + hit, lasting + (hit and lasts)
                missed, number = 0 if hit else missed + 1, number + 1
        assert "Traceback" not in server.said(), server.said()
        runs = [finish(server, run["run_id"], "after all") for run in server.get("/results?limit=1000")["runs"]]
        assert_sound(desk, len(runs))
    return faults, lasting


def break_a_run(desk: Desk, server: Server, place: int, error: int, *, lasts: bool) -> bool:
    """Start a run whose n-th operation on the log fails, alone or for a while; whether any did."""
    assert server.url
    where = f"operation {place}, error {error}, {'lasting' if lasts else 'alone'}"
    desk.shim.fail_in(place, error, FOREVER if lasts else 1)
    run_id = start(server, where) if not lasts else _start_while_it_lasts(server, desk, where)
    healed = time.monotonic()
    result = finish(server, run_id, where)
    took = time.monotonic() - healed
    assert took < RECOVERY_SECONDS + RUN_SECONDS, f"went on after {took:.1f} s ({where})"
    assert result["verdict"] == "PASS", f"{result} ({where})"
    assert (len(result["examples"]), result["model_errors"]) == (EXAMPLES, 0), where
    hit = desk.shim.get("failed") > 0
    desk.shim.heal()
    return hit


def _start_while_it_lasts(server: Server, desk: Desk, where: str) -> str:
    """Start a run, look at the server while the fault lasts, and end it; gives the run that was accepted."""
    first = ask(server, "POST", "/run", {})
    deadline = time.monotonic() + LASTING_SECONDS
    while not desk.shim.get("failed") and time.monotonic() < deadline:
        time.sleep(0.01)
    if desk.shim.get("failed"):
        time.sleep(0.2)  # what was in flight is answered by now
        calls = desk.model.calls().total
        while time.monotonic() < deadline:
            assert_refused(ask(server, "POST", "/run", {}), where)
            for path in ("/results", "/health", "/suites"):
                assert ask(server, "GET", path).status == 200, f"{path} ({where})"
            time.sleep(0.1)
        assert desk.model.calls().total == calls, f"asked while nothing could be recorded ({where})"
    desk.shim.set(fail_from=0)
    if first.status == 202:
        return str(first.document["run_id"])
    assert_refused(first, where)
    return start(server, where)


def start(server: Server, where: str) -> str:
    """Start a run, again while the answer is 503; gives its id."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while (answer := ask(server, "POST", "/run", {})).status != 202:
        assert_refused(answer, where)
        assert time.monotonic() < deadline, f"still 503 after {RECOVERY_SECONDS:g} s ({where})"
        time.sleep(0.05)
    return str(answer.document["run_id"])


def finish(server: Server, run_id: str, where: str) -> Document:
    """The document of a run once it is over; reading never fails, and progress never falls."""
    completed, deadline = 0, time.monotonic() + 30
    while True:
        answer = ask(server, "GET", f"/results/{run_id}")
        assert answer.status == 200, f"{answer} ({where})"
        if answer.document["status"] != "running":
            return answer.document
        assert answer.document["progress"]["completed"] >= completed, where
        completed = answer.document["progress"]["completed"]
        assert time.monotonic() < deadline, f"the run hangs at {completed} ({where}); {server.said()}"
        time.sleep(0.01)


def assert_refused(answer: Answer, where: str) -> None:
    """A 503 that says why, and when to try again."""
    assert answer.status == 503, f"{answer} ({where})"
    assert answer.headers["content-type"] == "application/problem+json", where
    assert int(answer.headers["retry-after"]) > 0, where
    assert answer.document["type"] == "urn:matchspec:problem:log-unavailable", where
    assert answer.document["detail"], where


def ask(server: Server, method: str, path: str, body: Document | None = None) -> Answer:
    """One request; BrokenError where there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=20)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, json.loads(response.read()))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise BrokenError(f"{method} {path} was not answered: {error!r}; {server.said()}") from error
    finally:
        connection.close()


def assert_sound(desk: Desk, runs: int) -> None:
    """The log is chained, every run in it passed with every example once, and the model was asked no more than that.

    A start that was answered with 503 may have been recorded: its run is one of these, too.
    """
    events = read_log(log_of(desk.config))
    assert_chained(log_of(desk.config))
    finished = of_type(events, "finished")
    assert len(of_type(events, "started")) == len(finished) == runs
    assert {event.body["verdict"] for event in finished} <= {"PASS"}
    asked = {(event.run_id, event.body["row"]) for event in of_type(events, "example_scored")}
    assert len(asked) == len(of_type(events, "example_scored")) == runs * EXAMPLES
    assert desk.model.calls().total == runs * EXAMPLES


def sweep_starts(folder: Path, count: int | None) -> tuple[int, int]:
    """Fail the n-th operation of a server's start on a new log, the errors by turns; gives the faults, and how many
    starts they ended.
    """
    faults = refused = 0
    with open_desk(folder) as desk:
        for place, error in enumerate(itertools.cycle(ERRORS.values())):
            hit, ended = break_a_start(desk, place * _step(count, 50) + 1, error)
            if not hit:
                return faults, refused
            faults, refused = faults + 1, refused + ended
    raise AssertionError


def break_a_start(desk: Desk, place: int, error: int) -> tuple[bool, bool]:
    """Let a new log's n-th operation fail, then use that log; whether any failed, and whether that start ended."""
    where = f"operation {place} of a start, error {error}"
    for old in log_of(desk.config).parent.glob("*"):
        old.unlink()
    calls = desk.model.calls().total
    desk.shim.fail_in(place, error, calls=1)
    with desk.server() as server:
        until(lambda: "listening on " in server.said() or server.process.poll() is not None, 20, f"a start ({where})")
        ended, hit = server.process.poll() is not None, desk.shim.get("failed") > 0
        desk.shim.heal()
        if ended:
            assert server.process.returncode == 3, f"exit {server.process.returncode}: {server.said()} ({where})"
            assert "can't" in server.said(), f"{server.said()} ({where})"
        elif hit:
            assert finish(server, start(server, where), where)["verdict"] == "PASS", where
        assert "Traceback" not in server.said(), f"{server.said()} ({where})"
    if ended:
        with desk.server() as server:
            assert finish(server, start(server, where), where)["verdict"] == "PASS", where
    if hit:
        assert_chained(log_of(desk.config))
        assert desk.model.calls().total - calls == EXAMPLES, where
    return hit, ended


def _step(count: int | None, operations: int) -> int:
    return max(1, operations // count) if count else 1
