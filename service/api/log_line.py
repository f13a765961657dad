"""An event as the API shows it: on one line, with its own bytes."""

import msgspec

from service.log.row import StoredEvent

_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")
"""JSON has them between its tokens only, where a space means the same."""

_encode = msgspec.json.Encoder().encode


class LogLine(msgspec.Struct):
    """An event as it is stored, on a line: `body` with its own bytes, the hashes in hex."""

    position: int
    run_id: str
    version: int
    type: str
    at: str
    body: msgspec.Raw
    leaf: str
    hash: str


def log_line(stored: StoredEvent) -> bytes:
    """Write an event as one line, without a newline."""
    body = msgspec.Raw(stored.body.translate(_LINE_BREAKS))
    return _encode(LogLine(*stored[:5], body, stored.leaf.hex(), stored.hash.hex()))
