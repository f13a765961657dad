"""The poll of a run that goes on, answered before the framework: encoded once for each change of the run.

The same bytes as `runs.get_result` gives, at a third of the CPU; whatever is not a plain poll goes on to there.
"""

from typing import NamedTuple

import msgspec

from projections.results import Result
from service.api import documents
from service.api.asgi import App, Message, Receive, Scope, Send
from service.api.backend import Api
from service.api.media import JSON
from service.api.tags import tag_of_run, with_tag

PATH = "/results/"
MOST_KEPT = 1_000
"""Runs that are kept encoded, some 500 bytes each."""


class _Encoded(NamedTuple):
    """The two messages of an answer, and the version of the run that they tell."""

    version: int
    start: Message
    body: Message


class Polls:
    """Answers `GET /results/{run_id}` without a query or a condition, while the run is on."""

    def __init__(self, app: App, api: Api) -> None:
        self._app = app
        self._api = api
        self._encoded: dict[str, _Encoded] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a poll, or hand on."""
        encoded = self._find(scope)
        if encoded is None:
            await self._app(scope, receive, send)
            return
        await send(encoded.start)
        await send(encoded.body)

    def _find(self, scope: Scope) -> _Encoded | None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            return None
        path = scope["path"]
        if not path.startswith(PATH) or b"if-none-match" in dict(scope["headers"]):
            return None
        run_id = path[len(PATH) :]
        result = self._api.views.results.get(run_id)
        if result is None or result.finished:
            return None
        encoded = self._encoded.get(run_id)
        return encoded if encoded and encoded.version == result.version else self._encode(run_id, result)

    def _encode(self, run_id: str, result: Result) -> _Encoded | None:
        listed = self._api.views.listing.get(run_id)
        if listed is None:
            return None
        progress = self._api.views.progress.get(run_id)
        body = msgspec.json.encode(documents.running(listed, progress, result.warnings))
        sent = {"content-type": JSON, "content-length": str(len(body))} | with_tag(
            tag_of_run(self._api.views, listed, "all")
        )
        headers = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        if len(self._encoded) >= MOST_KEPT:
            self._encoded.clear()
        self._encoded[run_id] = encoded = _Encoded(
            result.version,
            {"type": "http.response.start", "status": 200, "headers": headers},
            {"type": "http.response.body", "body": body},
        )
        return encoded
