"""`matchspec replay`: the runs of logs decided anew, and compared with what was recorded and what a server shows."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from calling import call, run_logs
from hypothesis import given
from hypothesis import strategies as st
from live import run_to_end
from live import serving as real_server
from project import examples, suite, write_config, write_harness, write_project
from running import HTTP, FakeModel, log_of, serving

from service.cli.replay_server import first_difference
from service.execution import queue

PRICES = {"input": 3, "output": 15}
REPLY = {"choices": [{"message": {"content": "q0"}}], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


def write_projects(folder: Path) -> Path:
    """Repeats, weights, marks, prices, tags, and a suite of whose examples none can be asked for."""
    rows = [row | {"tags": ["größe"] if n < 2 else []} for n, row in enumerate(examples(4))]
    weighted = [{"type": "exact_match", "weight": 3}, {"type": "contains", "weight": 1, "threshold": 0.2}]
    marked = [{"type": "exact_match", "pass_at": 0.5}, {"type": "contains", "threshold": 0.1}]
    write_harness(folder, "weighted", examples=rows, model=HTTP, graders=weighted)
    write_harness(folder, "twice", examples=rows, model=HTTP, graders=marked, repeats=2)
    priced = HTTP | {"prices": PRICES, "response_path": "choices[0].message.content"}
    write_harness(folder, "priced", examples=rows[:1], model=priced)
    dead = {"type": "http", "endpoint": "http://model.test/dead"}
    write_harness(folder, "dead", examples=rows[:1], model=dead)
    one = suite("one", "weighted", "twice", thresholds={"overall": 0.8})
    return write_config(folder, [one, suite("paid", "priced"), suite("dead", "dead")])


class Model(FakeModel):
    """Answers `q0` with a whole reply where it is asked for one, and nothing at a dead address."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Take one call."""
        if request.url.path == "/dead":
            return httpx.Response(500)
        reply = await super().handle_async_request(request)
        return reply if reply.text != "q0" else httpx.Response(200, json=REPLY)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose log has runs that passed, failed, ended as error, a regraded one, and two that are not over."""
    config = write_projects(tmp_path_factory.mktemp("project"))
    asyncio.run(_record(config))
    return config


async def _record(config: Path) -> None:
    thinks = asyncio.Event()

    async def hesitate(text: str) -> str:
        if text in ("q1", "q3"):
            thinks.set()
            await asyncio.Event().wait()
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "GRACE_SECONDS", 0)
        async with serving(config, Model()) as client:
            first = await client.run(suite="one")
            await client.run(suite="one", tags=["größe"])
            for name in ("paid", "dead", None):
                await client.run(suite=name)
            regraded = await client.http.post(f"/results/{first['run_id']}/regrade")
            await client.over(regraded.json()["run_id"])
        async with serving(config, Model(hesitate)) as client:
            await client.start(suite="one")
            await thinks.wait()
        async with serving(config, Model(hesitate)) as client:
            await client.start(suite="one")
            thinks.clear()
            await thinks.wait()


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    """A copy of that project, to be tampered with."""
    return Path(shutil.copytree(recorded.parent, tmp_path / "copy"))


def lines_of(folder: Path) -> list[str]:
    """What replaying all runs prints, which must be the same."""
    called = call(folder, "replay")
    assert (called.code, called.stderr) == (0, ""), called.stdout
    return called.stdout.splitlines()


def change(folder: Path, statement: str, *values: object) -> None:
    """Change the log past its triggers."""
    with closing(sqlite3.connect(folder / ".matchspec" / "matchspec.db")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        assert database.execute(statement, values).rowcount > 0
        database.commit()


def first_of(folder: Path, kind: str, saying: str = "") -> tuple[int, str, int, dict[str, Any]]:
    """Position, run, version and body of the first event of a type whose body has a text in it."""
    query = (
        "SELECT position, run_id, version, body FROM events"
        " WHERE type = ? AND instr(body, CAST(? AS BLOB)) ORDER BY position LIMIT 1"
    )
    with closing(sqlite3.connect(folder / ".matchspec" / "matchspec.db")) as database:
        position, run_id, version, body = database.execute(query, (kind, saying)).fetchone()
    return position, run_id, version, json.loads(body)


def test_true_runs_of_all_kinds_are_the_same(recorded: Path) -> None:
    """One line a run, in the log's order; what can't be compared is said."""
    *runs, summary = lines_of(recorded.parent)
    with closing(sqlite3.connect(log_of(recorded))) as database:
        counted = "SELECT run_id, count(*) FROM events WHERE run_id != 'log' GROUP BY run_id ORDER BY min(position)"
        found = database.execute(counted).fetchall()
    unfinished = "; not over: there is no end to compare yet"
    ends = [", failed", ", failed", ", passed", ", error", ", error", ", failed", unfinished, unfinished]
    assert [(run, end) for run, end in zip(runs, ends, strict=True) if not run.endswith(end)] == []
    assert [run.partition(" event")[0] for run in runs] == [f"✓ {run_id}: {count}" for run_id, count in found]
    assert summary == f"8 runs, {sum(count for _, count in found)} events: the same"


def test_one_run_by_its_id(recorded: Path) -> None:
    """Only that one; an unknown one is a mistake."""
    _, run_id, *_ = first_of(recorded.parent, "started")
    called = call(recorded.parent, "replay", run_id)
    assert called.code == 0
    assert called.stdout.startswith(f"✓ {run_id}: ")
    assert "\n1 run, " in called.stdout
    unknown = call(recorded.parent, "replay", "run-20260315-143022-a3f7")
    assert (unknown.code, unknown.stdout) == (2, "")


def test_a_changed_end_is_told_field_by_field(folder: Path) -> None:
    """Which run, which event, which field, and both values; the other runs are the same."""
    position, run_id, version, body = first_of(folder, "finished")
    changed = body | {"status": "passed", "verdict": "PASS", "passed": 99}
    change(folder, "UPDATE events SET body = ? WHERE position = ?", json.dumps(changed).encode(), position)
    called = call(folder, "replay")
    assert called.code == 1
    first, *told = [line for line in called.stdout.splitlines() if not line.startswith("✓")]
    assert first.startswith(f"✗ {run_id}: ")
    place = f"    event {version} (finished), "
    assert told[:3] == [
        f'{place}status: recorded "passed", again "failed"',
        f"{place}passed: recorded 99, again {body['passed']}",
        f'{place}verdict: recorded "PASS", again "FAIL"',
    ]
    assert told[3].startswith("8 runs, ")
    assert told[3].endswith(" events: 1 different")


def test_a_changed_score_is_told(folder: Path) -> None:
    """`passed` of its event, and what its run's end says of all scores."""
    position, run_id, version, body = first_of(folder, "example_scored", '"passed":true')
    changed = body | {"scores": dict.fromkeys(["exact_match", "contains"], 0.0)}
    change(folder, "UPDATE events SET body = ? WHERE position = ?", json.dumps(changed).encode(), position)
    called = call(folder, "replay", run_id)
    assert called.code == 1
    assert f"event {version} (example_scored), passed: recorded true, again false\n" in called.stdout
    assert "(finished), rows[0].score: recorded " in called.stdout


def test_what_can_not_be_read_is_told_and_the_rest_goes_on(folder: Path) -> None:
    """A plan that is gone: the runs that follow it can't be replayed, which is 3; the other runs are."""
    _, run_id, _, body = first_of(folder, "started")
    with closing(sqlite3.connect(folder / ".matchspec" / "matchspec.db")) as database:
        query = "SELECT count(*) FROM events WHERE type = 'started' AND instr(body, CAST(? AS BLOB))"
        ((following,),) = database.execute(query, (body["plan"],))
    change(folder, "DELETE FROM contents WHERE digest = ?", bytes.fromhex(body["plan"]))
    called = call(folder, "replay")
    assert called.code == 3
    assert f"? {run_id}: can't be replayed: the log lacks the contents {body['plan']}\n" in called.stdout
    assert called.stdout.count("✓") == 8 - following
    assert called.stdout.endswith(f"events: {following} not readable\n")


def test_runs_of_the_command_line_are_replayed_too(tmp_path: Path) -> None:
    """Each from its own log; without any log at all there is nothing to do, which is 2."""
    write_project(tmp_path, examples=examples(3))
    nothing = call(tmp_path, "replay")
    assert (nothing.code, nothing.stdout) == (2, "")
    for _ in range(2):
        call(tmp_path, "run")
    names = [log.stem for log in run_logs(tmp_path)]
    assert lines_of(tmp_path) == [*(f"✓ {name}: 5 events, passed" for name in names), "2 runs, 10 events: the same"]
    assert call(tmp_path, "replay", names[1]).stdout.endswith("1 run, 5 events: the same\n")
    (tmp_path / ".matchspec" / "runs" / "run-20260315-143022-a3f7.db").write_bytes(b"no log" * 1_000)
    broken = call(tmp_path, "replay")
    assert broken.code == 3
    assert broken.stdout.endswith("2 runs, 10 events: 1 not readable\n")


class Served(NamedTuple):
    """Where a server listens, and its project's folder."""

    address: str
    folder: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server with two runs, one of all suites."""
    config = write_project(tmp_path_factory.mktemp("server"), examples=examples(30))
    with real_server(config) as live, live.client() as client:
        run_to_end(client)
        run_to_end(client, suite="qa")
        yield Served(f"http://127.0.0.1:{live.port}", config.parent)


def test_a_server_shows_what_its_log_gives(server: Served) -> None:
    """Documents and listing are those rebuilt from the log, byte for byte."""
    called = call(server.folder, "replay", "--server", server.address)
    assert (called.code, called.stderr) == (0, "")
    assert called.stdout.count("✓") == 2


def test_a_server_that_shows_something_else_is_told(server: Served, tmp_path: Path) -> None:
    """Another output of an example, another time of the start: from which byte on, and what is listed."""
    (tmp_path / ".matchspec").mkdir()
    with closing(sqlite3.connect(server.folder / ".matchspec" / "matchspec.db")) as database:
        database.execute("VACUUM INTO ?", (str(tmp_path / ".matchspec" / "matchspec.db"),))
    position, run_id, _, body = first_of(tmp_path, "example_scored")
    changed = json.dumps(body | {"output": "nothing"}).encode()
    change(tmp_path, "UPDATE events SET body = ? WHERE position = ?", changed, position)
    called = call(tmp_path, "replay", run_id, "--server", server.address)
    assert called.code == 1
    assert f"    GET /results/{run_id}: the server's document differs from byte " in called.stdout
    assert "the server lists" not in called.stdout

    change(tmp_path, "UPDATE events SET at = '2026-03-15T14:30:22.123456Z' WHERE run_id = ? AND version = 1", run_id)
    assert "GET /results: the server lists {" in call(tmp_path, "replay", run_id, "--server", server.address).stdout


def test_a_server_that_does_not_know_the_run(server: Served, tmp_path: Path) -> None:
    """It is of another log; one that does not answer is 3, what is no address 2."""
    write_project(tmp_path)
    call(tmp_path, "run")
    (log,) = run_logs(tmp_path)
    called = call(tmp_path, "replay", log.stem, "--server", f"{server.address}/")
    assert called.code == 1
    assert called.stdout.splitlines()[1:3] == [
        "    the server does not know the run",
        "    GET /results: the server does not list the run",
    ]
    assert call(tmp_path, "replay", log.stem, "--server", "http://127.0.0.1:1").code == 3
    assert call(tmp_path, "replay", log.stem, "--server", "nonsense").code == 2


async def chunks(content: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    """A content in pieces of these sizes, and the rest."""
    for size in sizes:
        yield content[:size]
        content = content[size:]
    if content:
        yield content


@given(
    one=st.binary(max_size=20),
    other=st.binary(max_size=20),
    sizes=st.lists(st.lists(st.integers(1, 6), max_size=3), min_size=2, max_size=2),
)
def test_the_first_byte_that_differs(one: bytes, other: bytes, sizes: list[list[int]]) -> None:
    """However the two arrive; the end of one counts as a difference, and the same bytes have none."""
    pairs = [n for n, (first, second) in enumerate(zip(one, other, strict=False)) if first != second]
    expected = pairs[0] if pairs else None if len(one) == len(other) else min(len(one), len(other))
    for second, wanted in ((other, expected), (one, None)):
        streams = [
            chunks(content, [size for size in cut if size < len(content) + 1 and content])
            for content, cut in zip((one, second), sizes, strict=True)
        ]
        assert asyncio.run(first_difference(*streams)) == wanted
