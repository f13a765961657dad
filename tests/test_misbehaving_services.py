"""Whatever a model, a judge or an embedding service does: in time a recorded error, within bounded memory."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from hostile_server import hostile_server
from live import Document, Live
from live import serving as serving_process
from project import Fields, suite, write_config, write_harness
from real_services import serving_for_real

LIMIT_SECONDS = 1.0
NOT_HTTP = "the answer is not valid HTTP"
TOO_LONG = "no answer within 1 s"

# What is told about each case: {url} is the address that was asked.
NETWORK = {
    "never-answers": TOO_LONG,
    "one-byte-a-second": TOO_LONG,
    "cut-off": "{url}: answer cut off",
    "garbage": f"{{url}}: {NOT_HTTP}",
    "length-too-small": f"{{url}}: {NOT_HTTP}",
    "redirect": "{url} answered 302 Found",
    "too-many": "{url} answered 429 Too Many Requests: slow down",
    "too-many-now": "{url} answered 429 Too Many Requests: slow down",
}
MODEL = NETWORK | {
    "endless": "reply over 8 MB",
    "lone-surrogate": "the reply is not valid JSON (",
    "nan": "the reply is not valid JSON (",
    "empty": "the reply is not valid JSON (",
}
JUDGE = NETWORK | {
    "endless": "reply over 1 MB",
    "lone-surrogate-judge": "the judge's reply is not a chat completion (",
    "nan-judge": "the judge's reply is not a chat completion (",
    "empty": "the judge's reply is not a chat completion (",
}
EMBEDDING = NETWORK | {
    "endless": "reply over 8 MB",
    "lone-surrogate-embedding": "the embedding service's reply is not a list of embeddings (",
    "nan-embedding": "the embedding service's reply is not a list of embeddings (",
    "empty": "the embedding service's reply is not a list of embeddings (",
}
CASES = {"model": MODEL, "judge": JUDGE, "embedding": EMBEDDING}
GRADERS = {"judge": "llm_judge", "embedding": "semantic_similarity"}
EXAMPLE: Fields = {"id": "a", "input": "question", "expected": "answer"}


def write_case(folder: Path, kind: str, case: str, url: str) -> str:
    """Write a harness of one example whose model, judge or embedding service misbehaves; gives its name."""
    name, address = f"{kind}-{case}", f"{url}/{case}"
    model: Fields = {"type": "echo"}
    graders: list[Fields] = [{"type": "exact_match"}]
    seconds = {"timeout_seconds": LIMIT_SECONDS}
    match kind:
        case "model":
            model = {"type": "http", "endpoint": address, "response_path": "output"}
        case "judge":
            graders = [{"type": "llm_judge", "config": {"endpoint": address, "model": "m", **seconds}}]
        case _:
            graders = [
                {"type": "semantic_similarity", "config": {"embedding_endpoint": address, "model": "m", **seconds}}
            ]
    write_harness(folder, name, examples=[EXAMPLE], model=model, graders=graders, timeout_seconds=LIMIT_SECONDS)
    return name


def write_cases(folder: Path, url: str, **cases: list[str]) -> Path:
    """Write a suite for each case, named after it."""
    names = [write_case(folder, kind, case, url) for kind, some in cases.items() for case in some]
    return write_config(folder, [suite(name, name) for name in names])


def error_of(document: Document, kind: str) -> str:
    """The error that is recorded with the only example."""
    (entry,) = document["examples"]
    told = entry["error"] if kind == "model" else entry["errors"][GRADERS[kind]]
    return str(told)


@pytest.mark.parametrize(
    ("kind", "case"), [(kind, case) for kind, cases in CASES.items() for case in cases], ids=lambda part: part
)
async def test_each_case_ends_in_time_as_a_recorded_error(tmp_path: Path, kind: str, case: str) -> None:
    """A whole run of one example with a limit of 1 s is over within 2 s, and tells with its example what happened."""
    async with hostile_server() as server:
        config = write_cases(tmp_path, server.url, **{kind: [case]})
        async with serving_for_real(config) as client:
            began = time.monotonic()
            document = await client.run()
            took = time.monotonic() - began

    assert took < LIMIT_SECONDS + 1
    assert CASES[kind][case].format(url=f"{server.url}/{case}") in error_of(document, kind)
    assert document["status"] == "error"
    assert (document["model_errors"], document["grader_errors"]) == ((1, 0) if kind == "model" else (0, 1))


@pytest.mark.parametrize("kind", CASES)
async def test_the_good_neighbour_is_left_alone(tmp_path: Path, kind: str) -> None:
    """Beside all cases at once in the same run, one whose service behaves has its score."""
    good = "good" if kind == "model" else f"good-{kind}"
    async with hostile_server() as server:
        config = write_cases(tmp_path, server.url, **{kind: [*CASES[kind], good]})
        async with serving_for_real(config) as client:
            document = await client.run()

    errors = [entry for entry in document["examples"] if "error" in entry or "errors" in entry]
    assert len(errors) == len(CASES[kind])
    neighbour = document["examples"][-1]
    assert neighbour["harness"] == f"{kind}-{good}"
    assert list(neighbour["scores"].values()) == [0.0 if kind == "model" else 1.0]  # "fine" is not "answer"


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_memory_stays_within_50_mb(tmp_path: Path) -> None:
    """A real server that went through every case, three times, holds no more than 50 MB above what it held before."""
    async with hostile_server() as server:
        goods = {"model": ["good"], "judge": ["good-judge"], "embedding": ["good-embedding"]}
        config = write_cases(tmp_path, server.url, **{kind: [*goods[kind], *CASES[kind]] for kind in CASES})
        process = serving_process(config)
        live = await asyncio.to_thread(process.__enter__)
        try:
            await _through(live, {kind: goods[kind] for kind in CASES})
            before = live.peak_memory()
            for _ in range(3):
                await _through(live, {kind: list(CASES[kind]) for kind in CASES})
            grown = live.peak_memory() - before
        finally:
            await asyncio.to_thread(process.__exit__, None, None, None)

    assert grown < 50_000_000


async def _through(live: Live, cases: Mapping[str, list[str]]) -> None:
    """Run each case's suite, all side by side, to the end."""
    async with httpx.AsyncClient(base_url=live.url, trust_env=False, timeout=30) as client:
        names = [f"{kind}-{case}" for kind, some in cases.items() for case in some]
        accepted = [(await client.post("/run", json={"suite": name})).json() for name in names]
        for one in accepted:
            while (await client.get(one["results_url"])).json()["status"] == "running":
                await asyncio.sleep(0.05)
