"""`ETag` and `If-None-Match`: what has not changed is not sent again, and what has changed always is."""

import asyncio
from pathlib import Path

import httpx
import pytest
from project import examples, suite, write_config, write_project
from running import HTTP, Client, FakeModel, serving


class Steps(FakeModel):
    """Answers one call for each step it is told."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self._steps = asyncio.Semaphore(0)

    async def _answer(self, text: str) -> str:
        await self._steps.acquire()
        return text

    async def step(self, client: Client, run_id: str, completed: int) -> None:
        """Answer one call, and wait until its score is shown."""
        self._steps.release()
        async with asyncio.timeout(10):
            while (await client.get(run_id)).get("progress", {"completed": completed})["completed"] != completed:
                await asyncio.sleep(0.002)


async def again(client: Client, path: str, tag: str) -> httpx.Response:
    """Ask again with a tag."""
    return await client.http.get(path, headers={"If-None-Match": tag})


async def test_a_running_run_is_sent_again_after_each_event(tmp_path: Path) -> None:
    """While nothing happens 304 without a body; after a score, and after the end, 200 with another tag."""
    model = Steps()
    config = write_project(tmp_path, examples=examples(2), model=HTTP, harness={"concurrency": 1})
    tags: list[str] = []
    async with serving(config, model) as client:
        run_id = await client.start()
        path = f"/results/{run_id}"
        for completed in (0, 1, 2):
            if completed:
                await model.step(client, run_id, completed)
            if completed == 2:
                await client.over(run_id)
            first = await client.http.get(path)
            second = await again(client, path, first.headers["ETag"])
            assert (first.status_code, second.status_code, second.content) == (200, 304, b"")
            assert second.headers["ETag"] == first.headers["ETag"]
            assert "Content-Type" not in second.headers
            for tag in tags:
                assert (await again(client, path, tag)).status_code == 200
            tags.append(first.headers["ETag"])
        head = await client.http.head(path, headers={"If-None-Match": tags[-1]})
    async with serving(config, model) as client:
        assert (await again(client, path, tags[-1])).status_code == 304
    assert (len(set(tags)), head.status_code) == (3, 304)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", {tag}', 304),
        ('"a,b" , W/{tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
        ('"{tag}', 200),
        ("\u00e4", 200),
    ],
)
async def test_a_list_of_tags_is_compared_weakly(tmp_path: Path, sent: str, status: int) -> None:
    """A `W/` makes no difference; `*` is any tag; what is no tag matches none."""
    async with serving(write_project(tmp_path)) as client:
        path = f"/results/{(await client.run())['run_id']}"
        tag = (await client.http.get(path)).headers["ETag"]
        assert tag.startswith('W/"')
        header = sent.replace("{tag}", tag.removeprefix("W/")).encode()
        answer = await client.http.get(path, headers={b"If-None-Match": header})
        unknown = await client.http.get("/results/run-20260315-143022-a3f7", headers={"If-None-Match": "*"})
    assert (answer.status_code, unknown.status_code) == (status, 404)


async def test_the_listing_is_sent_again_when_a_run_begins_or_ends(tmp_path: Path) -> None:
    """The tag covers the query: a page with another limit, suite or status has another one."""
    model = Steps()
    config = write_project(tmp_path, model=HTTP)
    write_config(tmp_path, [suite("qa", "qa-v1"), suite("more", "qa-v1")])
    queries = ["", "?limit=1", "?suite=qa", "?suite=more", "?status=passed", "?offset=1"]
    async with serving(config, model) as client:
        before = [(await client.http.get(f"/results{query}")).headers["ETag"] for query in queries]
        unchanged = [await again(client, f"/results{query}", tag) for query, tag in zip(queries, before, strict=True)]
        run_id = await client.start(suite="qa")
        begun = await again(client, "/results", before[0])
        await model.step(client, run_id, 1)
        await client.over(run_id)
        ended = await again(client, "/results", begun.headers["ETag"])
        swapped = await again(client, "/results?limit=1", ended.headers["ETag"])
        same = await again(client, "/results?ignored=1&limit=20", ended.headers["ETag"])
    assert len(set(before)) == len(queries)
    assert [answer.status_code for answer in unchanged] == [304] * len(queries)
    assert [answer.status_code for answer in (begun, ended, swapped, same)] == [200, 200, 200, 304]


async def test_the_suites_are_sent_again_when_a_file_has_changed(tmp_path: Path) -> None:
    """304 until the configuration says something else, or has a mistake; the same tag when it is as before."""
    config = write_project(tmp_path, suites=[suite("qa", "qa-v1", thresholds={"overall": 0.5})])
    written = config.read_text()
    async with serving(config) as client:
        tag = (await client.http.get("/suites")).headers["ETag"]
        same = await again(client, "/suites", tag)
        config.write_text(written.replace("0.5", "0.6"))
        other = await again(client, "/suites", tag)
        config.write_text("version: 2")
        broken = await again(client, "/suites", other.headers["ETag"])
        config.write_text(written)
        before = await again(client, "/suites", tag)
    assert [one.status_code for one in (same, other, broken, before)] == [304, 200, 200, 304]
    assert other.json()["suites"][0]["thresholds"] == {"overall": 0.6}
    assert "config_error" in broken.json()
