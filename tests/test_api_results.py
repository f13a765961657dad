"""`GET /results/{id}` of finished runs: every example, in order, whatever is in it, streamed."""

import asyncio
import json
import random
import sqlite3
from collections.abc import MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from live import Document, end_of, in_process, run_through
from project import examples, suite, write_config, write_harness, write_project
from running import HTTP, FakeModel, log_of, serving

CONTAINS = {"type": "contains"}
MEGABYTE = 1_000_000


@pytest.mark.slow
async def test_three_thousand_examples_come_in_the_datasets_order(tmp_path: Path) -> None:
    """3,000 examples that end in any order are shown in the dataset's, each once, as valid JSON."""
    chance = random.Random(3)

    async def answer(text: str) -> str:
        await asyncio.sleep(chance.random() / 50)
        return text

    rows = examples(3_000)
    chance.shuffle(rows)
    config = write_project(tmp_path, examples=rows, model=HTTP, harness={"concurrency": 100})
    async with in_process(config, FakeModel(answer)) as client:
        finished = await run_through(client)
    assert [example["id"] for example in finished["examples"]] == [row["id"] for row in rows]
    assert all(one["output"] == one["input"] == one["expected"] for one in finished["examples"])
    assert finished["grader_results"][0]["n"] == 3_000


async def test_the_order_is_that_of_suites_harnesses_and_dataset(tmp_path: Path) -> None:
    """The last harness answers first; the document begins with the first all the same."""

    async def answer(text: str) -> str:
        await asyncio.sleep({"a": 0.3, "b": 0.2, "c": 0.1}.get(text[0], 0))
        return text

    for name in ("a", "b", "c"):
        rows = [{"id": f"{name}{n}", "input": f"{name}{n}", "expected": f"{name}{n}"} for n in range(3)]
        write_harness(tmp_path, name, examples=rows, model=HTTP)
    config = write_config(tmp_path, [suite("second-name", "a", "b"), suite("first-name", "c", "a")])
    async with in_process(config, FakeModel(answer)) as client:
        finished = await run_through(client)
    ids = [(one["suite"], one["id"]) for one in finished["examples"]]
    assert ids == [("second-name", f"{name}{n}") for name in "ab" for n in range(3)] + [
        ("first-name", f"{name}{n}") for name in "ca" for n in range(3)
    ]
    assert finished["suites"] == ["second-name", "first-name"]


async def test_a_finished_document_says_where_the_log_stood(tmp_path: Path) -> None:
    """`log` has the place of the run's last event, in the log and in the run, and its hash, also after a restart."""
    config = write_project(tmp_path)
    async with serving(config) as client:
        first, second = await client.run(), await client.run()
    async with serving(config) as client:
        again = await client.get(first["run_id"])
    with closing(sqlite3.connect(log_of(config))) as database:
        ends = database.execute("SELECT run_id, position, version, hash FROM events WHERE type = 'finished'").fetchall()
    stood = {
        run_id: {"position": position, "version": version, "hash": link.hex()}
        for run_id, position, version, link in ends
    }
    assert [one["log"] for one in (first, second, again)] == [stood[run["run_id"]] for run in (first, second, first)]


TEXTS = {
    "nothing": "",
    "German": "Größe: 3 µm, „ja“",
    "Japanese": "日本語の文字列",
    "Arabic": "السلام عليكم",
    "joined emoji": "👩‍👩‍👧‍👦",
    "beyond the first plane": "\U00020000\U0001f600\U0010fffd",
    "combining": "e\u0301 \u1e9b\u0323",
    "line ends": "a\nb\r\nc\rd",
    "separators of lines": "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei",
    "control characters": "".join(chr(code) for code in range(1, 32)) + "\x7f",
    "NUL": "a\0b",
    "quotes and slashes": '"\'\\/ \\" \\n </script>',
    "JSON": '{"a": [1, {"b": null}]}',
    "like our own document": '"}],"model_errors":99}',
    "marks": "\ufeff\u200b\u202eabc\ufffe\uffff",
    "blanks": " \t leading and trailing \t ",
    "braces": "{{input}} ${HOME} {0} %s",
}


async def test_any_text_comes_through_unchanged(tmp_path: Path) -> None:
    """Input, expected, output, tags and metadata of any characters are shown as they were."""
    rows: list[Document] = [
        {"id": name, "input": text, "expected": text, "metadata": {"text": text, "deep": [{"x": [text, None, 1.5]}]}}
        for name, text in TEXTS.items()
    ]
    rows.append({"id": "ü-'\"\\ \U0001f600", "input": "i", "expected": "i", "tags": ["Ä", "日本", "a b", '"']})
    async with in_process(write_project(tmp_path, examples=rows)) as client:
        finished = await run_through(client)
        again = await client.get(f"/results/{finished['run_id']}")
    for row, shown in zip(rows, finished["examples"], strict=True):
        assert {name: shown[name] for name in row} == row
        assert shown["output"] == row["input"]
    assert finished["verdict"] == "PASS"
    again.content.decode("utf-8", errors="strict")


async def test_outputs_of_a_megabyte_come_through(tmp_path: Path) -> None:
    """Twelve outputs of 1 MB each, of characters that JSON escapes and others, are shown whole."""
    outputs = {f"q{n}": (letter * MEGABYTE) for n, letter in enumerate("x\"\\ä\n日\x01😀/'{<")}

    async def answer(text: str) -> str:
        return outputs[text]

    config = write_project(tmp_path, examples=examples(12), model=HTTP, graders=[CONTAINS])
    async with in_process(config, FakeModel(answer)) as client:
        finished = await run_through(client)
    assert [one["output"] for one in finished["examples"]] == list(outputs.values())
    assert [one["passed"] for one in finished["examples"]] == [False] * 12


async def stream(app: Any, path: str) -> list[int]:
    """The sizes of the parts in which the application sends a body."""
    scope: Document = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {
        "headers": [(b"host", b"localhost")],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "asgi": {"version": "3.0"},
    }
    scope |= {"client": ("127.0.0.1", 1), "server": ("localhost", 80)}
    sizes: list[int] = []
    sent = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        await sent.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sizes.append(len(message.get("body", b"")))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            sent.set()

    await app(scope, receive, send)
    return sizes


async def test_a_long_document_is_streamed(tmp_path: Path) -> None:
    """2,000 examples of 2 kB are sent in parts, none with more than a fourth of the whole."""
    text = "x" * 1_000
    rows = [{"id": f"e{n}", "input": text, "expected": text} for n in range(2_000)]
    async with serving(write_project(tmp_path, examples=rows, harness={"concurrency": 50})) as client:
        run_id = await client.start()
        await client.http.get(f"/results/{run_id}?wait=30&examples=none")
        sizes = await stream(client.service.app, f"/results/{run_id}")
    assert sum(sizes) > 2_000 * 2_000
    assert max(sizes) < sum(sizes) / 4


@pytest.mark.timeout(60)
async def test_large_examples_are_streamed_in_bounded_parts(tmp_path: Path) -> None:
    """Sixty examples of 1 MB: no part of the answer holds more than 16 MB."""
    text = "x" * 500_000
    rows = [{"id": f"e{n}", "input": text, "expected": text} for n in range(60)]
    async with serving(write_project(tmp_path, examples=rows)) as client:
        run_id = await client.start()
        await client.over(run_id)
        sizes = await stream(client.service.app, f"/results/{run_id}")
    assert sum(sizes) > 60 * MEGABYTE
    assert max(sizes) < 16 * MEGABYTE


async def test_a_document_is_the_same_bytes_again_and_after_a_restart(tmp_path: Path) -> None:
    """Asked twice, and by another process that has to fold the run from the log: the same bytes."""
    rows: list[Document] = [
        *examples(20, tags=["t"], metadata={"a": [1, 2.50, {"b": None}]}),
        *({"id": i, "input": t, "expected": "e"} for i, t in TEXTS.items()),
    ]
    write_harness(tmp_path, "one", examples=rows)
    write_harness(tmp_path, "two", examples=rows[:3], model={"type": "command", "command": ["sh", "-c", "exit 3"]})
    config = write_config(tmp_path, [suite("a", "one"), suite("b", "one", "two", statistics={"max_error_rate": 1.0})])
    async with in_process(config) as client:
        documents = [await run_through(client, **body) for body in ({}, {"suite": "a"}, {"tags": ["t"]})]
        paths = [f"/results/{document['run_id']}" for document in documents]
        before = [(await client.get(path)).content for path in paths]
        assert [(await client.get(path)).content for path in paths] == before
    async with in_process(config) as client:
        for _ in range(2):
            assert [(await client.get(path)).content for path in paths] == before
    assert [json.loads(content) for content in before] == documents


async def test_many_readers_of_one_document_see_the_same(tmp_path: Path) -> None:
    """Twenty readers at once, after a restart, get one and the same document."""
    config = write_project(tmp_path, examples=examples(300))
    async with in_process(config) as client:
        finished = await run_through(client)
    async with in_process(config) as client:
        answers = await asyncio.gather(*(client.get(f"/results/{finished['run_id']}") for _ in range(20)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json() == finished


async def test_results_outlive_their_files(tmp_path: Path) -> None:
    """What was run is shown as it was, though config, harness and dataset are changed afterwards."""
    config = write_project(tmp_path, examples=examples(3))
    async with in_process(config) as client:
        before = await run_through(client)
        write_project(tmp_path, examples=examples(1), suites=[suite("other", "qa-v1", thresholds={"overall": 0.1})])
        after = (await client.get(f"/results/{before['run_id']}")).json()
    assert after == before


async def test_polling_while_it_runs_never_shows_a_part_of_the_result(tmp_path: Path) -> None:
    """Progress never falls, is below 100 until all are recorded, and the end has everything at once."""

    async def answer(text: str) -> str:
        await asyncio.sleep(0.002)
        return text

    config = write_project(tmp_path, examples=examples(150), model=HTTP, harness={"concurrency": 3})
    async with in_process(config, FakeModel(answer)) as client:
        accepted = (await client.post("/run")).json()
        seen = []
        while (document := (await client.get(accepted["results_url"])).json())["status"] == "running":
            assert document.keys().isdisjoint({"verdict", "grader_results", "examples", "finished_at", "model_errors"})
            seen.append(document["progress"])
            await asyncio.sleep(0.001)
        finished = await end_of(client, accepted["results_url"])
    assert [one["completed"] for one in seen] == sorted(one["completed"] for one in seen)
    assert {one["total"] for one in seen} == {150}
    for one in seen:
        assert one["percent"] == pytest.approx(100 * one["completed"] / 150, abs=0.0501)
        assert (one["percent"] == 100) == (one["completed"] == 150)
    assert "progress" not in finished
    assert len(finished["examples"]) == 150


async def test_secrets_of_the_server_are_in_no_document(tmp_path: Path) -> None:
    """The value of a variable that the model needs is shown nowhere, also where the model says it."""
    secret = "sk-very-secret-0123456789"
    model = HTTP | {"api_key_env": "MODEL_KEY"}

    async def answer(text: str) -> str:
        return f"{text} and the key is {secret}"

    config = write_project(tmp_path, examples=examples(2), model=model, graders=[CONTAINS])
    async with in_process(config, FakeModel(answer), {"MODEL_KEY": secret}) as client:
        finished = await run_through(client)
        pages = [(await client.get(path)).text for path in (f"/results/{finished['run_id']}", "/results", "/suites")]
    assert finished["examples"][0]["output"] == "q0 and the key is [secret MODEL_KEY]"
    assert all(secret not in page for page in pages)
