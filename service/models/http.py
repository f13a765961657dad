"""The `http` model: one request per example."""

from collections.abc import Mapping
from datetime import UTC, datetime

from domain.errors import ModelError
from domain.model_spec import HttpModel
from domain.template import compile_template
from service.models.ask import Ask, Reply
from service.models.exchange import exchange, expanded, make_headers, make_url, status_line
from service.models.message import REFUSAL_BYTES, Answer, Send, Target
from service.models.reply import MAX_BYTES, decoded, on_one_line, text_of
from service.models.response_path import compile_path
from service.models.retry_after import retry_after_seconds

OVERLOADED = frozenset({429, 503})


def open_http(spec: HttpModel, *, environment: Mapping[str, str], send: Send) -> Ask:
    """Prepare the model: its address, headers, template and path are worked out here, once."""
    url = make_url(spec.endpoint, environment)
    headers = make_headers(spec.headers, spec.api_key_env, environment)
    target = Target(spec.method, url, headers, expanded(spec.proxy, environment) if spec.proxy else None)
    fill = compile_template(spec.request_template).fill
    pick = compile_path(spec.response_path) if spec.response_path else _whole

    async def ask(text: str) -> Reply:
        answer = await exchange(send, target, fill(text), spec.endpoint, MAX_BYTES)
        if not answer.is_success:
            raise _refusal(spec.endpoint, answer)
        return pick(decoded(answer), answer)

    return ask


def _whole(body: bytes, answer: Answer) -> Reply:
    return Reply(text_of(body, answer))


def _refusal(endpoint: str, answer: Answer) -> ModelError:
    try:
        said = text_of(decoded(answer._replace(body=answer.body[:REFUSAL_BYTES]), whole=False), answer)
    except ModelError:
        said = ""
    return ModelError(
        f"{endpoint} answered {status_line(answer)}",
        said=said,
        shorten=on_one_line,
        retry=True,
        overloaded=answer.status in OVERLOADED,
        retry_after=retry_after_seconds(answer.header(b"retry-after"), datetime.now(UTC)),
    )
