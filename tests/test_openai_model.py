"""`type: openai`: a chat completion, whatever service speaks it."""

import json
from pathlib import Path

import httpx
import pytest
from over_httpx import sending_to
from project import examples, write_project
from running import FakeModel, serving

from domain.errors import ModelError
from domain.events import Usage
from domain.model_spec import OpenAIModel
from service.models.ask import Ask, Reply
from service.models.model import open_model

ENVIRONMENT = {"KEY": "sk-12345678", "HOST": "llm.test"}


class ChatServer:
    """Says the user's message in capitals, as a chat completion; keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        said = json.loads(request.content)["messages"][-1]["content"]
        return httpx.Response(200, json=completion(said.upper()))

    @property
    def body(self) -> object:
        """What the only request held."""
        (request,) = self.requests
        return json.loads(request.content)


def completion(content: object) -> dict[str, object]:
    """A chat completion that says this."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }


def opened(server: object, **settings: object) -> Ask:
    """Open the model `small-1` with these settings."""
    spec = OpenAIModel(**({"model": "small-1"} | settings))  # type: ignore[arg-type]
    send = sending_to(httpx.MockTransport(server))  # type: ignore[arg-type]
    return open_model(spec, folder=Path(), environment=ENVIRONMENT, send=send)


async def test_the_input_is_the_users_message() -> None:
    """Without settings: a POST to OpenAI with the model and one message, as JSON."""
    server = ChatServer()
    await opened(server)('say "hi"')

    (request,) = server.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.openai.com/v1/chat/completions")
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert server.body == {"model": "small-1", "messages": [{"role": "user", "content": 'say "hi"'}]}


async def test_the_reply_is_the_first_choices_content_with_its_tokens() -> None:
    """What the assistant said, and what it cost."""
    assert await opened(ChatServer())("hi") == Reply("HI", Usage(input_tokens=9, output_tokens=2))


async def test_system_params_key_and_headers_go_with_it() -> None:
    """A system message stands first, `params` go into the body as they are."""
    server = ChatServer()
    params = {"temperature": 0, "top_p": 0.5, "stop": ["\n"], "response_format": {"type": "text"}, "seed": 7}
    model = opened(
        server, system="Answer in one word.", params=params, api_key_env="KEY", headers={"X-Org": "o-${HOST}"}
    )
    await model("hi")

    assert server.body == params | {
        "model": "small-1",
        "messages": [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "hi"}],
    }
    assert server.requests[0].headers["authorization"] == "Bearer sk-12345678"
    assert server.requests[0].headers["x-org"] == "o-llm.test"


async def test_an_empty_system_message_is_sent() -> None:
    """`system: ""` is said, and is not the same as none."""
    server = ChatServer()
    await opened(server, system="")("hi")

    assert server.body == {
        "model": "small-1",
        "messages": [{"role": "system", "content": ""}, {"role": "user", "content": "hi"}],
    }


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1/chat/completions"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1/chat/completions"),
        ("https://${HOST}/api", "https://llm.test/api/chat/completions"),
    ],
)
async def test_base_url_names_another_service(base_url: str, url: str) -> None:
    """With or without a slash at its end, variables expanded."""
    server = ChatServer()
    await opened(server, base_url=base_url)("hi")

    assert str(server.requests[0].url) == url


@pytest.mark.parametrize("text", ["{{input}}", '"}], "model": "other', "\ud83d\ude00 \u2028 \x00", "", "{{{input}}}"])
async def test_nothing_in_an_input_alters_the_request(text: str) -> None:
    """It is the content of one message, whatever it holds."""
    server = ChatServer()
    text = text.encode("utf-16", "surrogatepass").decode("utf-16")
    await opened(server)(text)

    assert server.body == {"model": "small-1", "messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "null is there, not a string"), ([{"type": "text", "text": "hi"}], "a list of 1 is there")],
)
async def test_a_reply_without_text_is_a_model_error(content: object, told: str) -> None:
    """A refusal or a tool call has no content: told, and not asked again."""
    with pytest.raises(ModelError) as caught:
        await opened(lambda _request: httpx.Response(200, json=completion(content)))("hi")

    assert str(caught.value) == f"response_path choices[0].message.content: {told}"
    assert not caught.value.retry


async def test_an_error_shows_the_address_as_written() -> None:
    """The variable in the address is not expanded in what is told."""
    with pytest.raises(ModelError) as caught:
        await opened(lambda _request: httpx.Response(401, text="bad key"), base_url="http://${HOST}/v1")("hi")

    assert caught.value.message == "http://${HOST}/v1/chat/completions answered 401 Unauthorized: bad key"


async def test_a_harness_runs_with_it(tmp_path: Path) -> None:
    """From the harness file to the verdict: answers, tokens and cost."""

    class Chat(FakeModel):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            body = json.loads(await request.aread())
            assert body["model"] == "small-1"
            assert body["temperature"] == 0
            assert str(request.url) == "http://llm.test/v1/chat/completions"
            return httpx.Response(200, json=completion(body["messages"][-1]["content"]))

    model = {
        "type": "openai",
        "base_url": "http://llm.test/v1",
        "model": "small-1",
        "params": {"temperature": 0},
        "prices": {"input": 1, "output": 10},
    }
    async with serving(write_project(tmp_path, examples=examples(4), model=model), Chat()) as client:
        document = await client.run()

    assert document["verdict"] == "PASS"
    assert document["usage"] == {"input_tokens": 36, "output_tokens": 8}
    assert document["cost"] == pytest.approx(0.000116, rel=1e-12)
