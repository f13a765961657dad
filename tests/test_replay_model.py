"""The replaying model server returns what was recorded, and counts what it was asked."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_server import free_port, python_script, running
from openai_shape import CHAT_PATH, MODELS_PATH

RECORDED = {"two and two?": "four", "größer\n«als»": "ja \u2713", "": "nothing asked", "long " * 30_000: "much"}


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """A file of recorded answers."""
    path = tmp_path / "answers.jsonl"
    lines = [json.dumps({"input": asked, "output": output, "extra": 1}) for asked, output in RECORDED.items()]
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return path


@pytest.fixture
def url(answers: Path) -> Iterator[str]:
    """The address of a server that answers at once."""
    yield from serve(answers)


@pytest.fixture
def slow_url(answers: Path) -> Iterator[str]:
    """The address of a server that takes 300 ms for an answer."""
    yield from serve(answers, "--latency-ms", "300")


def serve(answers: Path, *options: str) -> Iterator[str]:
    """Runs a server for the time of a fixture."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = python_script("replay_model.py", str(answers), "--port", str(port), *options)
    with running("replay_model", command, address + MODELS_PATH, answers.with_suffix(".log")):
        yield address


def question(text: str) -> dict[str, Any]:
    """A chat completion request."""
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def test_recorded_outputs_come_back(url: str) -> None:
    """Each recorded input gets its own output, whatever characters and length it has."""
    with httpx.Client(trust_env=False) as client:
        for asked, output in RECORDED.items():
            response = client.post(url + CHAT_PATH, json=question(asked))
            assert response.status_code == 200
            assert response.json()["choices"][0]["message"] == {"role": "assistant", "content": output}


def test_unknown_input_is_not_found(url: str) -> None:
    """An input that was not recorded is answered with 404 and a clear error, and counted apart."""
    with httpx.Client(trust_env=False) as client:
        response = client.post(url + CHAT_PATH, json=question("three and three?"))
        assert response.status_code == 404
        assert response.json()["error"]["message"] == "no answer is recorded for the input 'three and three?'"
        assert client.get(f"{url}/calls").json() == {
            "total": 0, "distinct": 0, "unknown": 1, "in_flight": 0, "peak_in_flight": 0,
        }  # fmt: skip


@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b'{"model": "m", "messages": 1}', 400)])
def test_bad_request_is_refused(url: str, content: bytes, status: int) -> None:
    """A body that is not a chat completion request is answered with 400, and the connection goes on."""
    with httpx.Client(trust_env=False) as client:
        for _ in range(2):
            response = client.post(url + CHAT_PATH, content=content)
            assert response.status_code == status
            assert response.json()["error"]["type"] == "invalid_request_error"


def test_unknown_path_is_not_found(url: str) -> None:
    """Another path is answered with 404 and the paths that there are."""
    response = httpx.get(f"{url}/elsewhere", trust_env=False)
    assert response.status_code == 404
    assert "GET /calls" in response.json()["error"]["message"]


async def test_calls_are_counted(slow_url: str) -> None:
    """`/calls` tells calls in flight and at their peak, and with detail=1 the calls of each input."""
    async with httpx.AsyncClient(trust_env=False) as client:
        asked = [
            client.post(slow_url + CHAT_PATH, json=question(text)) for text in ("two and two?", "two and two?", "")
        ]
        before = time.monotonic()
        calls = asyncio.gather(*asked)
        await asyncio.sleep(0.15)
        during = (await client.get(f"{slow_url}/calls")).json()
        await calls
        took = time.monotonic() - before
        after = (await client.get(f"{slow_url}/calls?detail=1")).json()
    assert during == {"total": 3, "distinct": 2, "unknown": 0, "in_flight": 3, "peak_in_flight": 3}
    assert after["in_flight"] == 0
    assert after["inputs"] == {"two and two?": 2, "": 1}
    assert took >= 0.3


async def test_caller_that_leaves_is_not_in_flight(slow_url: str) -> None:
    """A call whose client went away before its answer stays counted, but is no longer in flight."""
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(slow_url + CHAT_PATH, json=question(""), timeout=0.1)
        await asyncio.sleep(0.05)
        counts = (await client.get(f"{slow_url}/calls")).json()
    assert (counts["total"], counts["in_flight"]) == (1, 0)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('{"input": "a", "output": "b"}\n{"input": "a"}', ':2: must be an object with texts as "input" and "output"'),
        ("[]", ":1: must be an object"),
        ('{"input": "a", "output": 3}', ":1: must be an object"),
        ('{"input": "a", "output": "b"}\n{"input": "a", "output": "c"}', ":2: this input stands on an earlier line"),
    ],
)
def test_bad_answers_file_is_refused(tmp_path: Path, lines: str, reason: str) -> None:
    """A file that can't be replayed stops the server with the file, the line and what is wrong there."""
    path = tmp_path / "answers.jsonl"
    path.write_text(lines, encoding="utf-8")
    ended = subprocess.run(
        python_script("replay_model.py", str(path), "--port", "0"),
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{path}{reason}")
