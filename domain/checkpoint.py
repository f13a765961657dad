"""Checkpoints: where the log stood at a time, in the text of C2SP's tlog-checkpoint, to be kept outside the log.

A signed one is a C2SP signed note. Read is exactly what would be written, byte for byte: no second spelling of a
number, of base64 or of a line's end. Our hash is the chain's (`docs/log-format.md`), not the root of a Merkle tree.
"""

import base64
import hashlib
import re
from typing import NamedTuple

from domain.errors import InvalidCheckpoint

LARGEST = 100_000
"""Bytes of a checkpoint file: a note may carry signatures of others, up to some 5 kB each."""

_ORIGIN = "matchspec/"
_ED25519 = b"\x01"
_TEXT = re.compile(
    r"matchspec/(?P<log_id>[0-9A-Za-z._-]{1,100})\n"
    r"(?P<position>[1-9][0-9]{0,17})\n"
    r"(?P<hash>[0-9A-Za-z+/]{43}=)\n"
    r"time (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)\n",
    re.ASCII,
)
_SIGNATURE = re.compile(r"— (?P<name>[^\s+\x00-\x20]+) (?P<content>[0-9A-Za-z+/]+={0,2})\n")


class Checkpoint(NamedTuple):
    """A log's id, a position in it, the chain's hash there (32 bytes), and when that event was recorded."""

    log_id: str
    position: int
    hash: bytes
    at: str

    @property
    def origin(self) -> str:
        """The log's name in notes, which is also that of its key."""
        return _ORIGIN + self.log_id


class Found(NamedTuple):
    """What a log has at a position: the chain's hash and when that event was recorded."""

    hash: bytes
    at: str


class Signature(NamedTuple):
    """One signature of a note: the key's name, its id (4 bytes), and what the key's algorithm gave."""

    name: str
    key_id: bytes
    content: bytes


class Note(NamedTuple):
    """A checkpoint with its signatures; those of keys that a reader does not know mean nothing to it."""

    checkpoint: Checkpoint
    signatures: tuple[Signature, ...] = ()


def text(checkpoint: Checkpoint) -> bytes:
    """Give the text of a checkpoint, which is what a signature covers."""
    encoded = base64.b64encode(checkpoint.hash).decode()
    return f"{checkpoint.origin}\n{checkpoint.position}\n{encoded}\ntime {checkpoint.at}\n".encode()


def encode(note: Note) -> bytes:
    """Give the bytes of a note."""
    lines = [
        f"— {one.name} {base64.b64encode(one.key_id + one.content).decode()}\n".encode() for one in note.signatures
    ]
    return text(note.checkpoint) + b"".join([b"\n", *lines] if lines else [])


def parse(content: bytes) -> Note:
    """Read a note. InvalidCheckpoint unless `encode` would give these very bytes."""
    if len(content) > LARGEST:
        raise InvalidCheckpoint(f"a checkpoint has at most {LARGEST:,} bytes")
    try:
        body, gap, signatures = content.decode().partition("\n\n")
    except UnicodeDecodeError as error:
        raise InvalidCheckpoint("a checkpoint is text in UTF-8") from error
    found = _TEXT.fullmatch(body + gap[:1])
    lines = signatures.splitlines(keepends=True)
    if found is None or bool(gap) != bool(lines):
        raise InvalidCheckpoint
    checkpoint = Checkpoint(found["log_id"], int(found["position"]), base64.b64decode(found["hash"]), found["at"])
    note = Note(checkpoint, tuple(map(_parse_signature, lines)))
    if encode(note) != content:
        raise InvalidCheckpoint
    return note


def key_id(name: str, public_key: bytes) -> bytes:
    """Name an Ed25519 key (32 bytes) as C2SP's signed-note does, by 4 bytes."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:4]


def contradiction(checkpoint: Checkpoint, log_id: str, found: Found | None) -> str | None:
    """Say how a log contradicts a checkpoint: `found` is its event at the checkpoint's position."""
    if checkpoint.log_id != log_id:
        return f"it is one of the log {checkpoint.log_id}, and this is the log {log_id}"
    if found is None:
        return f"the log ends before event {checkpoint.position}"
    if found.hash != checkpoint.hash:
        return f"event {checkpoint.position} has the hash {found.hash.hex()} in the log, {checkpoint.hash.hex()} in it"
    if found.at != checkpoint.at:
        return f"event {checkpoint.position} is of {found.at} in the log, of {checkpoint.at} in it"
    return None


def _parse_signature(line: str) -> Signature:
    found = _SIGNATURE.fullmatch(line)
    try:
        content = base64.b64decode(found["content"], validate=True) if found else b""
    except ValueError:
        content = b""
    if found is None or len(content) <= 4:
        raise InvalidCheckpoint
    return Signature(found["name"], content[:4], content[4:])
