"""The media types of answers, and how a document is sent."""

import msgspec
from litestar import Response
from litestar.enums import HttpMethod

READING = [HttpMethod.GET, HttpMethod.HEAD]
JSON = "application/json"
JSON_LINES = "application/jsonl"
METRICS = "text/plain"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"
ANY = "*/*"
_encoder = msgspec.json.Encoder()


def send_json(document: msgspec.Struct, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Answer with a document."""
    return Response(_encoder.encode(document), status_code=status, media_type=JSON, headers=headers)
