"""A run ends when someone asks for it: with what it has, for good, and with no call after that."""

import asyncio
import os
import random
from pathlib import Path

import httpx
import pytest
from calling import call
from given import START, given
from live_server import ask
from planned import exact, harness, plan, suite
from project import examples, write_project
from run_events import pinned, scored, started
from running import HTTP, Client, Document, FakeModel, logged, serving
from server import Server, recorded_model, until

from domain.errors import RunClosed
from domain.events import CancelRequested, Event, ExamplesPinned, Finished
from domain.replay import Replay
from domain.run import cancel, finish, pin_examples, record_score, resume
from service.execution import starting
from service.execution.queue import Limits

LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))
SEED = random.SystemRandom().randrange(1 << 32)
END = "2026-03-15T14:31:05.000000Z"
PLAN = plan(suite("qa", harness("a", exact(0.9))))
ASKED = CancelRequested(client="10.0.0.7", user_agent="curl")


def test_a_cancelled_run_has_the_rows_so_far_and_no_verdict() -> None:
    """One of three examples was recorded, and it is right: the row has n = 1; 43 seconds went by."""
    run = given(started(pinned()), scored(0, scores={"exact_match": 1.0})).run
    requested, end = cancel(run, PLAN, ASKED, END)
    assert requested == ASKED
    assert isinstance(end, Finished)
    assert (end.status, end.verdict, end.error, end.duration_seconds) == ("cancelled", None, None, 43.0)
    assert [(row.n, row.score) for row in end.rows] == [(1, 1.0)]
    assert (end.examples, end.passed) == (1, 1)
    assert end.warnings == ["cancelled when 1 of 3 examples were recorded"]


def test_nothing_but_the_end_follows_a_cancel() -> None:
    """No score, no dataset, no other process, no second cancel: also where all examples are recorded already."""
    recorded = given(started(pinned(rows=1)), scored(0, scores={"exact_match": 1.0}), ASKED)
    recorded.when(lambda run: record_score(run, scored(0))).raises(RunClosed)
    recorded.when(lambda run: pin_examples(run, ExamplesPinned(harnesses=[]))).raises(RunClosed)
    recorded.when(lambda run: resume(run, "p", crashed=True, changed=[])).raises(RunClosed)
    recorded.when(lambda run: cancel(run, PLAN, ASKED, END)).raises(RunClosed)
    (end,) = finish(recorded.run, PLAN, END)
    assert (end.status, end.verdict) == ("cancelled", None)


def test_a_run_that_is_over_can_not_be_cancelled() -> None:
    """Neither can one that there is not."""
    run = given(started(pinned(rows=1)), scored(0, scores={"exact_match": 1.0})).run
    over = given(started(pinned(rows=1)), scored(0, scores={"exact_match": 1.0}), *finish(run, PLAN, END))
    over.when(lambda run: cancel(run, PLAN, ASKED, END)).raises(RunClosed)
    given().when(lambda run: cancel(run, PLAN, ASKED, END)).raises(RunClosed)


def test_a_cancelled_run_replays_and_a_wrong_end_is_told() -> None:
    """An end as cancelled follows from a request only."""
    events: list[Event] = [started(pinned()), scored(0, scores={"exact_match": 1.0})]
    ends = cancel(given(*events).run, PLAN, ASKED, START)

    def replayed(*all_of: Event) -> Replay:
        replay = Replay(PLAN)
        for event in all_of:
            replay.apply(START, event)
        return replay

    assert replayed(*events, *ends).count == 0
    assert replayed(*events, ends[1]).stuck


class Held(FakeModel):
    """Answers the first `free` calls, then none."""

    def __init__(self, free: int) -> None:
        super().__init__(self._hold)
        self._free = free
        self.aborted = 0

    async def _hold(self, text: str) -> str:
        if len(self.asked) > self._free:
            try:
                await asyncio.Event().wait()
            finally:
                self.aborted += 1
        return text

    async def holds(self, calls: int) -> None:
        """Wait until so many calls are in flight for good."""
        async with asyncio.timeout(10):
            while self.in_flight < calls or len(self.asked) < self._free + calls:
                await asyncio.sleep(0.002)


async def cancelled(client: Client, run_id: str) -> httpx.Response:
    """Ask for the end of a run."""
    return await client.http.post(f"/results/{run_id}/cancel", headers={"User-Agent": "a test"})


async def test_calls_in_flight_are_aborted_and_not_recorded(tmp_path: Path) -> None:
    """Two of ten examples are recorded when four calls hang: these are aborted, and the run has two examples."""
    model = Held(2)
    config = write_project(tmp_path, examples=examples(10), model=HTTP, harness={"concurrency": 4})
    async with serving(config, model) as client:
        run_id = await client.start()
        await model.holds(4)
        answer = await cancelled(client, run_id)
        document = await client.get(run_id)
        async with asyncio.timeout(10):
            while model.in_flight:
                await asyncio.sleep(0.002)
        again = await cancelled(client, run_id)
        listed = (await client.http.get("/results?status=cancelled")).json()
        regraded = await client.over((await client.http.post(f"/results/{run_id}/regrade")).json()["run_id"])
        after = await client.get(run_id)

    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert answer.headers["Location"] == f"/results/{run_id}"
    assert (document["status"], "verdict" in document, "error" in document) == ("cancelled", False, False)
    assert [one["id"] for one in document["examples"]] == ["ex-0", "ex-1"]
    assert (document["grader_results"][0]["n"], model.aborted, len(model.asked)) == (2, 4, 6)
    assert document["warnings"] == ["cancelled when 2 of 10 examples were recorded"]
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
    assert [run["run_id"] for run in listed["runs"]] == [run_id]
    assert after == document
    own = [event for event in logged(config) if event.run_id == run_id]
    assert [event.type for event in own] == ["started", *["example_scored"] * 2, "cancel_requested", "finished"]
    assert own[3].body == {"client": "127.0.0.1", "user_agent": "a test"}
    assert (regraded["status"], len(regraded["examples"])) == ("passed", 2)
    for command in (["replay", run_id], ["verify"]):
        assert (await asyncio.to_thread(call, tmp_path, *command)).code == 0
    for form in ("text", "markdown"):
        assert "CANCELLED" in (await asyncio.to_thread(call, tmp_path, "report", run_id, "-f", form)).stdout


async def test_a_waiting_run_is_cancelled_before_it_begins(tmp_path: Path) -> None:
    """It never asks the model, and the one before it goes on."""
    model = Held(0)
    config = write_project(tmp_path, model=HTTP)
    async with serving(config, model, limits=Limits(active_runs=1)) as client:
        first, second = await client.start(), await client.start()
        await model.holds(1)
        assert (await cancelled(client, second)).status_code == 202
        assert (await client.get(second))["status"] == "cancelled"
        assert (await client.get(first))["status"] == "running"
        assert (await cancelled(client, first)).status_code == 202
        third = await client.start()
        await model.holds(1)
        assert (await cancelled(client, third)).status_code == 202
    assert len(model.asked) == 2


async def test_a_run_that_pins_its_dataset_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no rows and no examples, and a regrade finds nothing to grade."""
    monkeypatch.setattr(starting, "CHECKED_ROWS", 0)
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def pin_never(*_: object) -> list[object]:
        reading.set()
        await go_on.wait()
        return []

    monkeypatch.setattr("service.execution.runner.pin_plan", pin_never)
    async with serving(write_project(tmp_path)) as client:
        run_id = await client.start()
        await reading.wait()
        assert (await cancelled(client, run_id)).status_code == 202
        document = await client.get(run_id)
        regrade = await client.http.post(f"/results/{run_id}/regrade")
    assert (document["status"], document["examples"], document["grader_results"]) == ("cancelled", [], [])
    assert document["warnings"][-1] == "cancelled when 0 examples were recorded"
    assert regrade.json()["type"].endswith("no-examples")


async def test_a_request_without_an_end_is_carried_out_by_the_next_start(tmp_path: Path) -> None:
    """A log that ends between the two events: no call is made."""
    model = Held(0)
    config = write_project(tmp_path, examples=examples(3), model=HTTP)
    async with serving(config, model) as client:
        run_id = await client.start()
        await model.holds(3)
        await client.service.writer.do(run_id, lambda _run, _at: [ASKED])
    second = FakeModel()
    async with serving(config, second) as client:
        document = await client.over(run_id)
    assert (document["status"], second.asked) == ("cancelled", [])
    assert [event.type for event in logged(config)] == ["started", "cancel_requested", "finished"]


@pytest.mark.parametrize("rounds", [400 if LONG else 40])
async def test_a_race_of_cancel_and_end_has_one_end(tmp_path: Path, rounds: int) -> None:
    """A run cancelled at any moment is over once, as cancelled if and only if the cancel was recorded."""
    chance = random.Random(SEED)
    config = write_project(tmp_path, examples=examples(5), model=HTTP)
    ends: dict[str, tuple[int, Document]] = {}
    async with serving(config) as client:
        for _ in range(rounds):
            run_id = await client.start()
            await asyncio.sleep(chance.random() * 0.02)
            answers = await asyncio.gather(*(cancelled(client, run_id) for _ in range(2)))
            statuses = sorted(answer.status_code for answer in answers)
            assert statuses in ([200, 200], [200, 202]), f"seed {SEED}"
            ends[run_id] = max(statuses), await client.get(run_id)
    events = logged(config)
    for run_id, (status, document) in ends.items():
        own = [event.type for event in events if event.run_id == run_id]
        assert (own.count("finished"), own[-1]) == (1, "finished"), f"seed {SEED}"
        assert (document["status"] == "cancelled") == (status == 202) == ("cancel_requested" in own), f"seed {SEED}"


async def test_only_a_run_can_be_cancelled_and_without_a_body(tmp_path: Path) -> None:
    """404 for another id, 400 for a field; neither leaves an event."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        unknown = await cancelled(client, "run-20260315-143022-a3f7")
        run_id = (await client.run())["run_id"]
        before = logged(config)
        field = await client.http.post(f"/results/{run_id}/cancel", json={"why": "x"})
        over = await cancelled(client, run_id)
    assert (unknown.status_code, field.status_code) == (404, 400)
    assert (over.status_code, over.json()["status"]) == (200, "passed")
    assert logged(config) == before


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_cancel_that_was_answered_outlives_kill_9(tmp_path: Path) -> None:
    """The server is killed as soon as the answer is there; the next one asks the model nothing."""
    with recorded_model(tmp_path, {f"q{n}": f"q{n}" for n in range(4)}, latency_ms=60_000) as model:
        config = write_project(tmp_path, examples=examples(4), model=model.spec)
        with Server(config) as server:
            run_id = server.start_run()
            until(lambda: model.calls().in_flight == 4, 10, "calls in flight")
            ask(f"{server.url}/results/{run_id}/cancel", {})
            server.kill()
        with Server(config) as server:
            assert server.result(run_id)["status"] == "cancelled"
        assert model.calls().total == 4
