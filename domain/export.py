"""An exported run: JSON Lines that prove it without the log it comes from, as `docs/log-format.md` describes them."""

import msgspec

FORMAT = 1
"""The number of the file's format."""

LEAVES = 1_000
"""How many leaves stand on a line at most."""


class Header(msgspec.Struct):
    """The first line: whose events follow, and where the log stood before the first; `hash` is in hex."""

    export: int
    run_id: str
    log_id: str
    position: int
    hash: str


class EventLine(msgspec.Struct):
    """An event of the run; `body` is a text, so that its exact bytes come back. Its leaf follows from the rest."""

    position: int
    version: int
    type: str
    at: str
    body: str
    hash: str


class LeavesLine(msgspec.Struct):
    """The leaves of events of other runs in between, one behind the other in hex."""

    leaves: str


class ContentLine(msgspec.Struct):
    """Pinned contents, with their SHA-256 in hex."""

    digest: str
    content: str


class EndLine(msgspec.Struct):
    """The last line: where the log stood after the run's last event, and the SHA-256 of all lines before this one."""

    position: int
    hash: str
    sha256: str


Line = Header | EventLine | LeavesLine | ContentLine | EndLine

_encode = msgspec.json.Encoder().encode


def encode_export_line(line: Line) -> bytes:
    """Give a line's bytes, newline included."""
    return _encode(line) + b"\n"
