"""`GET /results/{run_id}/examples?at=N`: pages of the examples as of an event, folded once for all of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from live import check_problem
from project import examples, suite, write_config, write_harness, write_project
from running import HTTP, Client, Document, FakeModel, serving

from domain.errors import LogUnavailable
from domain.stretch import Stretch
from service import past
from service.log.reading import LogReader
from service.log.rows import NEVER


async def every_third_fails(text: str) -> str | httpx.Response:
    """Answer; of the inputs q2, q5, ... nothing."""
    return httpx.Response(500) if int(text.removeprefix("q")) % 3 == 2 else text


def write(folder: Path) -> Path:
    """Two harnesses of four examples, the second asked twice; side by side, so that their events mix."""
    lenient = {"max_error_rate": 1}
    write_harness(folder, "a", examples=examples(4), model=HTTP, graders=[{"type": "exact_match"}])
    write_harness(folder, "b", examples=examples(4), model=HTTP, graders=[{"type": "exact_match"}], repeats=2)
    return write_config(folder, [suite("qa", "a", "b", thresholds={"overall": 0.5}, statistics=lenient)])


async def ask(client: Client, run_id: str, **query: object) -> Document:
    """A page."""
    answered = await client.http.get(f"/results/{run_id}/examples", params={k: str(v) for k, v in query.items()})
    document: Document = answered.raise_for_status().json()
    return document


async def pages(client: Client, run_id: str, **query: object) -> list[tuple[str, Document]]:
    """Place and example of all pages."""
    found: list[tuple[str, Document]] = []
    cursor: dict[str, object] = {}
    while True:
        page = await ask(client, run_id, **query, **cursor)
        found += zip(page["places"], page["examples"], strict=True)
        if "next" not in page:
            return found
        cursor = {"cursor": page["next"]}


class Reads:
    """Notes how many events were read to fold runs."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.events = 0
        fold_run = LogReader.fold_run

        async def count(
            log: LogReader, run_id: str, take: Callable[[Stretch], None], after: int = 0, up_to: int = NEVER
        ) -> None:
            def counted(stretch: Stretch) -> None:
                self.events += len(stretch.events)
                take(stretch)

            await fold_run(log, run_id, counted, after, up_to)

        patch.setattr(LogReader, "fold_run", count)

    def since(self) -> int:
        """How many since this was asked last."""
        events, self.events = self.events, 0
        return events


async def test_pages_as_of_an_event_are_the_documents_examples(tmp_path: Path) -> None:
    """After each event, by each filter and in pages of any size; asked for in any order, and again."""
    async with serving(write(tmp_path), FakeModel(every_third_fails)) as client:
        run_id = (await client.run())["run_id"]
        last = (await client.get(run_id))["log"]["version"]
        assert last == 14  # a start, 4 and 2 * 4 scores, an end
        for at in (9, *range(1, last + 1), 3):
            document = (await client.http.get(f"/results/{run_id}?at={at}")).json()
            for limit in (1, 3, 100):
                found = await pages(client, run_id, at=at, limit=limit)
                assert [example for _, example in found] == document["examples"]
            failed = await pages(client, run_id, at=at, passed="false", harness="b", limit=1)
            assert [example for _, example in failed] == [
                one for one in document["examples"] if one["harness"] == "b" and not one["passed"]
            ]
        assert await pages(client, run_id, at=last) == await pages(client, run_id)


async def test_an_example_is_found_by_its_place(tmp_path: Path) -> None:
    """A place is the number of the harness and the row; as a cursor it leads to its example."""
    async with serving(write(tmp_path), FakeModel(every_third_fails)) as client:
        run_id = (await client.run())["run_id"]
        found = await pages(client, run_id, passed="false")
        for place, example in found:
            assert (await ask(client, run_id, cursor=place, limit=1))["examples"] == [example]
    assert [place for place, _ in found] == ["0-2", "1-2"]


async def test_an_event_is_folded_once_and_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pages and its document read no event again, a later one only those in between, an earlier one all."""
    async with serving(write_project(tmp_path, examples=examples(8)), FakeModel()) as client:
        run_id = (await client.run())["run_id"]
        reads = Reads(monkeypatch)
        page, document, _ = await asyncio.gather(
            ask(client, run_id, at=5, limit=2),
            client.http.get(f"/results/{run_id}?at=5&examples=none"),
            pages(client, run_id, at=5, limit=1),
        )
        assert (len(page["examples"]), document.json()["progress"]["completed"], reads.since()) == (2, 4, 5)
        later = await pages(client, run_id, at=7)
        assert (len(later), reads.since()) == (6, 2)
        assert len(await pages(client, run_id, at=5)) == 4
        assert (await client.http.get(f"/results/{run_id}?at=5")).json()["grader_results"][0]["n"] == 4
        assert reads.since() == 0
        assert (len(await pages(client, run_id, at=3)), reads.since()) == (2, 3)


@pytest.mark.parametrize(("bound", "most"), [("KEPT", 2), ("KEPT_ROWS", 8)])
async def test_few_folds_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int) -> None:
    """Two of them, or eight rows, here of two runs of four: what was not asked for longest goes first."""
    monkeypatch.setattr(past, bound, most)
    async with serving(write_project(tmp_path, examples=examples(4)), FakeModel()) as client:
        runs = [(await client.run())["run_id"] for _ in range(3)]
        reads = Reads(monkeypatch)
        for run_id in (runs[0], runs[1], runs[0], runs[2]):
            await ask(client, run_id, at=3)
        assert reads.since() == 9
        await ask(client, runs[0], at=3)
        assert reads.since() == 0
        await ask(client, runs[1], at=3)
        assert reads.since() == 3


async def test_what_could_not_be_folded_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 while the log can't be read, the page once it can."""
    async with serving(write_project(tmp_path, examples=examples(4)), FakeModel()) as client:
        run_id = (await client.run())["run_id"]

        async def fails(_log: LogReader, _digest: str) -> bytes:
            raise LogUnavailable("the log can't be read: broken")

        with monkeypatch.context() as patch:
            patch.setattr(LogReader, "read_content", fails)
            broken = await client.http.get(f"/results/{run_id}/examples?at=3")
        assert len(await pages(client, run_id, at=3)) == 2
    assert broken.status_code == 503


async def test_an_event_that_is_not_there_is_told(tmp_path: Path) -> None:
    """404 beyond the run's events, also to `If-None-Match: *`; 400 for what is no number."""
    async with serving(write_project(tmp_path), FakeModel()) as client:
        path = f"/results/{(await client.run())['run_id']}/examples"
        beyond = [
            await client.http.get(f"{path}?at={at}", headers={"If-None-Match": "*"})
            for at in ("0", "-1", "4", "9999999999")
        ]
        wrong = await client.http.get(f"{path}?at=1.0")
    assert [one.status_code for one in beyond] == [404] * 4
    assert all(one.json()["type"].endswith(":event-not-found") for one in beyond)
    assert check_problem(wrong).startswith("at: must be a whole number")


async def test_what_was_never_changes(tmp_path: Path) -> None:
    """The tags of page and document as of an event stay while the run goes on; another event has others."""
    go_on = asyncio.Event()

    async def hold(text: str) -> str:
        if text != "q0":
            await go_on.wait()
        return text

    async with serving(write_project(tmp_path, examples=examples(3), model=HTTP), FakeModel(hold)) as client:
        run_id = await client.start()
        async with asyncio.timeout(10):
            while (await client.get(run_id))["progress"]["completed"] < 1:
                await asyncio.sleep(0.002)
        paths = [f"/results/{run_id}/examples?at=2", f"/results/{run_id}?at=2"]
        tags = [(await client.http.get(path)).headers["ETag"] for path in paths]
        go_on.set()
        await client.over(run_id)
        same = [
            await client.http.get(path, headers={"If-None-Match": tag}) for path, tag in zip(paths, tags, strict=True)
        ]
        other = [
            await client.http.get(path.replace("at=2", "at=3"), headers={"If-None-Match": tag})
            for path, tag in zip(paths, tags, strict=True)
        ]
    assert [one.status_code for one in same] == [304, 304]
    assert [one.status_code for one in other] == [200, 200]
