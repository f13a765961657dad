"""A regrade that is stopped or killed is finished by the next start, from the old run's events alone."""

import asyncio
import shutil
from pathlib import Path

import pytest
from live_server import ask
from project import ECHO, EXACT, Fields, examples, write_project
from running import HTTP, logged, serving
from server import Server, assert_chained, log_of, of_type, read_log, until
from services import SHORT, Services, judge

from service.execution import queue

SLOW: Fields = {"type": "python", "name": "slow", "config": {"callable": "grade.py:slow"}}
GRADER = (
    "import time\n\n\ndef slow(config):\n    def grade(input, expected, output, metadata):\n"
    "        time.sleep(0.04)\n        return 1.0\n\n    return grade\n"
)


class Hanging(Services):
    """A model that knows only the first six questions, and a judge that grades so many answers and then never again."""

    def __init__(self, grades: int) -> None:
        super().__init__(self._answer, self._grade)
        self._left = grades

    async def _answer(self, text: str) -> str:
        if text == "q6":
            raise RuntimeError("a fault")
        return text

    async def _grade(self, _prompt: str) -> str:
        self._left -= 1
        if self._left < 0:
            await asyncio.Event().wait()
        return "10"


async def test_a_stopped_regrade_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows as at its start, each graded once, though config, dataset and harness file are gone."""
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)
    config = write_project(tmp_path, examples=examples(9), model=HTTP, harness={"concurrency": 1})
    services = Hanging(2)
    async with serving(config, services) as client:
        old = await client.run()
        write_project(tmp_path, examples=examples(9), model=HTTP, graders=[judge(**SHORT)], harness={"concurrency": 1})
        run_id = (await client.http.post(f"/results/{old['run_id']}/regrade")).json()["run_id"]
        async with asyncio.timeout(10):
            while len(services.judged) < 3:
                await asyncio.sleep(0.002)
    assert (old["status"], services.judged) == ("error", ["q0|q0", "q1|q1", "q2|q2"])
    shutil.rmtree(tmp_path / "evals")
    write_project(tmp_path, examples=examples(1, expected="another"))
    after = Services()
    async with serving(config, after) as client:
        new = await client.over(run_id)

    assert (after.asked, after.judged) == ([], ["q2|q2", "q3|q3", "q4|q4", "q5|q5"])
    assert [(one["id"], one["passed"]) for one in new["examples"]] == [(f"ex-{n}", True) for n in range(6)]
    assert (new["verdict"], new["regrades"]) == ("PASS", old["run_id"])
    (resumed,) = logged(config, "resumed")
    assert (resumed.body["left"], resumed.body.get("changed", [])) == (4, [])


async def test_changed_code_is_told_of_graders_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script of the model does not run, so it may change; the grader's file has changed since the regrade began."""
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)
    model = {"type": "command", "command": ["sh", "ask.sh"]}
    config = write_project(tmp_path, examples=examples(15), model=model, graders=[SLOW], harness={"concurrency": 1})
    home = tmp_path / "evals" / "qa-v1"
    (home / "grade.py").write_text(GRADER)
    (home / "ask.sh").write_text("cat")
    async with serving(config, environment={"PATH": "/usr/bin:/bin"}) as client:
        old = await client.run()
        run_id = (await client.http.post(f"/results/{old['run_id']}/regrade")).json()["run_id"]
        while (await client.get(run_id)).get("progress", {}).get("completed") == 0:
            await asyncio.sleep(0.002)
    (home / "grade.py").write_text(f"{GRADER}# edited\n")
    (home / "ask.sh").write_text("echo nothing")
    async with serving(config, environment={"PATH": "/usr/bin:/bin"}) as client:
        new = await client.over(run_id)

    changed = "harness 'qa-v1': grade.py has changed since the run started"
    assert (new["verdict"], new["warnings"]) == ("PASS", [changed])


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_killed_regrade_ends_by_itself(tmp_path: Path) -> None:
    """After two `kill -9` the next start finishes it, and what was recorded before is not graded again."""
    count = 80
    config = write_project(tmp_path, examples=examples(count), model=ECHO)
    with Server(config) as server:
        old = server.result(server.start_run())
        write_project(tmp_path, examples=examples(count), graders=[EXACT, SLOW], harness={"concurrency": 2})
        (tmp_path / "evals" / "qa-v1" / "grade.py").write_text(GRADER)
        run_id = str(ask(f"{server.url}/results/{old['run_id']}/regrade", {})["run_id"])
        until(lambda: len(of_type(read_log(log_of(config), run_id), "example_scored")) > 5, 30, "some scores")
    with Server(config) as server:
        until(lambda: len(of_type(read_log(log_of(config), run_id), "example_scored")) > 20, 30, "more scores")
    assert of_type(read_log(log_of(config), run_id), "finished") == []
    with Server(config) as server:
        new = server.result(run_id)

    assert (new["verdict"], new["regrades"], len(new["examples"])) == ("PASS", old["run_id"], count)
    events = read_log(log_of(config), run_id)
    assert sorted(event.body["row"] for event in of_type(events, "example_scored")) == list(range(count))
    assert [event.body["after"] for event in of_type(events, "resumed")] == ["crash", "crash"]
    assert_chained(log_of(config))
