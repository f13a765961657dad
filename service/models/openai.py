"""`type: openai` is shorthand for `type: http` with a chat completion."""

import msgspec

from domain.model_spec import HttpModel, OpenAIModel
from domain.template import INPUT


def as_http(spec: OpenAIModel) -> HttpModel:
    """Write the model out: `POST {base_url}/chat/completions`, the input as the user's message."""
    messages = [{"role": "system", "content": spec.system}] if spec.system is not None else []
    messages.append({"role": "user", "content": INPUT})
    request = {**spec.params, "model": spec.model, "messages": messages}
    return HttpModel(
        endpoint=f"{spec.base_url.rstrip('/')}/chat/completions",
        headers=spec.headers,
        api_key_env=spec.api_key_env,
        request_template=msgspec.json.encode(request).decode(),
        response_path="choices[0].message.content",
        proxy=spec.proxy,
    )
