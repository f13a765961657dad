"""httpx on both ends of model calls: servers in a test that speak its requests and responses, and our transport asked
with them.
"""

import httpx

from service.models.message import REFUSAL_BYTES, Answer, Send, Target


def sending_to(server: httpx.AsyncBaseTransport) -> Send:
    """Have calls answered by a server in the test, such as httpx.MockTransport."""

    async def send(target: Target, body: bytes, limit: int) -> Answer:
        request = httpx.Request(target.method, target.url, headers=target.headers, stream=httpx.ByteStream(body))
        response = await server.handle_async_request(request)
        content = b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]
        taken = limit if response.is_success else min(limit, REFUSAL_BYTES)
        return Answer(response.status_code, response.headers.raw, content[: taken + 1])

    return send


def target_of(url: str, method: str = "POST", proxy: str | None = None, **headers: str) -> Target:
    """What a request goes to."""
    return Target(method, httpx.URL(url), httpx.Headers(headers), proxy)
