"""Tokens and cost: found in replies, recorded with each example, summed in the result."""

import json
from pathlib import Path

import httpx
import pytest
from project import Fields, examples, suite, write_config, write_harness, write_project
from running import HTTP, Document, FakeModel, serving
from services import Services, judge

from domain.events import Usage
from service.models.usage import usage_in

CHAT = HTTP | {"response_path": "output"}


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ({"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}, (12, 5)),
        ({"input_tokens": 12, "output_tokens": 5}, (12, 5)),
        ({"prompt_tokens": 12}, (12, 0)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, (0, 0)),
        ({"prompt_tokens": "many", "input_tokens": 3, "output_tokens": 4}, (3, 4)),
        ({"prompt_tokens": 1, "completion_tokens": 2, "input_tokens": 3, "output_tokens": 4}, (1, 2)),
    ],
)
def test_tokens_are_found_under_either_pair_of_names(usage: object, found: tuple[int, int]) -> None:
    """As chat completions call them, or as other services do."""
    assert usage_in({"usage": usage}) == Usage(input_tokens=found[0], output_tokens=found[1])


@pytest.mark.parametrize(
    "reply",
    [
        {},
        [],
        "usage",
        None,
        {"usage": None},
        {"usage": 5},
        {"usage": []},
        {"usage": {}},
        {"usage": {"total_tokens": 9}},
        {"usage": {"prompt_tokens": -1, "completion_tokens": 5}},
        {"usage": {"prompt_tokens": 1.5, "completion_tokens": 5}},
        {"usage": {"prompt_tokens": True, "completion_tokens": True}},
        {"usage": {"prompt_tokens": "12", "completion_tokens": "5"}},
        {"usage": {"prompt_tokens": 10**15, "completion_tokens": 5}},
        {"usage": {"completion_tokens": 5}},
    ],
)
def test_what_makes_no_sense_is_as_if_it_were_not_there(reply: object) -> None:
    """A service can't bring nonsense into the log."""
    assert usage_in(reply) is None


async def tells_tokens(text: str) -> httpx.Response:
    """Answer `qN` rightly, with 100 + N tokens in and N out; `q3` tells none."""
    number = int(text[1:])
    usage = {} if number == 3 else {"usage": {"prompt_tokens": 100 + number, "completion_tokens": number}}
    return httpx.Response(200, json={"output": text} | usage)


async def result_of(config: Path, model: FakeModel) -> Document:
    """Run everything, and give the document."""
    async with serving(config, model) as client:
        return await client.run()


async def test_tokens_stand_with_their_example_and_are_summed(tmp_path: Path) -> None:
    """q0 to q4, q3 without: 100 + 101 + 102 + 104 = 407 in, 0 + 1 + 2 + 4 = 7 out. Without prices there is no cost."""
    document = await result_of(write_project(tmp_path, examples=examples(5), model=CHAT), FakeModel(tells_tokens))

    assert [one.get("usage") for one in document["examples"]] == [
        {"input_tokens": 100, "output_tokens": 0},
        {"input_tokens": 101, "output_tokens": 1},
        {"input_tokens": 102, "output_tokens": 2},
        None,
        {"input_tokens": 104, "output_tokens": 4},
    ]
    assert "usage" not in document["examples"][3]
    assert document["usage"] == {"input_tokens": 407, "output_tokens": 7}
    assert "cost" not in document


async def test_prices_are_per_million_tokens(tmp_path: Path) -> None:
    """407 tokens in at 2.50 a million and 7 out at 10: 0.0010175 + 0.00007 = 0.0010875."""
    model = CHAT | {"prices": {"input": 2.5, "output": 10}}
    document = await result_of(write_project(tmp_path, examples=examples(5), model=model), FakeModel(tells_tokens))

    assert document["cost"] == pytest.approx(0.0010875, rel=1e-12)


async def test_costs_of_harnesses_are_summed_each_at_its_own_prices(tmp_path: Path) -> None:
    """q0 to q2 make 303 in and 3 out: at 1 and 2 a million, the same at 3 and 4; one without prices adds none."""
    for name, prices in [("a", {"input": 1, "output": 2}), ("b", {"input": 3, "output": 4}), ("c", None)]:
        model = CHAT | ({"prices": prices} if prices else {})
        write_harness(tmp_path, name, examples=examples(3), model=model)
    config = write_config(tmp_path, [suite("x", "a", "b"), suite("y", "c")])
    document = await result_of(config, FakeModel(tells_tokens))

    # 303 * 1 + 3 * 2 = 309; 303 * 3 + 3 * 4 = 921; together 1230 millionths
    assert document["cost"] == pytest.approx(0.00123, rel=1e-12)
    assert document["usage"] == {"input_tokens": 909, "output_tokens": 9}


@pytest.mark.parametrize("prices", [{}, {"prices": {"input": 1, "output": 1}}], ids=["no prices", "prices"])
async def test_where_nothing_is_reported_there_is_neither_usage_nor_cost(tmp_path: Path, prices: Fields) -> None:
    """Unknown is not nothing: no zero is shown."""
    document = await result_of(write_project(tmp_path, examples=examples(3), model={**HTTP, **prices}), FakeModel())

    assert document["verdict"] == "PASS"
    assert "usage" not in document
    assert "cost" not in document


async def test_tokens_of_a_failed_call_are_not_known(tmp_path: Path) -> None:
    """A refusal tells no tokens, whatever its body says; those of the others count."""

    async def answer(text: str) -> httpx.Response:
        usage = {"usage": {"prompt_tokens": 10, "completion_tokens": 1}}
        return httpx.Response(500 if text == "q0" else 200, json={"output": text} | usage)

    document = await result_of(write_project(tmp_path, examples=examples(3), model=CHAT), FakeModel(answer))

    assert document["model_errors"] == 1
    assert document["usage"] == {"input_tokens": 20, "output_tokens": 2}


async def test_each_repeat_has_its_tokens(tmp_path: Path) -> None:
    """Two examples asked three times: 3 x (100 + 0) + 3 x (101 + 1) tokens, in the example's repeats."""
    config = write_project(tmp_path, examples=examples(2), model=CHAT, harness={"repeats": 3})
    document = await result_of(config, FakeModel(tells_tokens))

    assert document["usage"] == {"input_tokens": 603, "output_tokens": 3}
    repeats = document["examples"][1]["repeats"]
    assert [one["usage"] for one in repeats] == [{"input_tokens": 101, "output_tokens": 1}] * 3


async def test_an_answer_recorded_before_its_grade_counts_once(tmp_path: Path) -> None:
    """With a judge the tokens are in `example_answered`; they are the model's alone."""
    config = write_project(tmp_path, examples=examples(3), model=CHAT, graders=[judge()])
    document = await result_of(config, Services(tells_tokens))

    assert document["usage"] == {"input_tokens": 303, "output_tokens": 3}
    assert document["examples"][2]["usage"] == {"input_tokens": 102, "output_tokens": 2}


async def test_text_without_a_path_tells_no_tokens(tmp_path: Path) -> None:
    """Without `response_path` the body is the output, and is not looked into."""
    body = json.dumps({"output": "q0", "usage": {"prompt_tokens": 1, "completion_tokens": 1}})

    async def answer(_text: str) -> str:
        return body

    document = await result_of(write_project(tmp_path, model=HTTP), FakeModel(answer))

    assert document["examples"][0]["output"] == body
    assert "usage" not in document
