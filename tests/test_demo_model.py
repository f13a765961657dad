"""The demo's model computes its answers, and its dataset leaves it room to fail."""

import ast
import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo_reader import answer
from hypothesis import given
from hypothesis import strategies as st
from live_server import free_port, python_script, running
from openai_shape import CHAT_PATH, MODELS_PATH

ROOT = Path(__file__).parent.parent
EXAMPLES: list[dict[str, Any]] = yaml.safe_load((ROOT / "evals/reading/dataset.yml").read_text("utf-8"))["examples"]

PEOPLE = ("Nils Aker", "Olga Brandt", "Pablo Cruz", "Quinn Dale")
TOWNS = ("Arholt", "Besk", "Corvin", "Dunmore")


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[http.client.HTTPConnection]:
    """A kept-alive connection to a model server of its own."""
    port = free_port()
    command = python_script("demo_model.py", "--port", str(port))
    log = tmp_path_factory.mktemp("demo") / "model.log"
    with running("demo_model", command, f"http://127.0.0.1:{port}{MODELS_PATH}", log):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        yield client
        client.close()


def post(connection: http.client.HTTPConnection, body: bytes, path: str = CHAT_PATH) -> tuple[int, dict[str, Any]]:
    """Status and document that answer a POST."""
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.load(response)


def is_right(example: dict[str, Any]) -> bool:
    """Whether the harness's three graders, written out here once more, all give 1 to the model's answer."""
    output, expected = answer(example["input"]), example["expected"]
    exact = output.strip().casefold() == expected.strip().casefold()
    contained = expected.casefold() in output.casefold()
    brief = re.search(r"^\S+( \S+){0,4}$", output) is not None
    return exact and contained and brief


@given(people=st.permutations(PEOPLE), towns=st.permutations(TOWNS), counts=st.permutations([3, 17, 240, 5100]))
def test_answers_follow_the_text(people: list[str], towns: list[str], counts: list[int]) -> None:
    """Whoever stands where in a text the model never saw, its answers change with the text."""
    text = (
        f"The old windmill in {towns[0]} was built by {people[0]}. {people[1]} painted a portrait of the miller. "
        f"{people[2]} moved the school to {towns[1]} with {counts[0]} pupils. The harbour holds {counts[1]} ships."
    )
    assert answer(f"{text}\n\nQuestion: Who built the windmill?") == people[0]
    assert answer(f"{text}\n\nQuestion: Who painted the portrait?") == people[1]
    assert answer(f"{text}\n\nQuestion: Where was the school moved?") == towns[1]
    assert answer(f"{text}\n\nQuestion: How many pupils does the school have?") == str(counts[0])
    assert answer(f"{text}\n\nQuestion: How many ships does the harbour hold?") == str(counts[1])


@given(day=st.integers(1, 28), month=st.sampled_from(["March", "August"]), year=st.integers(1500, 2029))
def test_dates_are_taken_whole(day: int, month: str, year: int) -> None:
    """A question for the time is answered with day, month and year, as far as the text tells them."""
    prompt = f"The ferry sank on {day} {month} {year}. A new one came later.\n\nQuestion: When did the ferry sink?"
    assert answer(prompt) == f"{day} {month} {year}"


@given(st.text(max_size=300))
def test_any_prompt_has_an_answer(prompt: str) -> None:
    """No prompt breaks the model, and it answers in words of the prompt."""
    assert answer(prompt) in " ".join(prompt.split())


def test_dataset_leaves_room_to_fail() -> None:
    """Between half and nine tenths of at least 60 questions are answered right."""
    assert len(EXAMPLES) >= 60
    assert 0.5 <= sum(is_right(example) for example in EXAMPLES) / len(EXAMPLES) <= 0.9


def test_dataset_is_well_formed() -> None:
    """Every example has an id of its own, its text's tag and its kind's tag, and a question."""
    assert len({example["id"] for example in EXAMPLES}) == len(EXAMPLES)
    for example in EXAMPLES:
        assert len(example["tags"]) >= 2
        assert example["tags"][0] == example["id"].rpartition("-")[0]
        assert re.search(r"\n\nQuestion: [^\n]+\?$", example["input"])


def test_every_answer_stands_in_its_text() -> None:
    """The dataset is fair: each expected answer is a piece of the text that is asked about."""
    for example in EXAMPLES:
        text = " ".join(example["input"].rpartition("Question:")[0].split())
        assert example["expected"] in text, example["id"]


def test_model_holds_no_answers() -> None:
    """None of the dataset's answers is written in the model's code, so that there is nothing to look up."""
    constants = [
        node.value
        for name in ("demo_model.py", "demo_reader.py", "demo_phrases.py", "openai_shape.py")
        for node in ast.walk(ast.parse((ROOT / "scripts" / name).read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for example in EXAMPLES:
        whole = re.compile(rf"\b{re.escape(example['expected'])}\b", re.IGNORECASE)
        assert not [constant for constant in constants if whole.search(constant)], example["expected"]


def test_completion_over_http(connection: http.client.HTTPConnection) -> None:
    """The server answers the last user message in OpenAI's shape, tokens counted as words, on one connection."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Vera Moll baked the cake.\n\nQuestion: Who baked the cake?"},
    ]
    for _ in range(2):
        status, document = post(connection, json.dumps({"model": "any", "messages": messages}).encode())
        assert status == 200
        assert document["object"] == "chat.completion"
        assert document["model"] == "any"
        assert document["choices"] == [
            {"index": 0, "message": {"role": "assistant", "content": "Vera Moll"}, "finish_reason": "stop"}
        ]
        assert document["usage"] == {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 20_000, "not JSON"),
        (b"[]", "must be an object"),
        (b'{"messages": []}', "model: must be a string"),
        (b'{"model": "m"}', "messages: must be a list"),
        (b'{"model": "m", "messages": [{"role": "system", "content": "x"}]}', 'none has the role "user"'),
        (b'{"model": "m", "messages": [{"role": "user", "content": 3}]}', "must be a string"),
        (b'{"model": "m", "messages": [], "stream": true}', "stream"),
    ],
)
def test_bad_requests_are_refused(connection: http.client.HTTPConnection, body: bytes, reason: str) -> None:
    """A body that is not a chat completion request is answered with 400 and an OpenAI-shaped error that says why."""
    status, document = post(connection, body)
    assert status == 400
    assert document["error"]["type"] == "invalid_request_error"
    assert reason in document["error"]["message"]


def test_unknown_path_is_refused(connection: http.client.HTTPConnection) -> None:
    """Another path is answered with 404 and the path that there is."""
    status, document = post(connection, b"{}", "/v1/other")
    assert status == 404
    assert CHAT_PATH in document["error"]["message"]
