"""A run that was left unfinished goes on where its log stands, and ends as if nothing had happened."""

import asyncio
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from project import Fields, examples, suite, write_config, write_harness, write_project
from running import HTTP, Document, FakeModel, log_of, logged, serving
from server import assert_chained

from service.execution import queue, starting
from service.log.checkpoint_file import checkpoint_path


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop ends at once: what is in flight is lost, as it is in a crash."""
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)


async def some_right(text: str) -> str | httpx.Response:
    """Answer `q0`, `q3`, ... rightly, `q1`, `q4`, ... wrongly, and fail on `q2`, `q5`, ..."""
    match int(text[1:]) % 3:
        case 0:
            return text
        case 1:
            return "no idea"
        case _:
            return httpx.Response(500)


def small_project(folder: Path) -> Path:
    """Two suites over two harnesses of 4 and 3 examples, one of them shared: 11 examples in all."""
    write_harness(folder, "one", examples=examples(4), model=HTTP)
    write_harness(folder, "two", examples=examples(3), model=HTTP, graders=[{"type": "contains", "threshold": 0.4}])
    suites = [suite("x", "one", "two", thresholds={"overall": 0.3}), suite("y", "one", thresholds={"overall": 0.9})]
    return write_config(folder, suites, statistics={"max_error_rate": 0.6})


def outcome(document: Document) -> Document:
    """What a run came to, without its times and without what tells of the restart."""
    kept = ("status", "verdict", "grader_results", "model_errors", "grader_errors", "error", "suites")
    found = {name: document[name] for name in kept if name in document}
    found["examples"] = [{k: v for k, v in one.items() if k != "latency_ms"} for one in document["examples"]]
    return found


def cut_log(config: Path, events: int) -> None:
    """Take all events behind the first so many out of a project's log, past its triggers, and its checkpoint."""
    checkpoint_path(log_of(config)).unlink()
    with closing(sqlite3.connect(log_of(config))) as database:
        ((trigger,),) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'events_no_delete'")
        database.execute("DROP TRIGGER events_no_delete")
        database.execute("DELETE FROM events WHERE position > ?", (events,))
        database.execute(trigger)
        database.commit()


def crash(config: Path) -> None:
    """Leave the log as a process that was killed leaves it: it never said that it closed it."""
    lock = Path(f"{log_of(config)}.lock")
    lock.write_text(json.dumps({"pid": 1, "since": "2026-03-15T14:30:22.000001Z"}))


async def hang(_text: str) -> str:
    """Answer never."""
    await asyncio.Event().wait()
    return ""


@pytest.mark.parametrize("crashed", [False, True], ids=["stopped", "crashed"])
async def test_a_run_resumes_from_any_point_of_its_log(tmp_path: Path, crashed: bool) -> None:
    """From a log cut after any event the run reaches the same rows and verdict, asking only for what is missing."""
    config = small_project(tmp_path / "whole")
    async with serving(config, FakeModel(some_right)) as client:
        run_id = await client.start()
        whole = await client.over(run_id)
    assert [event.type for event in logged(config)] == ["started", *["example_scored"] * 11, "finished"]
    assert whole["status"] == "failed"

    for events in range(2, 15):
        copy = Path(shutil.copytree(config.parent, tmp_path / f"after-{events}")) / config.name
        cut_log(copy, events)
        recorded = Counter(example_input(event.body) for event in logged(copy, "example_scored"))
        if crashed:
            crash(copy)
        model = FakeModel(some_right)
        async with serving(copy, model) as client:
            document = await client.over(run_id)

        assert outcome(document) == outcome(whole)
        assert Counter(model.asked) + recorded == Counter(f"q{n}" for n in (0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3))
        resumed = [event.body for event in logged(copy, "resumed")]
        left = 11 - recorded.total()
        assert [(one["left"], one["after"]) for one in resumed] == (
            [(left, "crash" if crashed else "stop")] * (left > 0)
        )
        kinds = Counter(event.type for event in logged(copy))
        assert (kinds["started"], kinds["example_scored"], kinds["finished"]) == (1, 11, 1)
        assert_chained(log_of(copy))


def example_input(body: Document) -> str:
    """The input of the example an event scored."""
    return f"q{body['example'].removeprefix('ex-')}"


async def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    """A restart adds nothing to a run that is over, and shows the same bytes."""
    config = small_project(tmp_path)
    async with serving(config, FakeModel(some_right)) as client:
        run_id = await client.start()
        await client.over(run_id)
        before = (await client.http.get(f"/results/{run_id}")).content
    events = logged(config)
    model = FakeModel(some_right)
    async with serving(config, model) as client:
        assert (await client.http.get(f"/results/{run_id}")).content == before

    assert (logged(config), model.asked) == (events, [])


async def test_files_that_changed_since_the_start_change_nothing(tmp_path: Path) -> None:
    """A resume rests on what is pinned: config, harness and dataset may be edited or gone."""
    config = write_project(
        tmp_path,
        examples=examples(4),
        model=HTTP,
        harness={"concurrency": 1},
        suites=[suite("qa", "qa-v1", thresholds={"overall": 0.2})],
        statistics={"max_error_rate": 0.9},
    )
    model = FakeModel(hang)
    async with serving(config, model) as client:
        run_id = await client.start(suite="qa")
        while not model.asked:
            await asyncio.sleep(0.001)
    shutil.rmtree(tmp_path / "evals")
    write_harness(tmp_path, "new", examples=[{"id": "n", "input": "n", "expected": "n"}])
    write_config(tmp_path, [suite("other", "new", thresholds={"overall": 1.0})])
    model = FakeModel(some_right)
    async with serving(config, model) as client:
        document = await client.over(run_id)

    assert model.asked == ["q0", "q1", "q2", "q3"]
    (row,) = document["grader_results"]
    assert (row["suite"], row["threshold"], row["n"], row["passed"]) == ("qa", 0.2, 3, True)
    assert (document["status"], document["suite"]) == ("passed", "qa")
    assert "warnings" not in document or not any("changed" in warning for warning in document["warnings"])


@pytest.mark.usefixtures("_small_limit")
async def test_a_large_dataset_that_changed_after_it_was_pinned_changes_nothing(tmp_path: Path) -> None:
    """Once examples_pinned is recorded a resume does not look at the file again."""
    config = write_project(tmp_path, examples=examples(9), model=HTTP)
    model = FakeModel(hang)
    async with serving(config, model) as client:
        run_id = await client.start()
        while not model.asked:
            await asyncio.sleep(0.001)
    shutil.rmtree(tmp_path / "evals")
    write_project(tmp_path, examples=examples(1))
    async with serving(config) as client:
        document = await client.over(run_id)

    assert (document["status"], len(document["examples"])) == ("passed", 9)
    assert len(logged(config, "examples_pinned")) == 1


@pytest.fixture
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Datasets of more than five rows are large."""
    monkeypatch.setattr(starting, "CHECKED_ROWS", 5)


async def live(config: Path, run_id: str, calls: int = 1, *, crashes: bool, answers: int = 0) -> Document:
    """Live one life of a server whose model gives so many answers, then hangs; gives the run's document at its end."""
    model = FakeModel()

    async def answer(text: str) -> str:
        return text if len(model.asked) <= answers else await hang(text)

    model.answer = answer
    async with serving(config, model) as client:
        run_id = run_id or await client.start()
        async with asyncio.timeout(10):
            while len(model.asked) < calls + answers and (await client.get(run_id))["status"] == "running":
                await asyncio.sleep(0.001)
        document = await client.get(run_id)
    if crashes:
        crash(config)
    return document


def one_at_a_time(folder: Path) -> Path:
    """A project of 20 examples that asks for one at a time."""
    return write_project(folder, examples=examples(20), model=HTTP, harness={"concurrency": 1})


async def test_a_crash_loop_ends_as_error(tmp_path: Path) -> None:
    """After five crashes in a row without a new score the run ends: it must not spend money for ever."""
    config = one_at_a_time(tmp_path)
    run_id = (await live(config, "", crashes=True))["run_id"]
    for _ in range(4):
        assert (await live(config, run_id, crashes=True))["status"] == "running"
    assert [event.body["after"] for event in logged(config, "resumed")] == ["crash"] * 4
    last = FakeModel()
    async with serving(config, last) as client:
        document = await client.over(run_id)

    assert (document["status"], "verdict" in document, last.asked) == ("error", False, [])
    assert "5 crashes" in document["error"]


async def test_a_new_score_begins_the_count_again(tmp_path: Path) -> None:
    """Crashes with a new score in between are no loop, however many there are."""
    config = one_at_a_time(tmp_path)
    run_id = (await live(config, "", crashes=True))["run_id"]
    for _ in range(3):
        await live(config, run_id, crashes=True)
    await live(config, run_id, answers=1, crashes=True)
    for _ in range(4):
        assert (await live(config, run_id, crashes=True))["status"] == "running"
    async with serving(config) as client:
        assert (await client.over(run_id))["status"] == "error"


async def test_clean_stops_are_no_crashes(tmp_path: Path) -> None:
    """A server may be stopped any number of times; the run ends with its verdict."""
    config = one_at_a_time(tmp_path)
    run_id = (await live(config, "", crashes=False))["run_id"]
    for _ in range(8):
        assert (await live(config, run_id, crashes=False))["status"] == "running"
    async with serving(config) as client:
        assert (await client.over(run_id))["status"] == "passed"

    assert [event.body["after"] for event in logged(config, "resumed")] == ["stop"] * 9


async def test_runs_that_only_waited_are_not_given_up(tmp_path: Path) -> None:
    """A run that was in the queue while the server crashed five times has made no call: it runs when its turn comes."""
    config = one_at_a_time(tmp_path)
    one_active = queue.Limits(active_runs=1)
    model = FakeModel(hang)
    async with serving(config, model, limits=one_active) as client:
        first, second = await client.start(), await client.start()
        while not model.asked:
            await asyncio.sleep(0.001)
    for _ in range(5):
        crash(config)
        again = FakeModel(hang)
        async with serving(config, again, limits=one_active):
            while not again.asked:
                await asyncio.sleep(0.001)
    async with serving(config, FakeModel(), limits=one_active) as client:
        documents = [await client.over(first), await client.over(second)]

    assert [document["status"] for document in documents] == ["error", "passed"]


SCRIPT = "#!/bin/sh\nsleep 0.05\ncat\n"


async def test_a_script_that_changed_is_told(tmp_path: Path) -> None:
    """Code can't be pinned: the run goes on with the script as it is, and says so in `resumed` and `warnings`."""
    script = tmp_path / "evals" / "qa-v1" / "model.sh"
    config = write_project(
        tmp_path, examples=examples(6), model={"type": "command", "command": ["sh", "model.sh"]},
        harness={"concurrency": 1},
    )  # fmt: skip
    script.write_text(SCRIPT)
    async with serving(config, environment={"PATH": "/usr/bin:/bin"}) as client:
        run_id = await client.start()
        while not logged(config, "example_scored"):
            await asyncio.sleep(0.002)
    script.write_text("#!/bin/sh\ncat\n")
    async with serving(config, environment={"PATH": "/usr/bin:/bin"}) as client:
        document = await client.over(run_id)

    (resumed,) = logged(config, "resumed")
    (change,) = resumed.body["changed"]
    assert "model.sh" in change
    assert "qa-v1" in change
    assert document["warnings"] == [change]
    assert document["status"] == "passed"


async def test_a_script_that_did_not_change_is_not_told(tmp_path: Path) -> None:
    """Nothing is said about code that is what it was."""
    config = write_project(tmp_path, examples=examples(3), model={"type": "command", "command": ["cat"]})
    async with serving(config, environment={"PATH": "/usr/bin:/bin"}) as client:
        run_id = await client.start()
        await client.over(run_id)
    cut_log(config, 3)
    async with serving(config, environment={"PATH": "/usr/bin:/bin"}) as client:
        document = await client.over(run_id)

    assert "warnings" not in document
    assert [event.body.get("changed", []) for event in logged(config, "resumed")] == [[]]


KEYED = HTTP | {"api_key_env": "MODEL_KEY"}


async def keyed_run(tmp_path: Path, events: int) -> tuple[Path, str]:
    """A run of three examples whose model needs a key, with the log cut after so many events."""
    config = write_project(tmp_path, examples=examples(3), model=KEYED, harness={"concurrency": 1})
    async with serving(config, environment={"MODEL_KEY": "sk-12345678"}) as client:
        run_id = await client.start()
        await client.over(run_id)
    cut_log(config, events)
    return config, run_id


@pytest.mark.parametrize("environment", [{}, {"MODEL_KEY": ""}], ids=["not set", "empty"])
async def test_a_variable_that_is_gone_ends_the_run(tmp_path: Path, environment: dict[str, str]) -> None:
    """Without a variable that the run needs it ends as `error` and names it, with the examples it has."""
    config, run_id = await keyed_run(tmp_path, events=3)
    model = FakeModel()
    async with serving(config, model, environment=environment) as client:
        document = await client.over(run_id)

    assert (document["status"], "verdict" in document, model.asked) == ("error", False, [])
    assert "MODEL_KEY" in document["error"]
    assert [example["id"] for example in document["examples"]] == ["ex-0"]


async def test_a_variable_is_not_needed_where_nothing_is_left_to_ask(tmp_path: Path) -> None:
    """A run that had every answer when it was killed reaches its verdict without another call."""
    config, run_id = await keyed_run(tmp_path, events=5)
    async with serving(config, FakeModel()) as client:
        document = await client.over(run_id)

    assert (document["status"], document["verdict"]) == ("passed", "PASS")


def ordered(ids: Sequence[str]) -> list[Fields]:
    """Examples with these ids, which are also their inputs."""
    return [{"id": one, "input": one, "expected": one} for one in ids]


async def test_runs_go_on_in_the_order_they_began(tmp_path: Path) -> None:
    """At a restart the oldest unfinished run comes first."""
    for name in "abc":
        write_harness(tmp_path, name, examples=ordered([f"{name}{n}" for n in range(3)]), model=HTTP, concurrency=1)
    config = write_config(tmp_path, [suite(name, name) for name in "abc"])
    limits = queue.Limits(active_runs=1)
    model = FakeModel(hang)
    async with serving(config, model, limits=limits) as client:
        runs = [await client.start(suite=name) for name in "cab"]
    model = FakeModel()
    async with serving(config, model, limits=limits) as client:
        for run_id in runs:
            assert (await client.over(run_id))["status"] == "passed"

    assert model.asked == [f"{name}{n}" for name in "cab" for n in range(3)]
