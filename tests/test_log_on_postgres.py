"""Servers with their log on PostgreSQL: the same API and the same guarantees, with one server or several."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from calling import call
from postgres import Server as Postgres
from postgres import as_user, find_programs, new_database, run_sql, scored_ids, types_of
from project import examples, write_project
from running import HTTP, Client, Document, FakeModel, serving
from server import Server, recorded_model, until

from service.log.address import LogAddress, PostgresUrl
from service.log.verifying import verify_log

pytestmark = pytest.mark.xdist_group("postgres")

QUERY = "SELECT run_id, version, type, body FROM matchspec.events WHERE position > 1 ORDER BY position"


@pytest.fixture
def db() -> PostgresUrl:
    """A database without a log."""
    return new_database()


def record(config: Path, db: LogAddress | None = None, **variables: str) -> Document:
    """Carry a run to its end, before any command of the test; gives its document."""

    async def run() -> Document:
        async with serving(config, db=db, environment=variables) as client:
            return await client.run()

    return asyncio.run(run())


@asynccontextmanager
async def two_servers(config: Path, db: PostgresUrl, one: FakeModel, two: FakeModel) -> AsyncIterator[list[Client]]:
    """Two services over one database."""
    async with serving(config, one, db=db) as first, serving(config, two, db=db) as second:
        yield [first, second]


async def test_a_run_is_recorded_and_every_way_to_look_at_it_answers(tmp_path: Path, db: PostgresUrl) -> None:
    """Result, events, `?at=N`, examples, log, report, listing, regrade and idempotency are as with a file."""
    config = write_project(tmp_path, examples=examples(5), model=HTTP)
    async with serving(config, db=db) as client:
        document = await client.run(suite="qa")
        run_id = document["run_id"]
        assert (document["status"], len(document["examples"])) == ("passed", 5)
        assert document["log"]["position"] == 8  # log_created, started, five scores, finished
        past = (await client.http.get(f"/results/{run_id}?at=3")).json()
        assert past["progress"]["completed"] == 2
        streamed = (await client.http.get(f"/results/{run_id}/events")).text
        assert [line for line in streamed.splitlines() if line.startswith("id: ")] == [f"id: {n}" for n in range(1, 8)]
        lines = (await client.http.get(f"/results/{run_id}/log")).text.splitlines()
        assert [json.loads(line)["type"] for line in lines] == ["started", *["example_scored"] * 5, "finished"]
        assert (await client.http.get(f"/results/{run_id}/report?format=junit")).status_code == 200
        assert len((await client.http.get(f"/results/{run_id}/examples?limit=2")).json()["examples"]) == 2
        again = (await client.http.post(f"/results/{run_id}/regrade")).json()["run_id"]
        assert (await client.over(again))["status"] == "passed"
        keyed = [await client.http.post("/run", json={}, headers={"Idempotency-Key": '"a"'}) for _ in range(2)]
        assert len({answer.json()["run_id"] for answer in keyed}) == 1
        await client.over(keyed[0].json()["run_id"])
        assert (await client.http.get("/results")).json()["total"] == 3
    assert verify_log(db).breaks == []


async def test_either_server_answers_any_request_about_any_run(tmp_path: Path, db: PostgresUrl) -> None:
    """The first GET after a 202 is answered by the other server too, which shows the same document at the end."""
    config = write_project(tmp_path, examples=examples(20), model=HTTP, harness={"concurrency": 4})
    models = FakeModel(), FakeModel()
    async with two_servers(config, db, *models) as clients:
        for turn in range(4):
            one, other = clients[turn % 2], clients[1 - turn % 2]
            run_id = await one.start(suite="qa")
            assert (await other.http.get(f"/results/{run_id}")).status_code == 200
            assert (await other.over(run_id)) == await one.over(run_id)
        runs = await asyncio.gather(*(client.start() for client in clients * 3))
        documents = [await clients[n % 2].over(run_id) for n, run_id in enumerate(runs)]
        listings = [(await client.http.get("/results")).json() for client in clients]
    assert {document["status"] for document in documents} == {"passed"}
    assert listings[0] == listings[1]
    assert len(models[0].asked) + len(models[1].asked) == 10 * 20  # nothing was asked by both
    verified = verify_log(db)
    assert (verified.breaks, verified.runs) == ([], 10)


async def test_one_key_gives_one_run_whichever_server_is_asked(tmp_path: Path, db: PostgresUrl) -> None:
    """Twenty requests with one key, at once, at two servers: one run."""
    config = write_project(tmp_path, examples=examples(3), model=HTTP)
    async with two_servers(config, db, FakeModel(), FakeModel()) as clients:
        asked = [client.http.post("/run", json={}, headers={"Idempotency-Key": '"k"'}) for client in clients * 10]
        answers = await asyncio.gather(*asked)
        assert {answer.status_code for answer in answers} == {202}
        (run_id,) = {answer.json()["run_id"] for answer in answers}
        await clients[0].over(run_id)
    assert types_of(db, run_id).count("started") == 1
    assert len(run_sql(db, QUERY)) == 5


async def test_a_cancel_at_the_other_server_aborts_calls_within_a_second(tmp_path: Path, db: PostgresUrl) -> None:
    """Calls in flight end, no more are made, and both servers show the run as cancelled."""
    config = write_project(tmp_path, examples=examples(50), model=HTTP, harness={"concurrency": 4})

    async def never(_text: str) -> str:
        await asyncio.sleep(60)
        return ""

    model = FakeModel(never)
    async with two_servers(config, db, model, model) as (one, other):
        run_id = await one.start()
        while model.in_flight < 4:
            await asyncio.sleep(0.01)
        assert (await other.http.post(f"/results/{run_id}/cancel")).status_code == 202
        began = time.monotonic()
        while model.in_flight:
            await asyncio.sleep(0.01)
        assert time.monotonic() - began < 5  # a second, on a machine that has time
        assert [(await client.over(run_id))["status"] for client in (one, other)] == ["cancelled"] * 2
    assert len(model.asked) == 4
    assert types_of(db, run_id) == ["started", "cancel_requested", "finished"]


async def test_a_server_that_ends_leaves_its_runs_to_the_other(tmp_path: Path, db: PostgresUrl) -> None:
    """A run whose server stops is gone on with by the other one, which asks only for what is missing."""
    config = write_project(tmp_path, examples=examples(40), model=HTTP, harness={"concurrency": 2})
    one, two = FakeModel(slow), FakeModel()
    async with AsyncExitStack() as stack:
        async with serving(config, one, db=db) as first:
            run_id = await first.start()
            while (await first.get(run_id))["progress"]["completed"] < 5:
                await asyncio.sleep(0.01)
            other = await stack.enter_async_context(serving(config, two, db=db))
        document = await other.over(run_id)
    assert (document["status"], len(document["examples"])) == ("passed", 40)
    ids = scored_ids(db, run_id)
    assert (len(ids), len(set(ids))) == (40, 40)
    assert len(two.asked) == 40 - len(one.asked)
    assert types_of(db, run_id).count("resumed") == 1
    assert verify_log(db).breaks == []


async def slow(text: str) -> str:
    """Answer rightly after 20 ms."""
    await asyncio.sleep(0.02)
    return text


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_killed_server_is_gone_on_with_by_its_next_start(tmp_path: Path, db: PostgresUrl) -> None:
    """kill -9 twice, half-way: the run keeps its id, loses no score, records none twice, and reaches its verdict."""
    outputs = {f"q{n}": f"q{n}" for n in range(300)}
    runs: list[str] = []

    def recorded() -> int:
        return len(scored_ids(db, runs[0]))

    with recorded_model(tmp_path, outputs, 20) as model:
        config = write_project(tmp_path, examples=examples(300), model=model.spec, harness={"concurrency": 8})
        for goal in (50, 150):
            with Server(config, "--db", db.url) as killed:
                runs += [] if runs else [killed.start_run()]
                until(lambda goal=goal: recorded() >= goal, 30, f"{goal} scores")  # type: ignore[misc] # a default
        with Server(config, "--db", db.url) as last:
            document = last.result(runs[0])
            assert last.stop() == 0
        extra = model.calls().total - 300
    assert (document["status"], len(document["examples"])) == ("passed", 300)
    ids = scored_ids(db, runs[0])
    assert (len(ids), len(set(ids))) == (300, 300)
    assert 0 <= extra <= 2 * 8
    assert verify_log(db).breaks == []


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_restart_of_the_database_is_waited_out(tmp_path: Path) -> None:
    """While PostgreSQL is away readers and writers get 503; afterwards the run goes on, and nothing is lost."""
    postgres = Postgres(find_programs())
    postgres.create()
    try:
        postgres.start()
        db = new_database(postgres.url)
        config = write_project(tmp_path, examples=examples(200), model=HTTP, harness={"concurrency": 4})
        async with serving(config, FakeModel(slow), db=db) as client:
            run_id = await client.start()
            while (await client.get(run_id))["progress"]["completed"] < 20:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(postgres.stop)
            assert (await client.post()).status_code == 503
            await asyncio.to_thread(postgres.start)
            document = await client.over(run_id)
        assert (document["status"], len(document["examples"])) == ("passed", 200)
        ids = scored_ids(db, run_id)
        assert (len(ids), len(set(ids))) == (200, 200)
        assert types_of(db, run_id)[-1] == "finished"
        assert await asyncio.to_thread(lambda: verify_log(db).breaks) == []
    finally:
        await asyncio.to_thread(postgres.remove)


async def test_a_read_after_connections_were_cut_off_is_answered(tmp_path: Path, db: PostgresUrl) -> None:
    """A server whose connections a restart ended reads on new ones: no reader is told of those that are gone."""
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    config = write_project(tmp_path, examples=examples(5))
    async with serving(config, db=db) as client:
        run_id = (await client.run())["run_id"]
        for path in ("examples", "log", "report", "events"):
            await asyncio.to_thread(run_sql, db, cut + "pg_backend_pid()")
            assert (await client.http.get(f"/results/{run_id}/{path}")).status_code == 200, path


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_an_idle_server_tells_that_its_database_is_away(tmp_path: Path) -> None:
    """A run it has not heard of may be there: 503, not 404; nor is it ready, until the database is back."""
    postgres = Postgres(find_programs())
    postgres.create()
    try:
        postgres.start()
        async with serving(write_project(tmp_path), db=new_database(postgres.url)) as client:

            async def answered(path: str) -> int:
                return (await client.http.get(path)).status_code

            assert [await answered("/ready"), await answered("/results/run-20260101-000000-0000")] == [200, 404]
            await asyncio.to_thread(postgres.stop)
            assert await answered("/results/run-20260101-000000-0000") == 503
            assert await answered("/ready") == 503
            await asyncio.to_thread(postgres.start)
            while await answered("/ready") == 503:
                await asyncio.sleep(0.05)
            assert await answered("/results/run-20260101-000000-0000") == 404
    finally:
        await asyncio.to_thread(postgres.remove)


def test_commands_read_a_log_on_postgres(tmp_path: Path, db: PostgresUrl) -> None:
    """verify, replay, export, report and regrade take a URL where they take a file; backup says what to do instead."""
    run_id = record(write_project(tmp_path, examples=examples(3)), db)["run_id"]
    for words in (
        ["verify", "--db", db.url],
        ["verify", run_id, "--db", db.url],
        ["replay", "--db", db.url],
        ["export", run_id, "--db", db.url],
        ["report", run_id, "--db", db.url],
        ["regrade", run_id, "--db", db.url],
    ):
        called = call(tmp_path, *words)
        assert called.code == 0, (words, called)
    assert call(tmp_path, "verify", MATCHSPEC_DB=db.url).code == 0
    called = call(tmp_path, "backup", "copy.db", "--db", db.url)
    assert called.code == 2
    assert "pg_dump" in called.stderr


def test_a_log_moves_into_a_database_and_back(tmp_path: Path, db: PostgresUrl) -> None:
    """A copy has every event and content as it was stored, the same head; the next server goes on with it."""
    config = write_project(tmp_path, examples=examples(3))
    file, back = tmp_path / ".matchspec" / "matchspec.db", tmp_path / "back.db"
    before = record(config)
    called = call(tmp_path, "copy", "--from", file, "--to", db.url)
    head = verify_log(file).head
    assert called.code == 0, called
    assert f"event {head.position} " in called.stdout
    assert head.hash.hex() in called.stdout
    record(config, db)
    assert call(tmp_path, "copy", "--from", db.url, "--to", back).code == 0
    assert verify_log(back).head == verify_log(db).head
    assert verify_log(back).head.position == 2 * head.position - 1  # all but log_created comes twice
    shown = call(tmp_path, "report", before["run_id"], "--format", "json", "--db", back)
    assert json.loads(shown.stdout) == before
    for target in (db.url, str(back)):
        called = call(tmp_path, "copy", "--from", file, "--to", target)
        assert (called.code, "none is yet" in called.stderr) == (2, True)


async def test_a_role_that_may_only_add_is_enough(tmp_path: Path, db: PostgresUrl) -> None:
    """Once the owner has made the log, a role with SELECT and INSERT serves it, and can change nothing."""
    config = write_project(tmp_path, examples=examples(3))
    async with serving(config, db=db):
        pass
    run_sql(
        db,
        "DROP ROLE IF EXISTS limited",
        "CREATE ROLE limited LOGIN",
        "GRANT USAGE ON SCHEMA matchspec TO limited",
        "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA matchspec TO limited",
        "GRANT USAGE ON SCHEMA matchspec_work TO limited",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA matchspec_work TO limited",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA matchspec_work TO limited",
    )
    limited = as_user(db, "limited")
    async with serving(config, db=limited) as client:
        assert (await client.run())["status"] == "passed"
    for statement in ("UPDATE", "DELETE", "TRUNCATE"):
        words = {"UPDATE": "matchspec.events SET at = at", "DELETE": "FROM matchspec.events"}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_sql(limited, f"{statement} {words.get(statement, 'matchspec.events')}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run_sql(limited, "ALTER TABLE matchspec.events DISABLE TRIGGER ALL")
    assert (await asyncio.to_thread(call, tmp_path, "verify", "--db", limited.url)).code == 0
    run_sql(db, "DROP OWNED BY limited", "DROP ROLE limited")


def test_a_checkpoint_finds_a_cut_end(tmp_path: Path, db: PostgresUrl) -> None:
    """MATCHSPEC_CHECKPOINT names its file; a log that lost its last event is not gone on with, and verify says so."""
    config, kept = write_project(tmp_path), tmp_path / "kept.checkpoint"
    variables = {"MATCHSPEC_CHECKPOINT": str(kept)}
    record(config, db, **variables)
    assert call(tmp_path, "verify", "--db", db.url, **variables).code == 0
    run_sql(
        db,
        "ALTER TABLE matchspec.events DISABLE TRIGGER ALL",
        "DELETE FROM matchspec.events WHERE type = 'finished'",
        "ALTER TABLE matchspec.events ENABLE ALWAYS TRIGGER events_no_change",
    )
    called = call(tmp_path, "verify", "--db", db.url, **variables)
    assert called.code == 1
    assert "the log ends before event 4" in called.stdout
    called = call(tmp_path, "serve", "--port", "0", "--db", db.url, **variables)
    assert (called.code, "contradicts its checkpoint" in called.stderr) == (3, True)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret-word@127.0.0.1:1/none",
        "postgresql://me:s3cret-word/x@127.0.0.1:1/none",
        "postgresql://me@127.0.0.1:1/none?password=s3cret-word",
        "postgresql://me:s3cret-word%@127.0.0.1:1/none",
        "postgresql://me:s3cret-word@127.0.0.1:none/none",
    ],
)
def test_a_password_is_in_no_message(tmp_path: Path, url: str) -> None:
    """Whatever is wrong with a URL or its server, what is said of it is without the password."""
    write_project(tmp_path)
    for words in (["serve", "--port", "0"], ["verify"], ["replay"]):
        called = call(tmp_path, *words, "--db", url)
        assert called.code == 3
        assert "postgresql://me@127.0.0.1:" in called.stderr
        assert "s3cret-word" not in called.stdout + called.stderr


def test_a_schema_of_another_program_is_refused_and_not_touched(tmp_path: Path, db: PostgresUrl) -> None:
    """A schema `matchspec` with tables that are not ours stays as it is."""
    write_project(tmp_path)
    run_sql(db, "CREATE SCHEMA matchspec", "CREATE TABLE matchspec.events (position int)")
    called = call(tmp_path, "serve", "--port", "0", "--db", db.url)
    assert (called.code, "is that of another program" in called.stderr) == (3, True)
    assert run_sql(db, "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('matchspec')") == [(1,)]


def test_a_database_without_a_log_is_told(tmp_path: Path, db: PostgresUrl) -> None:
    """replay finds no log; verify says that nothing was recorded yet."""
    write_project(tmp_path)
    called = call(tmp_path, "replay", "--db", db.url)
    assert (called.code, "holds no event log" in called.stderr) == (3, True)
    called = call(tmp_path, "verify", "--db", db.url)
    assert (called.code, "nothing was recorded yet" in called.stdout) == (0, True)


def test_a_database_that_does_not_sync_is_made_to(db: PostgresUrl) -> None:
    """`synchronous_commit = off` of a database is overruled for whoever writes the log."""
    name = db.url.rpartition("?")[0].rpartition("/")[2]
    run_sql(db, f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert run_sql(db, "SHOW synchronous_commit") == [("off",)]

    async def look() -> object:
        from service.log.postgres.connection import open_writing

        async with await open_writing(db) as writing:
            return await (await writing.execute("SHOW synchronous_commit")).fetchone()

    assert asyncio.run(look()) == ("on",)
