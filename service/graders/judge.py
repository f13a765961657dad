"""`llm_judge`: another model grades the answer."""

from collections.abc import Callable, Mapping

import msgspec

from domain.errors import GraderError
from domain.graded import Asked, Graded
from domain.grader_spec import LlmJudgeGrader
from domain.judge import make_prompt, read_score
from domain.secrets import Secrets
from service.graders.service_call import ServiceAddress, ServiceCall
from service.measures import Calls
from service.models.message import REFUSAL_BYTES, Send
from service.models.reply import on_one_line

MAX_BYTES = 1_000_000
KEPT_CHARACTERS = 4_000  # of a reply, for the reader


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: object = None


class _Chat(msgspec.Struct):
    """A chat completion, as far as it is needed."""

    choices: list[_Choice]


_decode = msgspec.json.Decoder(_Chat).decode


class Judge:
    """Asks a chat completion endpoint for each grade."""

    def __init__(self, spec: LlmJudgeGrader, call: ServiceCall, draw: Callable[[int], int], secrets: Secrets) -> None:
        self._config = spec.config
        self._call = call
        self._draw = draw
        self._secrets = secrets

    async def grade(self, asked: Asked) -> Graded:
        """Give the judge's number, scaled to 0-1, and its reply; GraderError where it gives none."""
        mark = f"{self._draw(2**64):016x}"
        prompt = make_prompt(self._config.prompt_template, asked, self._config.score_parser, mark)
        request = {
            "model": self._config.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
        }
        content = await self._call.post(msgspec.json.encode(request), self._content, self._call.deadline())
        reply, replaced = self._secrets.replace(content)
        try:
            score = read_score(reply, self._config.score_parser)
        except GraderError as error:
            shown = on_one_line(reply)
            raise GraderError(f"{error}; it was {shown!r}" if shown else f"{error}; it was empty") from None
        return Graded(score, {"reply": reply[:KEPT_CHARACTERS]} | ({"secrets": list(replaced)} if replaced else {}))

    async def close(self) -> None:
        """Nothing to close: the transport is the caller's."""

    def _content(self, body: bytes) -> str:
        try:
            choices = _decode(body.removeprefix(b"\xef\xbb\xbf")).choices
        except RecursionError:
            raise GraderError("the judge's reply is JSON nested too deep") from None
        except ValueError as error:
            start = on_one_line(self._call.hidden(body[:REFUSAL_BYTES].decode(errors="replace")))
            raise GraderError(
                f"the judge's reply is not a chat completion ({error}): {start}".removesuffix(": ")
            ) from None
        if not choices:
            raise GraderError("the judge's reply has no choices")
        if choices[0].finish_reason == "length":
            raise GraderError("the judge's reply was cut off at its longest length (finish_reason: length)")
        return choices[0].message.content


def open_judge(
    spec: LlmJudgeGrader,
    environment: Mapping[str, str],
    send: Send,
    draw: Callable[[int], int],
    secrets: Secrets,
    calls: Calls | None = None,
) -> Judge:
    """Prepare a judge. `draw` gives a random number below its argument; its calls are noted in `calls`.

    Raises GraderError where a variable is not set, or makes an address or a header that can't be sent.
    """
    config = spec.config
    address = ServiceAddress(config.endpoint, config.api_key_env, config.timeout_seconds, MAX_BYTES)
    return Judge(spec, ServiceCall(address, environment, send, secrets, calls or Calls()), draw, secrets)
