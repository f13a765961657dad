"""Chat completions over HTTP, in OpenAI's shape: what the model servers of these scripts read and write.

Source: OpenAI's API reference, "Create chat completion". Only what an evaluation needs: text in, text out.
"""

import json
from typing import Any, NamedTuple

CHAT_PATH = "/v1/chat/completions"
MODELS_PATH = "/v1/models"


class BadRequestError(ValueError):
    """The request's body is not a chat completion request; the message says what is wrong and what is allowed."""


class ChatRequest(NamedTuple):
    """What a server needs of a request: the model's name and the text of the last user message."""

    model: str
    prompt: str


def parse_chat_request(body: bytes) -> ChatRequest:
    """Reads a request's JSON body; raises BadRequestError."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"the body is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise BadRequestError('the body must be an object: {"model": "...", "messages": [...]}')
    model = request.get("model")
    if not isinstance(model, str):
        raise BadRequestError("model: must be a string")
    if request.get("stream"):
        raise BadRequestError("stream: this server does not stream; leave it out or send false")
    return ChatRequest(model, _last_user_message(request.get("messages")))


def _last_user_message(messages: Any) -> str:
    if not isinstance(messages, list):
        raise BadRequestError('messages: must be a list of {"role": "...", "content": "..."}')
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return content
            raise BadRequestError("messages: the content of the last user message must be a string")
    raise BadRequestError('messages: none has the role "user"')


def completion(request: ChatRequest, output: str, *, number: int, created: int) -> bytes:
    """The JSON body of an answer; `number` makes its id, `created` is in Unix seconds, a token is a word here."""
    asked, answered = len(request.prompt.split()), len(output.split())
    message = {"role": "assistant", "content": output}
    return _encode(
        {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": created,
            "model": request.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered},
        }
    )


def model_list(name: str) -> bytes:
    """The JSON body of `GET /v1/models` for a server with one model."""
    return _encode({"object": "list", "data": [{"id": name, "object": "model", "owned_by": "matchspec"}]})


def error_body(message: str, kind: str = "invalid_request_error") -> bytes:
    """The JSON body of a refusal."""
    return _encode({"error": {"message": message, "type": kind, "param": None, "code": None}})


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")
