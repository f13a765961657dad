"""The hash chain over the log, to the byte as `docs/log-format.md` specifies it."""

import hashlib
from functools import lru_cache
from struct import pack
from typing import NamedTuple

START = bytes(32)
"""The hash before the first event."""


class Head(NamedTuple):
    """An event's place in the log and the hash of the log up to it; (0, START) before the first."""

    position: int
    hash: bytes


def leaf(version: int, run_id: str, name: str, at: str, body: bytes) -> bytes:
    """Hash one event: SHA-256(00 | be64 version | lp run_id | lp type | lp at | SHA-256 body)."""
    content = b"\x00" + pack(">Q", version) + _lp(run_id) + _lp(name) + _lp(at) + hashlib.sha256(body).digest()
    return hashlib.sha256(content).digest()


def link(previous: bytes, position: int, leaf_hash: bytes) -> bytes:
    """Chain an event to all before it: SHA-256(01 | previous hash | be64 position | leaf)."""
    return hashlib.sha256(b"\x01" + previous + pack(">Q", position) + leaf_hash).digest()


@lru_cache(maxsize=64)  # events that follow one another are of one run, and many of one type and time
def _lp(text: str) -> bytes:
    content = text.encode()
    return pack(">I", len(content)) + content
