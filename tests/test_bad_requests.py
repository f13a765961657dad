"""Bodies of `POST /run` that can't be accepted: each is told what is wrong, and nothing starts."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from live import Document, check_problem, in_process, serving
from project import write_project

JSON = "application/json"
MEGABYTE = 1_000_000


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service over the suite `qa`; no test starts a run."""
    async with in_process(write_project(tmp_path)) as opened:
        yield opened
        assert (await opened.get("/results")).json()["total"] == 0


async def refuse(client: httpx.AsyncClient, content: bytes | str, status: int, media_type: str = JSON) -> str:
    """Send a body that must be refused; gives the reason, from a whole problem document."""
    answer = await client.post("/run", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status, answer.text
    return check_problem(answer)


NOT_JSON: dict[str, bytes] = {
    "nothing but an opening brace": b"{",
    "a bare word": b"qa",
    "single quotes": b"{'suite': 'qa'}",
    "a trailing comma": b'{"suite": "qa",}',
    "a comment": b"{} // all",
    "two documents": b"{} {}",
    "a form": b"suite=qa",
    "YAML": b"suite: qa",
    "NaN": b'{"concurrency": NaN}',
    "Infinity": b'{"concurrency": Infinity}',
    "a leading zero": b'{"concurrency": 08}',
    "hex": b'{"concurrency": 0x8}',
    "a newline in a text": b'{"suite": "q\na"}',
    "a bad escape": b'{"suite": "\\q"}',
    "half a surrogate": b'{"suite": "\\ud800"}',
    "half a surrogate in a key": b'{"\\udc00": 1}',
    "NUL bytes": bytes(100),
    "a NUL behind": b"{}\0",
    "a cut-off text": b'{"suite": "q',
    "UTF-16": '{"suite": "qa"}'.encode("utf-16"),
    "UTF-32": '{"suite": "qa"}'.encode("utf-32"),
    "Latin-1": '{"suite": "Prüfung"}'.encode("latin-1"),
    "Latin-1 in a key": '{"süite": "qa"}'.encode("latin-1"),
    "an overlong NUL": b'{"suite": "\xc0\x80"}',
    "an encoded surrogate": b'{"suite": "\xed\xa0\x80"}',
    "0xff alone": b"\xff",
    "0xff in a tag": b'{"tags": ["\xff"]}',
    "gzip": gzip.compress(b"{}"),
    "5,000 arrays": b"[" * 5_000 + b"]" * 5_000,
    "5,000 objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "100,000 arrays": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "as many arrays as fit": b"[" * 500_000 + b"]" * 500_000,
    "a million that never close": b"[" * MEGABYTE,
    "5,000 deep in tags": b'{"tags": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "5,000 deep in an unknown field": b'{"x": ' + b'{"y": ' * 5_000 + b"1" + b"}" * 5_001,
    "a number of 100,000 digits": b'{"concurrency": ' + b"9" * 100_000 + b"}",
    "a number beyond a float": b'{"concurrency": 1e999}',
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=list(NOT_JSON))
async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    """Malformed, not UTF-8, nested too deep: 400 that says so in a sentence."""
    assert len(await refuse(client, body, 400)) < 500


WRONG: list[tuple[object, str, str]] = [
    ([], "", "list"),
    ([{}], "", "list"),
    ("qa", "", "text"),
    (8, "", "number"),
    (True, "", "true"),
    (None, "", "nothing"),
    ({"suite": 1}, "suite", "text"),
    ({"suite": ["qa"]}, "suite", "text"),
    ({"suite": {"name": "qa"}}, "suite", "text"),
    ({"suite": True}, "suite", "text"),
    ({"tags": "science"}, "tags", "list"),
    ({"tags": {"science": True}}, "tags", "list"),
    ({"tags": 1}, "tags", "list"),
    ({"tags": [1]}, "tags[0]", "text"),
    ({"tags": ["a", None]}, "tags[1]", "text"),
    ({"tags": ["a", ["b"]]}, "tags[1]", "text"),
    ({"concurrency": 0}, "concurrency", "1"),
    ({"concurrency": -1}, "concurrency", "1"),
    ({"concurrency": 1.5}, "concurrency", "1.5"),
    ({"concurrency": True}, "concurrency", "true"),
    ({"concurrency": False}, "concurrency", "false"),
    ({"concurrency": "8"}, "concurrency", "8"),
    ({"concurrency": [8]}, "concurrency", "list"),
    ({"concurrency": {}}, "concurrency", "mapping"),
    ({"concurrency": 10**30}, "concurrency", "1"),
    ({"concurrency": -(10**30)}, "concurrency", "1"),
    ({"concurrency": 2**63}, "concurrency", "1"),
    ({"concurrency": 2**64}, "concurrency", "1"),
    ({"config": 1}, "config", "text"),
    ({"config": ["matchspec.yml"]}, "config", "text"),
    ({"config": {}}, "config", "text"),
    ({"suit": "qa"}, "suit", "'suite'"),
    ({"Suite": "qa"}, "Suite", "'suite'"),
    ({"tag": ["a"]}, "tag", "'tags'"),
    ({"concurency": 8}, "concurency", "'concurrency'"),
    ({"configs": "matchspec.yml"}, "configs", "'config'"),
    ({"model": "gpt"}, "model", "suite"),
    ({"": 1}, "", "unknown field"),
    ({"__class__": 1, "suite": "qa"}, "__class__", "unknown field"),
]


@pytest.mark.parametrize(("body", "field", "word"), WRONG, ids=[json.dumps(body)[:60] for body, _, _ in WRONG])
async def test_a_body_of_the_wrong_shape_is_refused(
    client: httpx.AsyncClient, body: object, field: str, word: str
) -> None:
    """Wrong types, a concurrency below 1, unknown fields: 400 that names the field, what it found or what it wants."""
    answer = await client.post("/run", content=json.dumps(body), headers={"Content-Type": JSON})
    assert answer.status_code == 400, answer.text
    assert word in check_problem(answer)
    [mistake] = answer.json()["errors"]
    assert mistake.get("field", "") == field
    assert word in mistake["message"]


async def test_all_mistakes_of_a_body_are_told_at_once(client: httpx.AsyncClient) -> None:
    """A body with four mistakes is answered with four."""
    answer = await client.post("/run", json={"suite": 1, "tags": [2], "concurrency": 0, "conf": "x"})
    check_problem(answer)
    assert {mistake["field"] for mistake in answer.json()["errors"]} == {"suite", "tags[0]", "concurrency", "conf"}


@pytest.mark.parametrize("count", [100_000, 450_000])
async def test_a_hundred_mistakes_are_listed_and_the_others_counted(client: httpx.AsyncClient, count: int) -> None:
    """A body of very many mistakes makes no huge answer, and does not keep others waiting."""
    body = b'{"tags": [' + b"0," * (count - 1) + b"0]}"
    asked = asyncio.create_task(client.post("/run", content=body, headers={"Content-Type": JSON}))
    waited = 0.0
    while not asked.done():
        begun = time.perf_counter()
        assert (await client.get("/health")).status_code == 200
        waited = max(waited, time.perf_counter() - begun)
        await asyncio.sleep(0.01)
    answer = asked.result()
    check_problem(answer)
    assert len(answer.content) < 50_000
    assert [mistake.get("field") for mistake in answer.json()["errors"][:100]] == [f"tags[{n}]" for n in range(100)]
    assert str(count - 100) in answer.json()["errors"][100]["message"]
    assert waited < 1


@pytest.mark.parametrize(
    "body", [{"x" * 100_000: 1}, {f"field-{n}": n for n in range(50_000)}, {"suite": "q" * 900_000}]
)
async def test_long_names_are_refused_at_once(client: httpx.AsyncClient, body: Document) -> None:
    """Long and many names cost neither much time nor much space."""
    async with asyncio.timeout(10):
        answer = await client.post("/run", json=body)
    assert answer.status_code in (400, 404)
    check_problem(answer)
    assert len(answer.content) < 2 * MEGABYTE


@pytest.mark.parametrize("name", ["qb", "", " qa", "QA", "qa\0", "ä", "x" * 10_000, "../qa", "\U0001f600"])
async def test_an_unknown_suite_is_404(client: httpx.AsyncClient, name: str) -> None:
    """A suite that the config does not have is 404; the nearest name is told."""
    answer = await client.post("/run", json={"suite": name})
    assert answer.status_code == 404
    assert "qa" in check_problem(answer)


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/yaml",
        "application/jsonp",
        "application/json/x",
        "application/x-ndjson",
        "json",
        "*/*",
        "",
    ],
)
async def test_a_body_of_another_media_type_is_415(client: httpx.AsyncClient, media_type: str) -> None:
    """A body that is not empty and not said to be JSON is 415, whatever it holds; a web form can't start runs."""
    for body in (b'{"suite": "qa"}', b"{", b"suite=qa"):
        assert JSON in await refuse(client, body, 415, media_type)


async def test_a_body_without_a_media_type_is_415(client: httpx.AsyncClient) -> None:
    """No Content-Type at all is not JSON either."""
    answer = await client.post("/run", content=b'{"suite": "qa"}')
    assert answer.status_code == 415
    check_problem(answer)


async def test_a_body_that_says_something_twice_is_refused(client: httpx.AsyncClient) -> None:
    """Which of two values was meant nobody knows."""
    await refuse(client, b'{"suite": "qa", "suite": "qa"}', 400)
    await refuse(client, b'{"concurrency": 1, "concurrency": 0}', 400)


async def test_a_body_of_up_to_a_megabyte_is_taken(tmp_path: Path) -> None:
    """1 MB is the limit: what is not longer is read, what is longer is 413."""
    body = b'{"suite": "qa"}'
    headers = {"Content-Type": JSON}
    async with in_process(write_project(tmp_path)) as client:
        fits = await client.post("/run", content=body.ljust(MEGABYTE), headers=headers)
        over = await client.post("/run", content=body.ljust(MEGABYTE + 100_000), headers=headers)
        total = (await client.get("/results")).json()["total"]
    assert (fits.status_code, over.status_code, total) == (202, 413, 1)
    check_problem(over)


@pytest.mark.slow
def test_bad_bodies_are_refused_over_the_wire(tmp_path: Path) -> None:
    """Every body of the tables is refused by the real server too, which goes on."""
    with serving(write_project(tmp_path)) as live, live.client(Content_Type=JSON) as client:
        for body in NOT_JSON.values():
            check_problem(client.post("/run", content=body))
        for wrong, _, _ in WRONG:
            check_problem(client.post("/run", content=json.dumps(wrong).encode()))
        assert client.get("/results").json()["total"] == 0
