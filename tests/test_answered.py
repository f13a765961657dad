"""Where a grader takes its time, the answer is recorded before it is graded: the model is never paid for it twice."""

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from project import Fields, examples, write_project
from running import HTTP, Client, Document, log_of, logged, serving
from services import SHORT, Services, judge, similar

from service.execution import queue

JUDGED = judge(**SHORT)
GRADER_FILE = (
    'def always(config):\n    return lambda input, expected, output, metadata: {"score": 1, "metadata": {"n": 7}}\n'
)
PYTHON: Fields = {"type": "python", "name": "own", "config": {"callable": "grade.py:always"}}


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop ends at once: what is in flight is lost, as it is in a crash."""
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)


class Hanging(Services):
    """A judge that grades so many answers and then never again."""

    def __init__(self, grades: int) -> None:
        super().__init__(judge=self._grade)
        self._left = grades

    async def _grade(self, _prompt: str) -> str:
        self._left -= 1
        if self._left < 0:
            await asyncio.Event().wait()
        return "10"


def project(folder: Path, count: int = 6, graders: Sequence[Fields] = (JUDGED,), **harness: object) -> Path:
    """A run of some examples whose graders take their time."""
    config = write_project(
        folder, examples=examples(count), model=HTTP, graders=graders, harness={"concurrency": 3} | harness
    )
    (folder / "evals" / "qa-v1" / "grade.py").write_text(GRADER_FILE)
    return config


async def until_recorded(config: Path, kind: str, count: int) -> None:
    """Wait until so many events of a type are in the log."""
    async with asyncio.timeout(10):
        while len(logged(config, kind)) < count:
            await asyncio.sleep(0.005)


def timeless(document: Document) -> Document:
    """A document without what no two runs share: its id and its times."""
    kept = {name: value for name, value in document.items() if name not in {"run_id", "results_url", "warnings"}}
    kept = {
        name: value
        for name, value in kept.items()
        if not name.endswith("_at") and name not in {"duration_seconds", "log"}
    }
    return kept | {"examples": [_timeless(one) for one in document["examples"]]}


def _timeless(entry: Document) -> Document:
    kept = {name: value for name, value in entry.items() if name != "latency_ms"}
    return kept | ({"repeats": [_timeless(one) for one in entry["repeats"]]} if "repeats" in entry else {})


async def undisturbed(folder: Path, **settings: object) -> Document:
    """The document of the same run when nothing comes in between."""
    async with serving(project(folder, **settings), Services()) as client:  # type: ignore[arg-type]
        return timeless(await client.run())


@pytest.mark.parametrize("grader", [JUDGED, similar(), PYTHON], ids=["llm_judge", "semantic_similarity", "python"])
async def test_the_answer_stands_before_its_score(tmp_path: Path, grader: Fields) -> None:
    """Each example has an `example_answered` with the whole answer, then an `example_scored` without it."""
    config = project(tmp_path, 3, [grader], concurrency=1)
    async with serving(config, Services()) as client:
        await client.run()

    kinds = [event.type for event in logged(config)]
    assert kinds == ["started", *["example_answered", "example_scored"] * 3, "finished"]
    for answered, scored in zip(logged(config, "example_answered"), logged(config, "example_scored"), strict=True):
        identity = {name: answered.body[name] for name in ("suite", "harness", "example", "repeat", "row")}
        assert identity == {name: scored.body[name] for name in identity}
        assert answered.body["output"] == f"q{answered.body['row']}"
        assert answered.body["attempts"] == 1
        assert not scored.body.keys() & {"output", "latency_ms", "attempts", "usage"}


async def test_quick_graders_need_no_event_of_their_own(tmp_path: Path) -> None:
    """Where all graders compare texts, `example_scored` holds the answer."""
    config = project(tmp_path, 3, [{"type": "exact_match"}, {"type": "regex", "config": {"pattern": "q"}}])
    async with serving(config, Services()) as client:
        await client.run()

    assert logged(config, "example_answered") == []
    assert [event.body["output"] for event in logged(config, "example_scored")] == ["q0", "q1", "q2"]


async def test_a_failed_call_is_scored_alone(tmp_path: Path) -> None:
    """There is no answer to record first, and no judge is asked."""

    async def answer(text: str) -> str | httpx.Response:
        return httpx.Response(500) if text == "q0" else text

    config, services = project(tmp_path, 3), Services(answer)
    async with serving(config, services) as client:
        document = await client.run()

    assert len(logged(config, "example_answered")) == 2
    assert len(logged(config, "example_scored")) == 3
    assert len(services.judged) == 2
    assert document["examples"][0]["output"] is None
    assert document["model_errors"] == 1


async def test_the_entry_joins_answer_and_grade(tmp_path: Path) -> None:
    """A reader sees one entry: output, latency, attempts, scores and what the judge said."""
    async with serving(project(tmp_path, 2, [JUDGED, PYTHON]), Services()) as client:
        document = await client.run()

    entry = document["examples"][1]
    latency = entry.pop("latency_ms")
    assert latency > 0
    assert entry == {
        "id": "ex-1",
        "input": "q1",
        "expected": "q1",
        "output": "q1",
        "scores": {"llm_judge": 1.0, "own": 1.0},
        "details": {"llm_judge": {"reply": "10"}, "own": {"n": 7}},
        "passed": True,
        "tags": [],
        "suite": "qa",
        "harness": "qa-v1",
        "attempts": 1,
    }


async def test_a_stop_between_answer_and_grade_asks_no_model_again(tmp_path: Path) -> None:
    """Two of six are graded when the judge hangs, three are answered: the next start asks for one only."""
    before = await undisturbed(tmp_path / "undisturbed")
    config, hanging = project(tmp_path), Hanging(2)
    async with serving(config, hanging) as client:
        run_id = await client.start()
        await until_recorded(config, "example_answered", 5)
        await until_recorded(config, "example_scored", 2)
    assert sorted(hanging.asked) == ["q0", "q1", "q2", "q3", "q4"]

    after = Services()
    async with serving(config, after) as client:
        document = await client.over(run_id)

    assert after.asked == ["q5"]
    assert len(after.judged) == 4
    assert timeless(document) == before
    assert len(logged(config, "example_answered")) == 6
    assert len(logged(config, "example_scored")) == 6


async def test_a_crash_between_answer_and_grade_asks_no_model_again(tmp_path: Path) -> None:
    """The log as it stood while the judge was thinking, taken over by another process: no answer is asked for twice."""
    before = await undisturbed(tmp_path / "undisturbed")
    config = project(tmp_path / "first")
    async with serving(config, Hanging(0)) as client:
        run_id = await client.start()
        await until_recorded(config, "example_answered", 3)
        copied = crash(config, tmp_path / "second")

    after = Services()
    async with serving(copied, after) as client:
        document = await client.over(run_id)

    assert sorted(after.asked) == ["q3", "q4", "q5"]
    assert sorted(after.judged) == [f"q{n}|q{n}" for n in range(6)]
    assert timeless(document) == before
    assert [event.body["after"] for event in logged(copied, "resumed")] == ["crash"]


def crash(config: Path, folder: Path) -> Path:
    """Copy a project with its log as it stands, as if its server had been killed at this moment; gives its config."""
    shutil.copytree(config.parent, folder, ignore=shutil.ignore_patterns(".matchspec"))
    copied = folder / config.name
    log_of(copied).parent.mkdir()
    with closing(sqlite3.connect(log_of(config))) as source, closing(sqlite3.connect(log_of(copied))) as target:
        source.backup(target)
    lock = f"{log_of(config).name}.lock"
    shutil.copy(log_of(config).with_name(lock), log_of(copied).with_name(lock))
    return copied


async def test_the_recorded_answer_is_graded_not_a_new_one(tmp_path: Path) -> None:
    """A model that would answer otherwise after the restart is not asked, and what was said before counts."""
    config = project(tmp_path, 3)
    async with serving(config, Hanging(0)) as client:
        run_id = await client.start()
        await until_recorded(config, "example_answered", 3)

    async def answer(_text: str) -> str:
        return "something else"

    after = Services(answer)
    async with serving(config, after) as client:
        document = await client.over(run_id)

    assert after.asked == []
    assert [one["output"] for one in document["examples"]] == ["q0", "q1", "q2"]
    assert sorted(after.judged) == ["q0|q0", "q1|q1", "q2|q2"]


async def test_repeats_are_remembered_one_by_one(tmp_path: Path) -> None:
    """Each of the three askings of an example is answered once, across a stop, and has its own event."""
    before = await undisturbed(tmp_path / "undisturbed", count=2, repeats=3)
    config, hanging = project(tmp_path, 2, repeats=3), Hanging(1)
    async with serving(config, hanging) as client:
        run_id = await client.start()
        await until_recorded(config, "example_answered", 4)
        await until_recorded(config, "example_scored", 1)

    after = Services()
    async with serving(config, after) as client:
        document = await client.over(run_id)

    assert len(hanging.asked) + len(after.asked) == 6
    assert timeless(document) == before
    answered = [(event.body["row"], event.body["repeat"]) for event in logged(config, "example_answered")]
    assert sorted(answered) == [(row, repeat) for row in range(2) for repeat in range(3)]


async def test_several_stops_in_a_row_cost_no_answer(tmp_path: Path) -> None:
    """Stopped three times while the judge hangs: every input is asked for exactly once in all."""
    config = project(tmp_path, 8)
    asked: list[str] = []
    run_id = ""
    for stop in range(3):
        hanging = Hanging(1)
        async with serving(config, hanging) as client:
            run_id = run_id or await client.start()
            await until_recorded(config, "example_scored", stop + 1)
            await until_recorded(config, "example_answered", 4 + stop)
        asked += hanging.asked

    after = Services()
    async with serving(config, after) as client:
        document = await client.over(run_id)

    assert sorted(asked + after.asked) == [f"q{n}" for n in range(8)]
    assert document["verdict"] == "PASS"


async def test_progress_counts_what_is_graded(tmp_path: Path) -> None:
    """An answer without its grade is not completed yet."""
    config = project(tmp_path)
    async with serving(config, Hanging(2)) as client:
        run_id = await client.start()
        await until_recorded(config, "example_answered", 5)
        await until_recorded(config, "example_scored", 2)
        progress = (await settled(client, run_id))["progress"]

    assert (progress["completed"], progress["total"]) == (2, 6)


async def settled(client: Client, run_id: str) -> Document:
    """The document once two examples are shown as completed."""
    async with asyncio.timeout(5):
        while (document := await client.get(run_id))["progress"]["completed"] < 2:
            await asyncio.sleep(0.002)
    return document
