"""The poll of a run that goes on is answered before the framework, with what the framework would answer."""

import asyncio
from pathlib import Path

import httpx
import pytest
from project import examples, write_project
from running import HTTP, Client, FakeModel, serving

from service.api.polls import Polls


class Answered:
    """Counts the answers that `Polls` gave itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        find = Polls._find

        def found(polls: Polls, scope: dict[str, object]) -> object:
            encoded = find(polls, scope)
            self.count += encoded is not None
            return encoded

        monkeypatch.setattr(Polls, "_find", found)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Answered:
    """What `Polls` has answered so far."""
    return Answered(monkeypatch)


async def poll_twice(client: Client, path: str) -> tuple[httpx.Response, httpx.Response]:
    """A plain poll, and one whose query makes no difference: the framework answers that."""
    return await client.http.get(path), await client.http.get(f"{path}?examples=all")


async def test_a_poll_is_the_frameworks_answer_at_every_step(tmp_path: Path, answered: Answered) -> None:
    """Status, headers and bytes are the same, after every score, and once the run is over."""
    steps: asyncio.Queue[None] = asyncio.Queue()

    async def answer(text: str) -> str:
        await steps.get()
        return text

    config = write_project(tmp_path, examples=examples(3), model=HTTP)
    async with serving(config, FakeModel(answer)) as client:
        path = f"/results/{await client.start()}"
        for completed in range(3):
            while (polled := (await client.http.get(path)).json())["progress"]["completed"] != completed:
                await asyncio.sleep(0.002)
            assert polled["status"] == "running"
            before = answered.count
            quick, framed = await poll_twice(client, path)
            assert answered.count == before + 1
            assert (quick.status_code, quick.content) == (framed.status_code, framed.content)
            assert sorted(quick.headers.items()) == sorted(framed.headers.items())
            steps.put_nowait(None)
        document = await client.over(path.rpartition("/")[2])
        before = answered.count
        assert (await client.http.get(path)).json() == document
        assert answered.count == before


async def test_what_is_no_plain_poll_goes_on_to_the_framework(tmp_path: Path, answered: Answered) -> None:
    """HEAD, a condition, a run that is not there, a path behind a run's."""
    hang = asyncio.Event()

    async def answer(text: str) -> str:
        await hang.wait()
        return text

    async with serving(write_project(tmp_path, examples=examples(1), model=HTTP), FakeModel(answer)) as client:
        path = f"/results/{await client.start()}"
        tag = (await client.http.get(path)).headers["etag"]
        before = answered.count
        assert (await client.http.get(path, headers={"If-None-Match": tag})).status_code == 304
        assert (await client.http.head(path)).content == b""
        assert (await client.http.get("/results/run-20260101-000000-0000")).status_code == 404
        assert (await client.http.get(f"{path}/log")).status_code == 200
        assert answered.count == before
        hang.set()
