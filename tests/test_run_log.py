"""`GET /results/{id}/log`: what the log holds of a run, event by event, as it is stored."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from facts import append
from live import check_problem
from project import examples, suite, write_config, write_harness, write_project
from run_events import finished, pinned, scored, started
from running import HTTP, Client, FakeModel, log_of, serving

from domain import codec
from domain.events import Event
from service.log.event_log import NewEvent
from service.log.opening import connect_reader, open_log
from service.log.rows import PAGE

AT = "2026-03-15T14:30:22.123456Z"
RUN = "run-20260315-143022-a3f7"


def rows_of(config: Path, run_id: str) -> list[dict[str, object]]:
    """A run's events, read with nothing of ours."""
    columns = ("position", "run_id", "version", "type", "at", "body", "leaf", "hash")
    query = f"SELECT {', '.join(columns)} FROM events WHERE run_id = ? ORDER BY version"
    with closing(sqlite3.connect(log_of(config))) as database:
        rows = [dict(zip(columns, row, strict=True)) for row in database.execute(query, (run_id,))]
    return [row | {"leaf": row["leaf"].hex(), "hash": row["hash"].hex()} for row in rows]


def body_bytes(line: bytes) -> bytes:
    """What stands between `"body":` and the leaf in a line."""
    return line.partition(b'"body":')[2].rpartition(b',"leaf":"')[0]


async def test_every_event_is_a_line_with_its_own_bytes(tmp_path: Path) -> None:
    """All columns of all events of the run and of no other, in order; each body has the bytes that were hashed."""
    for name in ("a", "b"):
        write_harness(tmp_path, name, examples=examples(5, tags=["größe 🦉\u2028"]), model=HTTP)
    config = write_config(tmp_path, [suite("one", "a"), suite("two", "a", "b")])
    async with serving(config) as client:
        runs = [await client.start(suite="one"), await client.start(suite="two"), await client.start()]
        for run_id in runs:
            await client.over(run_id)
        answers = [await client.http.get(f"/results/{run_id}/log") for run_id in runs]

    assert [answer.headers["Content-Type"] for answer in answers] == ["application/jsonl"] * 3
    lines = [answer.content.split(b"\n") for answer in answers]
    assert [len(of_run) for of_run in lines] == [5 + 3, 10 + 3, 15 + 3]  # started, scores, finished, nothing
    for run_id, (*of_run, after) in zip(runs, lines, strict=True):
        stored = rows_of(config, run_id)
        assert after == b""
        assert [body_bytes(line) for line in of_run] == [row["body"] for row in stored]
        assert [json.loads(line) | {"body": body_bytes(line)} for line in of_run] == stored


async def test_of_an_unfinished_run_the_events_so_far(tmp_path: Path) -> None:
    """Two of three are recorded while the model thinks about the third."""
    thinks = asyncio.Event()

    async def answer(text: str) -> str:
        if text == "q2":
            await thinks.wait()
        return text

    config = write_project(tmp_path, examples=examples(3), model=HTTP)
    async with serving(config, FakeModel(answer)) as client:
        run_id = await client.start()
        async with asyncio.timeout(20):
            while (await client.get(run_id))["progress"]["completed"] < 2:
                await asyncio.sleep(0.002)
        soon = await types(client, run_id)
        thinks.set()
        await client.over(run_id)
        later = await types(client, run_id)
    assert soon == ["started", "example_scored", "example_scored"]
    assert later == [*soon, "example_scored", "finished"]


async def types(client: Client, run_id: str) -> list[str]:
    """The types of a run's events, from its log."""
    answer = await client.http.get(f"/results/{run_id}/log")
    return [json.loads(line)["type"] for line in answer.text.splitlines()]


async def test_head_and_runs_that_are_not_there(tmp_path: Path) -> None:
    """HEAD has the status and type of GET and no body; an unknown run, and the log's own, are 404."""
    async with serving(write_project(tmp_path)) as client:
        run_id = (await client.run())["run_id"]
        head = await client.http.head(f"/results/{run_id}/log")
        assert (head.status_code, head.headers["Content-Type"], head.content) == (200, "application/jsonl", b"")
        for unknown in (RUN, "log", "x"):
            answer = await client.http.get(f"/results/{unknown}/log")
            check_problem(answer)
            assert answer.json()["type"] == "urn:matchspec:problem:run-not-found"
        assert (await client.http.post(f"/results/{run_id}/log")).status_code == 405


async def test_a_body_on_several_lines_comes_on_one(tmp_path: Path) -> None:
    """A log may be written by any program: line breaks between the tokens of a body become spaces."""
    config = write_project(tmp_path)
    log = await open_log(log_of(config), AT)
    events: list[Event] = [started(pinned(rows=1)), scored(0, scores={"exact_match": 1.0}), finished()]
    bodies = [codec.encode(event).replace(b',"', b',\r\n "') for event in events]
    await append(log, [NewEvent(RUN, v, AT, events[v - 1], bodies[v - 1]) for v in (1, 2, 3)])
    await log.close()

    async with serving(config) as client:
        lines = (await client.http.get(f"/results/{RUN}/log")).content.splitlines()
    assert [body_bytes(line) for line in lines] == [body.replace(b"\r\n", b"  ") for body in bodies]
    assert [json.loads(line)["body"] for line in lines] == [json.loads(body) for body in bodies]


async def test_a_slow_reader_holds_no_transaction(tmp_path: Path) -> None:
    """Between two pages the write-ahead log can be cut back to nothing, and what is written then is not waited for."""
    log = await open_log(tmp_path / "m.db", AT)
    await append(log, [NewEvent(RUN, v, AT, scored(v), codec.encode(scored(v))) for v in range(1, PAGE + 2)])
    reader = await connect_reader(tmp_path / "m.db")
    pages = reader.read_stored(RUN)
    first = await anext(pages)
    with closing(sqlite3.connect(tmp_path / "m.db")) as database:
        cut_back = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    rest = [stored.version async for page in pages for stored in page]
    await reader.close()
    await log.close()
    assert (len(first), rest, cut_back) == (PAGE, [PAGE + 1], (0, 0, 0))
