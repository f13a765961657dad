"""Whatever text comes in, from files, requests, models and graders: the run ends, and what it says can be read."""

import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live import check_problem, end_of, in_process
from project import Fields, suite, write_config, write_project
from running import HTTP, Document, FakeModel, serving

NOT_CHARACTERS = "\ud800\udfff\udc00"
HOSTILE = [
    "\0",
    "a\0b",
    "\ud800",
    "a\udfffb",
    "\udc00\ud800",
    "\ud83d",
    "\x01\x02\x1b[31m\x7f\x85\x9b",
    "\r\n",
    "\u2028\u2029\u202e\u200b\ufeff",
    "\ufffe\uffff\U0010ffff",
    "e\u0301\u0338" * 50,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "[secret KEY]",
    "{{input}} {{expected}} ${KEY} {0} %s",
    "</script><img src=x onerror=alert(1)>",
    "'; DROP TABLE events; --",
    "=1+1",
    "x" * 100_000,
    " ",
    "null",
    "NaN",
    "\\ud800\\u0000",
]

texts = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(HOSTILE)


async def outcome(http: httpx.AsyncClient, body: Fields, *headers: tuple[bytes, bytes]) -> Document | None:
    """Start a run and wait for its end; None where it was refused with a whole problem document."""
    sent = [(b"Content-Type", b"application/json"), *headers]
    answer = await http.post("/run", content=json.dumps(body).encode(), headers=sent)
    if answer.status_code != 202:
        assert answer.status_code in (400, 404), answer.text
        check_problem(answer)
        return None
    return await ended(http, answer.json()["results_url"])


async def ended(http: httpx.AsyncClient, url: str) -> Document:
    """The document of a run once it is over, and its line in the listing: both can be read."""
    document = await end_of(http, url)
    assert document["status"] in ("passed", "failed", "error")
    assert (await http.get("/results")).status_code == 200
    storable(document)
    return document


def storable(value: object) -> None:
    """Fail where a text holds what can't be encoded."""
    json.dumps(value, ensure_ascii=False).encode()


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service whose files a test may rewrite between requests."""
    async with in_process(write_project(tmp_path)) as client:
        yield client


PLACES: dict[str, Callable[[str], Fields]] = {
    "id": lambda text: {"id": text, "input": "q", "expected": "q"},
    "input": lambda text: {"id": "a", "input": text, "expected": "q"},
    "expected": lambda text: {"id": "a", "input": "q", "expected": text},
    "both": lambda text: {"id": "a", "input": text, "expected": text},
    "tag": lambda text: {"id": "a", "input": "q", "expected": "q", "tags": [text]},
    "metadata": lambda text: {"id": "a", "input": "q", "expected": "q", "metadata": {"key": text}},
    "metadata's key": lambda text: {"id": "a", "input": "q", "expected": "q", "metadata": {text: {text: [text]}}},
    "a column": lambda text: {"id": "a", "input": "q", "expected": "q", text: "x"},
}


@pytest.mark.parametrize("place", PLACES)
async def test_any_text_in_a_row_is_refused_or_run(http: httpx.AsyncClient, tmp_path: Path, place: str) -> None:
    """A hostile text in a row is a mistake with its line, or is recorded and given back as it was."""
    for text in HOSTILE:
        row = PLACES[place](text)
        write_project(tmp_path, examples=[row])
        document = await outcome(http, {})
        if document is not None:
            (example,) = document["examples"]
            assert (example["id"], example["input"]) == (row["id"], row["input"])
        else:
            assert place != "both" or text.strip() == "" or set(text) & set(NOT_CHARACTERS + "\ud83d")


@pytest.mark.parametrize("field", ["suite", "tags", "config"])
async def test_any_text_in_a_request_is_refused(http: httpx.AsyncClient, field: str) -> None:
    """A hostile suite, tag or config starts nothing."""
    for text in HOSTILE:
        assert await outcome(http, {field: [text] if field == "tags" else text}) is None


@pytest.mark.parametrize("name", ["User-Agent", "Idempotency-Key", "Accept", "X-Any", "Cookie", "Authorization"])
async def test_any_bytes_in_a_header_harm_nothing(http: httpx.AsyncClient, name: str) -> None:
    """Bytes that a header can carry over HTTP, text or not: the request is refused, or its run ends."""
    for value in (b"\xff\xfe", b"\xed\xa0\x80", "\u2028\U0001f469".encode(), b"\x85", b"x" * 60_000, b"", b"\t"):
        await outcome(http, {}, (name.encode(), value))


@pytest.mark.parametrize("text", HOSTILE, ids=repr)
async def test_any_name_of_a_suite_is_refused_or_run(http: httpx.AsyncClient, tmp_path: Path, text: str) -> None:
    """A hostile name of a suite or a grader is a mistake of the configuration, or one that can be run by it."""
    write_config(tmp_path, [suite(text, "qa-v1")])
    await outcome(http, {"suite": text})
    write_project(tmp_path, graders=[{"type": "exact_match", "name": text}])
    await outcome(http, {})


def replies() -> list[bytes]:
    """Bodies that a model may send, text or not, seeded."""
    rng = random.Random(20261122)
    made = [text.encode(errors="surrogatepass") for text in HOSTILE]
    made += [b"\xff", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xed\xa0\x80\xed\xb0\x80", "ä".encode("utf-16"), b""]
    return made + [rng.randbytes(rng.randrange(200)) for _ in range(30)]


CHARSETS = ["", "utf-8", "utf-16", "utf-16-le", "latin-1", "shift_jis", "gb18030", "utf-7", "idna", "rot13", "\xff"]


@pytest.mark.parametrize("charset", CHARSETS)
async def test_any_reply_of_a_model_is_an_output_or_an_error(tmp_path: Path, charset: str) -> None:
    """Whatever bytes in whatever charset: recorded as text that can be read, what is no text visibly replaced."""
    bodies = replies()

    async def answer(text: str) -> httpx.Response:
        kind = f"text/plain; charset={charset}".encode("latin-1")
        return httpx.Response(200, content=bodies[int(text)], headers=[(b"Content-Type", kind)])

    rows = [{"id": f"ex-{n}", "input": str(n), "expected": "x"} for n in range(len(bodies))]
    config = write_project(tmp_path, examples=rows, model=HTTP)
    async with serving(config, FakeModel(answer)) as client:
        document = await client.run()
    assert document["status"] == "failed"
    for example in document["examples"]:
        storable(example)
        assert isinstance(example["output"], str)
        if charset in ("", "utf-8"):
            body = bodies[int(example["input"])]
            assert example["output"] == body.decode(errors="replace")


GRADER = """
TEXTS = {texts!r}

def make(config):
    def grade(input, expected, output, metadata):
        text = TEXTS[int(input)]
        if config["way"] == "raise":
            raise ValueError(text)
        if config["way"] == "key":
            return {{"score": 1, "metadata": {{text: 1}}}}
        return {{"score": 1, "metadata": {{"said": text}}}}
    return grade
"""


@pytest.mark.parametrize("way", ["raise", "key", "value"])
async def test_any_text_of_a_grader_is_a_detail_or_an_error(tmp_path: Path, way: str) -> None:
    """What a user's grader says is recorded, or told as its error; the run ends, and the other rows are graded."""
    rows = [{"id": f"ex-{n}", "input": str(n), "expected": "x"} for n in range(len(HOSTILE))]
    grader = {"type": "python", "config": {"callable": "grader.py:make", "way": way}}
    config = write_project(tmp_path, examples=rows, graders=[grader])
    (tmp_path / "evals/qa-v1/grader.py").write_text(GRADER.format(texts=HOSTILE))
    async with serving(config) as client:
        document = await client.run()
    assert len(document["examples"]) == len(HOSTILE)
    storable(document)
    for example in document["examples"]:
        assert ("python" in example["scores"]) != ("python" in example.get("errors", {}))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=15))
async def test_any_texts_together_are_refused_or_run(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    """Rows of any texts, answered by any texts: refused with their lines, or a run that ends and can be read."""
    said = {text: reply for text, _, reply in rows}

    async def answer(text: str) -> httpx.Response:
        return httpx.Response(200, content=said[text].encode(errors="surrogatepass"))

    examples = [{"id": f"ex-{n}", "input": text, "expected": right} for n, (text, right, _) in enumerate(rows)]
    config = write_project(tmp_path_factory.mktemp("any"), examples=examples, model=HTTP)
    async with serving(config, FakeModel(answer)) as client:
        answered = await client.post()
        if answered.status_code == 202:
            document = await client.over(answered.json()["run_id"])
            assert [example["input"] for example in document["examples"]] == [text for text, _, _ in rows]
            storable(document)
        else:
            assert answered.status_code == 400
            check_problem(answered)
