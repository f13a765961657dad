"""`GET /results/{run_id}?wait=N`: the answer comes when the run is over, or when nobody waits any more."""

import asyncio
from pathlib import Path

import pytest
from live import check_problem
from project import write_project
from running import HTTP, Client, Document, FakeModel, serving

from service.api.waiting import wait_for_end
from service.news import News


class Held(FakeModel):
    """Answers nothing until it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        super().__init__(self._answer)

    async def _answer(self, text: str) -> str:
        await self.go_on.wait()
        return text


async def test_the_answer_comes_with_the_end(tmp_path: Path) -> None:
    """Two that wait are answered by one end with the whole result; a run that is over is answered at once."""
    model = Held()
    async with serving(write_project(tmp_path, model=HTTP), model) as client:
        run_id = await client.start()
        waiting = [asyncio.create_task(ask(client, run_id, "60")) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in waiting)
        model.go_on.set()
        answers = await asyncio.wait_for(asyncio.gather(*waiting), 10)
        again = await asyncio.wait_for(ask(client, run_id, "60"), 10)
    assert [answer["status"] for answer in (*answers, again)] == ["passed"] * 3
    assert all(len(answer["examples"]) == 1 for answer in answers)


async def ask(client: Client, run_id: str, seconds: str) -> Document:
    """Ask for a run and wait."""
    answer = await client.http.get(f"/results/{run_id}", params={"wait": seconds})
    document: Document = answer.raise_for_status().json()
    return document


async def test_after_the_time_it_is_answered_as_it_is(tmp_path: Path) -> None:
    """One second later the run is still on."""
    model = Held()
    async with serving(write_project(tmp_path, model=HTTP), model) as client:
        assert (await ask(client, await client.start(), "1"))["status"] == "running"


async def test_a_stop_answers_all_that_wait(tmp_path: Path) -> None:
    """Nobody is left waiting when the server ends."""
    model = Held()
    async with serving(write_project(tmp_path, model=HTTP), model) as client:
        run_id = await client.start()
        waiting = asyncio.create_task(ask(client, run_id, "60"))
        await asyncio.sleep(0.05)
        client.service.news.close()
        assert (await asyncio.wait_for(waiting, 10))["status"] == "running"
        assert (await asyncio.wait_for(ask(client, run_id, "60"), 10))["status"] == "running"


@pytest.mark.parametrize("seconds", ["0", "61", "-1", "x", "", "1.5"])
async def test_another_number_of_seconds_is_refused(tmp_path: Path, seconds: str) -> None:
    """1 to 60, whole."""
    async with serving(write_project(tmp_path)) as client:
        run_id = (await client.run())["run_id"]
        answer = await client.http.get(f"/results/{run_id}", params={"wait": seconds})
    assert (answer.status_code, check_problem(answer)) == (400, "wait: must be a whole number of seconds from 1 to 60")


async def test_a_client_that_goes_away_is_waited_for_no_more() -> None:
    """Its place is free as soon as it has left."""
    left = asyncio.Event()

    async def receive() -> dict[str, object]:
        await left.wait()
        return {"type": "http.disconnect"}

    waiting = asyncio.create_task(wait_for_end(News(), "run-1", 60, receive))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    assert not waiting.done()
    left.set()
    await asyncio.wait_for(waiting, 10)
