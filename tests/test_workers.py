"""Several processes on the runs of one log: who works on what, how far, and what each leaves to others."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from calling import call
from postgres import as_user, bodies_of, new_database, run_sql, scored_ids, types_of
from project import examples, suite, write_config, write_harness, write_project
from running import HTTP, Client, FakeModel, log_of, serving

from domain.share import Share
from service.execution import keeper, shares, starting
from service.execution.queue import Limits
from service.execution.starting import Caller, RunOptions, RunRequest
from service.log.address import PostgresUrl
from service.log.verifying import verify_log
from service.sharing import engine, patience

pytestmark = pytest.mark.xdist_group("postgres")

DIE = "UPDATE procrastinate_jobs SET status = 'doing' WHERE status = 'todo'"
"""Take every share, as a worker that is gone before it gives a sign of life."""

GIVE_UNHEARD = [
    """
    CREATE FUNCTION give() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        NEW.status = 'doing';
        SELECT id INTO NEW.worker_id FROM matchspec_work.procrastinate_workers;
        RETURN NEW;
    END$$
    """,
    "CREATE TRIGGER give BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION give()",
]
"""Give shares to the one worker that there is, which hears nothing of it."""

API_ONLY = Limits(model_calls=0)


@pytest.fixture
def db() -> PostgresUrl:
    """A database without a log."""
    return new_database()


class Slow(FakeModel):
    """Answers rightly after so many seconds; `all_of` models together, `most` is how many calls they had at once."""

    def __init__(self, seconds: float, all_of: "Slow | None" = None) -> None:
        super().__init__(self._wait)
        self._seconds = seconds
        self._all = all_of or self
        self.now = self.most = 0

    async def _wait(self, text: str) -> str:
        self._all.now += 1
        self._all.most = max(self._all.most, self._all.now)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self._all.now -= 1
        return text


@asynccontextmanager
async def at_work(
    config: Path, db: PostgresUrl, models: Sequence[FakeModel], calls: int = 256, **variables: str
) -> AsyncIterator[Client]:
    """A server that makes no calls, and a worker for each model."""
    async with AsyncExitStack() as stack:
        environment = {"SERVICE_KEY": "a-key-of-the-server"}
        server = await stack.enter_async_context(serving(config, db=db, limits=API_ONLY, environment=environment))
        for model in models:
            worker = serving(config, model, db=db, limits=Limits(model_calls=calls), environment=variables)
            await stack.enter_async_context(worker)
        yield server


async def completed(client: Client, run_id: str, count: int) -> None:
    """Wait until so many examples of a run are scored."""
    async with asyncio.timeout(30):
        while (await client.get(run_id)).get("progress", {"completed": count})["completed"] < count:
            await asyncio.sleep(0.01)


async def test_workers_share_a_run_within_its_concurrency(tmp_path: Path, db: PostgresUrl) -> None:
    """Both work on it, never more calls at once than its harness allows, each example asked and recorded once."""
    config = write_project(tmp_path, examples=examples(200), model=HTTP, harness={"concurrency": 10})
    one = Slow(0.02)
    two = Slow(0.02, one)
    async with at_work(config, db, [one, two], calls=8) as server:
        document = await server.run()
    assert (document["status"], len(document["examples"])) == ("passed", 200)
    assert sorted(one.asked + two.asked) == sorted(f"q{n}" for n in range(200))
    assert one.asked
    assert two.asked
    assert one.most <= 10
    assert sorted(scored_ids(db, document["run_id"])) == sorted(f"ex-{n}" for n in range(200))
    assert types_of(db, document["run_id"]).count("resumed") == 0
    assert verify_log(db).breaks == []


async def test_a_start_and_its_shares_are_one_transaction(tmp_path: Path, db: PostgresUrl) -> None:
    """PostgreSQL wrote `started` and all shares of the run in the same transaction: neither is ever there alone."""
    config = write_project(tmp_path, examples=examples(40), model=HTTP, harness={"concurrency": 10})
    async with serving(config, db=db, limits=API_ONLY) as server:
        await server.start()
    started = run_sql(db, "SELECT xmin::text FROM matchspec.events WHERE type = 'started'")
    handed_out = run_sql(db, "SELECT xmin::text FROM matchspec_work.procrastinate_jobs")
    assert len(handed_out) == 3  # ten calls at once, four to a share
    assert {*started} == {*handed_out}


async def test_a_requests_concurrency_bounds_all_harnesses_and_workers(tmp_path: Path, db: PostgresUrl) -> None:
    """`concurrency: 3` of a request: three calls at once, whoever makes them, over both harnesses."""
    for name in ("a", "b"):
        write_harness(tmp_path, name, examples=examples(15), model=HTTP, concurrency=8)
    config = write_config(tmp_path, [suite("qa", "a", "b")])
    one = Slow(0.01)
    async with at_work(config, db, [one, Slow(0.01, one)]) as server:
        document = await server.run(concurrency=3)
    assert (document["status"], len(document["examples"])) == ("passed", 30)
    assert one.most == 3


async def test_a_run_that_is_less_far_gets_the_turn(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one place for all, a short run that begins later ends before a long one, which then goes on."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(shares, "TURN_SECONDS", 0.2)
    for name, count in (("long", 400), ("short", 20)):
        write_harness(tmp_path, name, examples=examples(count), model=HTTP)
    config = write_config(tmp_path, [suite("long", "long"), suite("short", "short")])
    async with at_work(config, db, [Slow(0.02)], calls=4) as server:
        long = await server.start(suite="long")
        await completed(server, long, 40)
        short = await server.over(await server.start(suite="short"))
        assert short["status"] == "passed"
        assert (await server.get(long))["status"] == "running"
        document = await server.over(long)
    assert (document["status"], len(document["examples"])) == ("passed", 400)
    assert len(scored_ids(db, long)) == 400


async def test_a_run_of_many_shares_is_as_far_as_it_is(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shares of a long run that nobody has touched yet wait behind a run that is less far: their run is on its way."""
    monkeypatch.setattr(keeper, "WAY_SECONDS", 0.1)
    monkeypatch.setattr(shares, "TURN_SECONDS", 0.2)
    write_harness(tmp_path, "long", examples=examples(2000), model=HTTP, concurrency=160)
    write_harness(tmp_path, "short", examples=examples(20), model=HTTP)
    config = write_config(tmp_path, [suite("long", "long"), suite("short", "short")])
    async with at_work(config, db, [Slow(0.02)], calls=4) as server:
        long = await server.start(suite="long")
        await completed(server, long, 40)
        await server.run(suite="short")
        assert (await server.get(long))["progress"]["completed"] < 1000
        assert run_sql(db, "SELECT count(*) FROM matchspec_work.procrastinate_events") == [(0,)]
        assert (await server.http.post(f"/results/{long}/cancel")).status_code == 202


async def test_small_shares_leave_no_calls_idle(tmp_path: Path, db: PostgresUrl) -> None:
    """Runs that make one call at a time: a worker that can make eight calls works on so many of them, or nearly."""
    config = write_project(tmp_path, examples=examples(5), model=HTTP, harness={"concurrency": 1})
    model = Slow(0.1)
    async with at_work(config, db, [model], calls=8) as server:
        for run_id in [await server.start() for _ in range(8)]:
            assert (await server.over(run_id))["status"] == "passed"
    assert 6 <= model.most <= 8


@pytest.mark.parametrize("right", [True, False], ids=["passes", "fails"])
async def test_harnesses_go_one_after_another_where_the_first_failure_is_the_last(
    tmp_path: Path, db: PostgresUrl, right: bool
) -> None:
    """With `fail_fast` the second harness begins once all of the first is scored, and not at all where that failed."""
    rows = examples(30) if right else [row | {"expected": "another"} for row in examples(30)]
    write_harness(tmp_path, "first", examples=rows, model=HTTP, concurrency=12)
    write_harness(tmp_path, "second", examples=examples(30), model=HTTP, concurrency=12)
    config = write_config(tmp_path, [suite("qa", "first", "second", thresholds={"overall": 1.0})])
    one, two = FakeModel(), FakeModel()
    async with at_work(config, db, [one, two]) as server:
        started = server.service.starter.start(RunRequest(), Caller(None, None), RunOptions(fail_fast=True))
        document = await server.over(await started)
    harnesses = [body["harness"] for body in bodies_of(db, document["run_id"], "example_scored")]
    assert harnesses == (["first"] * 30 + ["second"] * 30 if right else ["first"] * 30)
    assert document["status"] == ("passed" if right else "failed")


async def test_a_large_dataset_is_pinned_by_who_takes_the_run(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dataset that is not read before the 202 is pinned once, by a worker, and then shared out."""
    monkeypatch.setattr(starting, "CHECKED_ROWS", 10)
    config = write_project(tmp_path, examples=examples(50), model=HTTP, harness={"concurrency": 8})
    async with at_work(config, db, [FakeModel(), FakeModel()]) as server:
        document = await server.run()
    assert (document["status"], len(document["examples"])) == ("passed", 50)
    assert types_of(db, document["run_id"])[:2] == ["started", "examples_pinned"]
    assert types_of(db, document["run_id"]).count("examples_pinned") == 1


KEYED = HTTP | {"headers": {"X-Key": "${SERVICE_KEY}"}}


async def test_what_a_worker_lacks_it_leaves_to_others(
    tmp_path: Path, db: PostgresUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker without a variable that a run needs says so and asks nothing; the one that has it does all."""
    config = write_project(tmp_path, examples=examples(12), model=KEYED, harness={"concurrency": 8})
    lacking, able = FakeModel(), FakeModel()
    async with at_work(config, db, [lacking]) as server:
        run_id = await server.start()
        async with asyncio.timeout(30):
            while "is left to other workers" not in caplog.text:
                await asyncio.sleep(0.01)
        variables = {"SERVICE_KEY": "a-key-of-the-worker"}
        async with serving(config, able, db=db, environment=variables):
            document = await server.over(run_id)
    assert document["status"] == "passed"
    assert (len(lacking.asked), len(able.asked)) == (0, 12)
    assert caplog.text.count("is left to other workers") == 1


async def test_a_run_that_no_worker_can_take_says_what_is_missing(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all that work refuse for a while, the run ends as `error` with what they lack."""
    monkeypatch.setattr(engine, "PATIENT_SECONDS", 1.0)
    config = write_project(tmp_path, examples=examples(3), model=KEYED)
    async with at_work(config, db, [FakeModel(), FakeModel()]) as server:
        document = await server.run()
    assert document["status"] == "error"
    assert "no worker can take the run" in document["error"]
    assert "the environment variable SERVICE_KEY is not set" in document["error"]


async def test_a_run_that_someone_works_on_is_not_given_up(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker refused a run until its script was put right; that another one lacks more does not end it then."""
    monkeypatch.setattr(engine, "PATIENT_SECONDS", 5)
    monkeypatch.setattr(patience, "AGAIN_SECONDS", 0.2)
    grader = {"type": "python", "name": "own", "threshold": 0.5, "config": {"callable": "own.py:make"}}
    harness = {"concurrency": 16}
    config = write_project(tmp_path, examples=examples(48), model=KEYED, graders=[grader], harness=harness)
    script = config.parent / "evals/qa-v1/own.py"
    script.write_text("def make(config):\n    return lambda *asked: 1.0\n")
    right = script.read_text()
    async with at_work(config, db, [FakeModel()]) as server:
        run_id = await server.start()
        script.write_text("")
        async with serving(
            config, Slow(0.6), db=db, limits=Limits(model_calls=4), environment={"SERVICE_KEY": "a-key-of-the-worker"}
        ):
            while len(run_sql(db, "SELECT worker FROM matchspec_work.refusals")) < 2:
                await asyncio.sleep(0.01)
            script.write_text(right)
            document = await server.over(run_id)
    assert document["status"] == "passed"


async def test_who_refused_is_forgotten_once_the_run_is_over(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What processes lacked for a run is kept no longer than the run."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    config = write_project(tmp_path, examples=examples(3), model=KEYED)
    refused = "SELECT worker FROM matchspec_work.refusals"
    async with at_work(config, db, [FakeModel()]) as server:
        run_id = await server.start()
        while not run_sql(db, refused):
            await asyncio.sleep(0.01)
        assert (await server.http.post(f"/results/{run_id}/cancel")).status_code == 202
        while run_sql(db, refused):
            await asyncio.sleep(0.01)


async def test_a_script_that_is_another_one_is_not_run(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose copy of a command's script is not the pinned one leaves the run, which names the script."""
    monkeypatch.setattr(engine, "PATIENT_SECONDS", 1.0)
    model = {"type": "command", "command": ["python3", "./answer.py"]}
    configs = [write_project(tmp_path / name, examples=examples(2), model=model) for name in ("server", "worker")]
    for name, said in (("server", "q0"), ("worker", "changed")):
        (tmp_path / name / "evals/qa-v1/answer.py").write_text(f"print({said!r})\n")
    async with serving(configs[0], db=db, limits=API_ONLY) as server, serving(configs[1], db=db):
        document = await server.run()
    assert document["status"] == "error"
    assert "answer.py has changed since the run started" in document["error"]


async def test_a_cancel_ends_the_calls_of_all_workers(tmp_path: Path, db: PostgresUrl) -> None:
    """Calls in flight end within a second, and no more are made."""
    config = write_project(tmp_path, examples=examples(50), model=HTTP, harness={"concurrency": 16})
    one = Slow(60)
    async with at_work(config, db, [one, Slow(60, one)], calls=8) as server:
        run_id = await server.start()
        while one.now < 16:
            await asyncio.sleep(0.01)
        assert (await server.http.post(f"/results/{run_id}/cancel")).status_code == 202
        began = time.monotonic()
        while one.now:
            await asyncio.sleep(0.01)
        assert time.monotonic() - began < 5  # a second, on a machine that has time
    assert types_of(db, run_id) == ["started", "cancel_requested", "finished"]


async def test_shares_that_were_lost_are_handed_out_again(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's tables hold no fact: emptied before anyone took a share, they cost the run some time."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(keeper, "SILENT_SECONDS", 1.0)
    config = write_project(tmp_path, examples=examples(20), model=HTTP, harness={"concurrency": 8})
    async with serving(config, db=db, limits=API_ONLY) as server:
        run_id = await server.start()
        run_sql(db, "SET search_path = matchspec_work", "DELETE FROM procrastinate_jobs")
        async with serving(config, FakeModel(), db=db):
            assert (await server.over(run_id))["status"] == "passed"
    assert len(scored_ids(db, run_id)) == 20


async def test_a_share_that_comes_back_is_worked_on_once(tmp_path: Path, db: PostgresUrl) -> None:
    """A worker that was taken for dead gets its own share again: it begins anew, and lets go of what it was doing."""
    hand_on = "UPDATE matchspec_work.procrastinate_jobs SET status = 'todo', attempts = attempts + 1"
    config = write_project(tmp_path, examples=examples(40), model=HTTP, harness={"concurrency": 4})
    model = Slow(0.3)
    async with at_work(config, db, [model]) as server:
        run_id = await server.start()
        await completed(server, run_id, 4)
        run_sql(db, hand_on)
        assert (await server.over(run_id))["status"] == "passed"
    assert len(model.asked) <= 40 + 4
    assert model.most <= 8
    assert run_sql(db, "SELECT id FROM matchspec_work.procrastinate_jobs") == []


async def test_tables_that_were_dropped_are_made_again(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The schema `matchspec_work` may be lost: whoever works makes it again, and the run goes on."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(keeper, "SILENT_SECONDS", 1.0)
    config = write_project(tmp_path, examples=examples(20), model=HTTP, harness={"concurrency": 8})
    async with at_work(config, db, [Slow(0.2), Slow(0.2)]) as server:
        run_id = await server.start()
        await completed(server, run_id, 8)
        run_sql(db, "DROP SCHEMA matchspec_work CASCADE")
        assert (await server.over(run_id))["status"] == "passed"
        assert (await server.run())["status"] == "passed"
    assert len(scored_ids(db, run_id)) == 20
    assert "the schema matchspec_work was gone" in caplog.text


async def test_a_worker_without_rights_says_so(
    tmp_path: Path, db: PostgresUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """A role that may write the log but not its work: the worker tells it once, and goes on once it is granted."""
    rows = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA matchspec_work TO limited"
    config = write_project(tmp_path, examples=examples(3), model=HTTP)
    async with serving(config, db=db, limits=API_ONLY) as server:
        run_sql(
            db,
            "DROP ROLE IF EXISTS limited",
            "CREATE ROLE limited LOGIN",
            "GRANT USAGE ON SCHEMA matchspec, matchspec_work TO limited",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA matchspec_work TO limited",
            "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA matchspec TO limited",
        )
        run_id = await server.start()
        async with serving(config, FakeModel(), db=as_user(db, "limited")):
            while "shares of runs can't be had: permission denied" not in caplog.text:
                await asyncio.sleep(0.01)
            run_sql(db, rows)
            assert (await server.over(run_id))["status"] == "passed"
    assert caplog.text.count("can't be had") == 1
    run_sql(db, "DROP OWNED BY limited", "DROP ROLE limited")


async def test_a_share_that_went_out_again_can_be_handed_on(db: PostgresUrl) -> None:
    """However often it goes out again, there is one of it; whoever has it may die, and it is handed on."""
    sharing = await engine.Engine.open(db)
    share = Share("run-20260315-143022-a3f7", None, 0, 1, 4)
    try:
        await sharing.hand_out_again([share])
        run_sql(db, "SET search_path = matchspec_work", DIE)
        await sharing.hand_out_again([share])
        await sharing.hand_on([*await sharing.find_stalled()])
        assert run_sql(db, "SELECT status::text FROM matchspec_work.procrastinate_jobs") == [("todo",)]
    finally:
        await sharing.close()


async def test_a_share_that_its_process_does_not_know_of_is_given_back(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that lives has a share by the tables, but the answer that said so was lost: it is taken again."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    config = write_project(tmp_path, examples=examples(3), model=HTTP)
    async with at_work(config, db, [FakeModel()]) as server:
        while not run_sql(db, "SELECT id FROM matchspec_work.procrastinate_workers"):
            await asyncio.sleep(0.01)
        run_sql(db, "SET search_path = matchspec_work", *GIVE_UNHEARD)
        document = await server.run()
    assert document["status"] == "passed"
    assert types_of(db, document["run_id"]) == ["started", *["example_scored"] * 3, "finished"]


async def test_a_run_of_a_log_that_was_moved_is_gone_on_with(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was not over in a file is taken up in the database, once on record; only what is missing is asked."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(keeper, "SILENT_SECONDS", 0.5)
    config = write_project(tmp_path, examples=examples(40), model=HTTP, harness={"concurrency": 8})
    async with serving(config, Slow(0.05)) as client:
        run_id = await client.start()
        await completed(client, run_id, 10)
    copied = await asyncio.to_thread(call, tmp_path, "copy", "--from", log_of(config), "--to", db.url)
    assert copied.code == 0, copied
    before = len(scored_ids(db, run_id))
    rest = FakeModel()
    async with serving(config, rest, db=db) as client:
        document = await client.over(run_id)
    assert (document["status"], len(document["examples"])) == ("passed", 40)
    assert len(rest.asked) == 40 - before
    assert types_of(db, run_id).count("resumed") == 1
    assert verify_log(db).breaks == []


async def test_a_model_that_takes_its_time_is_no_loss(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes a run over whose calls take long, though one of its two shares ends before the other's last call."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(keeper, "SILENT_SECONDS", 0.3)
    config = write_project(tmp_path, examples=examples(9), model=HTTP, harness={"concurrency": 8})
    async with at_work(config, db, [Slow(1.2), Slow(1.2)]) as server:
        run_id = await server.start()
        assert (await server.over(run_id))["status"] == "passed"
    assert types_of(db, run_id) == ["started", *["example_scored"] * 9, "finished"]


async def test_a_run_whose_workers_crash_again_and_again_is_given_up(
    tmp_path: Path, db: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies five times in a row over a run, without one new score, ends it as `error`."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.05)
    config = write_project(tmp_path, examples=examples(2), model=HTTP)
    async with serving(config, db=db, limits=API_ONLY) as server:
        run_id = await server.start()
        async with asyncio.timeout(30):
            while (await server.get(run_id))["status"] == "running":
                run_sql(db, "SET search_path = matchspec_work", DIE)
                await asyncio.sleep(0.05)
        document = await server.get(run_id)
    assert document["status"] == "error"
    assert "5 crashes in a row" in document["error"]
    assert types_of(db, run_id) == ["started", *["resumed"] * 4, "finished"]


def test_a_worker_needs_a_log_on_postgres(tmp_path: Path) -> None:
    """With a log in a file, a worker and a server that makes no calls say what they need."""
    write_project(tmp_path)
    for words in (["worker"], ["serve", "--port", "0", "--max-model-calls", "0"]):
        called = call(tmp_path, *words)
        assert called.code == 2, words
        assert "log on PostgreSQL" in called.stderr
