"""`GET /results/{run_id}/events`: every event once, in order, however often server or reader go away."""

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import httpx
import pytest
from live import check_problem
from live import serving as serving_live
from project import examples, write_project
from running import HTTP, Client, FakeModel, log_of, serving
from server import Server, read_log, recorded_model
from streaming import Reading, parse, versions

from service.api import event_stream
from service.api.asgi import Message

LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))


async def lines_of(client: Client, run_id: str) -> list[object]:
    """The lines of a run's log."""
    answer = await client.http.get(f"/results/{run_id}/log")
    return [httpx.Response(200, content=line).json() for line in answer.content.splitlines()]


async def test_a_stream_has_every_event_from_the_start_to_the_end(tmp_path: Path) -> None:
    """A reader that comes while the run is on, and one that comes after it, see the lines of the log, in order."""
    config = write_project(tmp_path, examples=examples(30), model=HTTP)
    async with serving(config) as client:
        run_id = await client.start()
        live = await client.http.get(f"/results/{run_id}/events")
        late = await client.http.get(f"/results/{run_id}/events")
        lines = await lines_of(client, run_id)
        head = await client.http.head(f"/results/{run_id}/events")
        assert not client.service.news.awaited, "something is kept of runs that are over"
    assert live.headers["Content-Type"].startswith("text/event-stream")
    assert live.headers["Cache-Control"] == "no-store"
    assert live.content.startswith(b"retry: 1000\n\n")
    for answer in (live, late):
        events = parse(answer.content)
        assert [event.id for event in events] == list(range(1, 33))
        assert [event.data for event in events] == lines
        assert [event.event for event in events] == ["started", *["example_scored"] * 30, "finished"]
    assert (head.status_code, head.content) == (200, b"")


async def test_a_reader_goes_on_where_it_was(tmp_path: Path) -> None:
    """Behind the event of the header, else of the query; 204 to one that has the end."""
    async with serving(write_project(tmp_path, examples=examples(5))) as client:
        run_id = (await client.run())["run_id"]

        async def read(query: str = "", **headers: str) -> tuple[int, list[int]]:
            answer = await client.http.get(f"/results/{run_id}/events{query}", headers=headers)
            return answer.status_code, versions(answer.content)

        assert await read(**{"Last-Event-ID": "3"}) == (200, [4, 5, 6, 7])
        assert await read("?after=5") == (200, [6, 7])
        assert await read("?after=5", **{"Last-Event-ID": "6"}) == (200, [7])
        assert await read(**{"Last-Event-ID": "0"}) == (200, [1, 2, 3, 4, 5, 6, 7])
        assert await read(**{"Last-Event-ID": "7"}) == (204, [])
        assert await read("?after=7") == (204, [])


@pytest.mark.parametrize("number", ["-1", "x", "", "1.5", "9" * 30, "\u0661"])
async def test_what_is_no_event_is_refused(tmp_path: Path, number: str) -> None:
    """Not a whole number 400, an event that there is not 404, a run that there is not 404."""
    async with serving(write_project(tmp_path)) as client:
        run_id = (await client.run())["run_id"]
        events = f"/results/{run_id}/events"
        answers = [
            await client.http.get(events, params={"after": number}),
            await client.http.get(events, headers={b"Last-Event-ID": number.encode()}),
        ]
        beyond = await client.http.get(f"{events}?after=4")
        unknown = await client.http.get("/results/run-20260315-143022-a3f7/events")
    for answer in answers:
        check_problem(answer)
        assert answer.status_code == 400
    assert (beyond.status_code, beyond.json()["type"]) == (404, "urn:matchspec:problem:event-not-found")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:matchspec:problem:run-not-found")


class Watcher:
    """Reads a stream of an application in this process, part by part."""

    def __init__(self, client: Client, run_id: str) -> None:
        self.parts: asyncio.Queue[bytes] = asyncio.Queue()
        self.left = asyncio.Event()
        path = f"/results/{run_id}/events"
        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")], "http_version": "1.1", "scheme": "http", "root_path": "",
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8090),
        }  # fmt: skip
        answering = client.service.app(scope, self._receive, self._send)
        self.answering: asyncio.Task[None] = asyncio.create_task(answering)  # type: ignore[arg-type]
        self._asked = False

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.parts.put_nowait(message["body"])
            if not message["more_body"]:
                self.left.set()  # a server tells this after an answer, too


def never() -> FakeModel:
    """A model that never answers."""

    async def answer(_text: str) -> str:
        await asyncio.Event().wait()
        return ""

    return FakeModel(answer)


async def test_silence_is_filled_with_pings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens: a comment, again and again, so that proxies keep the connection."""
    monkeypatch.setattr(event_stream, "PING_SECONDS", 0.02)
    async with serving(write_project(tmp_path, model=HTTP), never()) as client:
        run_id = await client.start()
        watcher = Watcher(client, run_id)
        parts = [await watcher.parts.get() for _ in range(4)]
        watcher.left.set()
        await asyncio.wait_for(watcher.answering, 10)
        await client.http.post(f"/results/{run_id}/cancel")
    assert parts[0] == b"retry: 1000\n\n"
    assert versions(parts[1]) == [1]
    assert parts[2:] == [b": ping\n\n"] * 2


def test_a_ping_comes_after_fifteen_seconds() -> None:
    """As docs/api.md says."""
    assert event_stream.PING_SECONDS == 15


async def test_a_stream_ends_when_its_reader_leaves_and_when_the_server_stops(tmp_path: Path) -> None:
    """Nothing is left of the one that left; the others end at once, though the run is not over."""
    async with serving(write_project(tmp_path, model=HTTP), never()) as client:
        run_id = await client.start()
        watchers = [Watcher(client, run_id) for _ in range(3)]
        for watcher in watchers:
            await watcher.parts.get()
        watchers[0].left.set()
        await asyncio.wait_for(watchers[0].answering, 10)
        assert not watchers[1].answering.done()
        client.service.news.close()
        await asyncio.wait_for(asyncio.gather(*(watcher.answering for watcher in watchers)), 10)
        late = Watcher(client, run_id)
        await asyncio.wait_for(late.answering, 10)
        await client.http.post(f"/results/{run_id}/cancel")


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_five_hundred_streams_of_a_run_at_full_speed_are_each_complete(tmp_path: Path) -> None:
    """Opened before and during the run, some read slowly; the server's memory stays below 300 MB."""
    count = 2_000 if LONG else 300
    config = write_project(tmp_path, examples=examples(count), harness={"concurrency": 32})
    chance = random.Random(7)
    with serving_live(config) as live:
        async with httpx.AsyncClient(base_url=live.url, trust_env=False) as http:
            first = (await http.post("/run")).json()["run_id"]
            early = [Reading(live.port, first) for _ in range(250)]
            reading = [asyncio.create_task(one.read(lambda: chance.choice((0, 0, 0.01)))) for one in early]
            await asyncio.sleep(0.1)
            late = [Reading(live.port, first) for _ in range(250)]
            reading += [asyncio.create_task(one.read()) for one in late]
            await asyncio.gather(*reading)
        peak = live.peak_memory()
    for one in (*early, *late):
        assert (one.status, versions(one.content)) == (200, list(range(1, count + 3)))
    assert peak < 300_000_000


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_a_reader_that_does_not_read_holds_up_nothing(tmp_path: Path) -> None:
    """A stream of 25 MB that nobody takes: the run ends, others read it whole, memory stays bounded, the log can be
    checkpointed.
    """
    rows = [{"id": f"ex-{n}", "input": "x" * 100_000, "expected": "x"} for n in range(250)]
    config = write_project(tmp_path, examples=rows, harness={"concurrency": 8})
    with serving_live(config) as live:
        async with httpx.AsyncClient(base_url=live.url, trust_env=False, timeout=50) as http:
            run_id = (await http.post("/run")).json()["run_id"]
            stuck = [await asyncio.open_connection("127.0.0.1", live.port, limit=1000) for _ in range(20)]
            for _, writer in stuck:
                writer.write(f"GET /results/{run_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            whole = Reading(live.port, run_id)
            await whole.read()
            assert versions(whole.content) == list(range(1, 253))
            assert (await http.get(f"/results/{run_id}?wait=1")).json()["status"] == "failed"
            for _, writer in stuck:
                writer.transport.abort()
        assert live.peak_memory() < 300_000_000


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_fifty_open_streams_do_not_hold_up_a_stop(tmp_path: Path) -> None:
    """SIGTERM: every stream ends and the process exits within the 5 seconds of the promise."""
    with recorded_model(tmp_path, {"q0": "q0"}, latency_ms=60_000) as model:
        config = write_project(tmp_path, model=model.spec)
        with Server(config) as server:
            run_id = server.start_run()
            port = int(server.url.rpartition(":")[2])
            waited, waiting = await asyncio.open_connection("127.0.0.1", port)
            waiting.write(f"GET /results/{run_id}?wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            readings = [Reading(port, run_id) for _ in range(50)]
            tasks = [asyncio.create_task(one.read()) for one in readings]
            while not all(one.content for one in readings):
                await asyncio.sleep(0.01)
            began = time.monotonic()
            code = await asyncio.to_thread(server.stop, signal.SIGTERM)
            took = time.monotonic() - began
            await asyncio.wait_for(asyncio.gather(*tasks), 10)
            assert (code, "Traceback" in server.said()) == (0, False)
            assert took < 5
            assert b'"status":"running"' in await waited.read()
            waiting.close()
    assert all(versions(one.content) == [1] for one in readings)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_stream_over_killed_servers_has_every_version_once(tmp_path: Path) -> None:
    """A reader that connects again with the last id sees 1, 2, 3, ... up to the end of the log, and nothing twice."""
    kills, count = (10, 400) if LONG else (3, 120)
    chance = random.Random(11)
    outputs = {f"q{n}": f"q{n}" for n in range(count)}
    seen: list[int] = []
    with recorded_model(tmp_path, outputs, latency_ms=50) as model:
        config = write_project(tmp_path, examples=examples(count), model=model.spec, harness={"concurrency": 2})
        run_id = ""
        for kill in range(kills + 1):
            with Server(config) as server:
                run_id = run_id or server.start_run()
                port = int(server.url.rpartition(":")[2])
                reading = Reading(port, run_id, seen[-1] if seen else None)
                task = asyncio.create_task(reading.read())
                if kill < kills:
                    await asyncio.sleep(0.2 + chance.random() * 0.6)
                    server.kill()
                await task
                seen += versions(reading.content)
    events = read_log(log_of(config), run_id)
    assert events[-1].type == "finished"
    assert seen == [event.version for event in events] == list(range(1, len(events) + 1))
