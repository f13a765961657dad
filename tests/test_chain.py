"""The hash chain, against an implementation of its specification that imports nothing of ours."""

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import chain

RUN = "run-20260315-143022-a3f7"
AT = "2026-03-15T14:30:22.123456Z"
VECTOR = [
    (
        "5d049260e2756275c6af8033abef2667292921b4ff83315e1d9a80a35be72d18",
        "27678b1547b16fa2526fd0e8b4042d4a8aba38190dda947bf06c8b6ff40bcfaf",
    ),
    (
        "8498120ccf1db58c7c2016b02131651facad61e79e904d4b854bdd3a63a1810a",
        "485158289057d28df67a808af218f9a96a5f2fe91e8b9772defbc2b79fc2799f",
    ),
    (
        "4bed23a76970996e165de46313726bcf42eb37494e3d0a037c3c81ecb9fa2fd4",
        "7fe3a4eccda8b9beb2d73f3d52de9877c9e9b79ca168b1d84a7335a1eedd09fd",
    ),
]
"""Leaf and hash of three events, put together with printf and xxd and hashed by sha256sum."""


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, one after another."""
    return hashlib.sha256(b"".join(parts)).digest()


def lp(text: str) -> bytes:
    """The text's length in bytes as a big-endian 32-bit number, then its bytes in UTF-8."""
    return struct.pack(">I", len(text.encode("utf-8"))) + text.encode("utf-8")


def be64(number: int) -> bytes:
    """A big-endian 64-bit number."""
    return struct.pack(">Q", number)


def expected_leaf(version: int, run_id: str, name: str, at: str, body: bytes) -> bytes:
    """Hash one event as the format says."""
    return sha256(b"\x00", be64(version), lp(run_id), lp(name), lp(at), sha256(body))


def expected_hash(previous: bytes, position: int, leaf: bytes) -> bytes:
    """Chain it to all before as the format says."""
    return sha256(b"\x01", previous, be64(position), leaf)


def test_a_log_of_three_events_has_these_hashes() -> None:
    """A fixed vector, made without Python: the format can't drift unseen."""
    events = [
        ("log", 1, "log_created", b'{"format":1,"log_id":"00"}'),
        (RUN, 1, "started", '{"suite":"größe"}'.encode()),
        (RUN, 2, "finished", b""),
    ]
    head = bytes(32)
    hashes = []
    for position, (run_id, version, name, body) in enumerate(events, 1):
        leaf = chain.leaf(version, run_id, name, AT, body)
        head = chain.link(head, position, leaf)
        hashes.append((leaf.hex(), head.hex()))
    assert hashes == VECTOR


def test_the_hash_before_the_first_event_is_zero() -> None:
    """32 zero bytes."""
    assert chain.START == b"\x00" * 32


@given(
    version=st.integers(1, 2**63 - 1), run_id=st.text(), name=st.text(), at=st.text(), body=st.binary(), data=st.data()
)
def test_any_event_is_hashed_as_the_format_says(
    version: int, run_id: str, name: str, at: str, body: bytes, data: st.DataObject
) -> None:
    """Leaf and hash equal those of twenty lines of the standard library."""
    leaf = chain.leaf(version, run_id, name, at, body)
    assert leaf == expected_leaf(version, run_id, name, at, body)
    previous = data.draw(st.binary(min_size=32, max_size=32))
    position = data.draw(st.integers(1, 2**63 - 1))
    assert chain.link(previous, position, leaf) == expected_hash(previous, position, leaf)


CHANGED = {
    "version": (2, RUN, "started", AT, b"{}"),
    "run": (1, RUN + "0", "started", AT, b"{}"),
    "type": (1, RUN, "finished", AT, b"{}"),
    "time": (1, RUN, "started", "2026-03-15T14:30:22.123457Z", b"{}"),
    "body": (1, RUN, "started", AT, b"{ }"),
    "border of two fields": (1, RUN + "s", "tarted", AT, b"{}"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_change_anywhere_in_an_event_changes_its_hash(what: str) -> None:
    """Texts carry their lengths, so that none can be moved over a border."""
    assert chain.leaf(*CHANGED[what]) != chain.leaf(1, RUN, "started", AT, b"{}")


def test_a_hash_depends_on_its_place_and_on_all_before() -> None:
    """The same event elsewhere, or behind another past, has another hash; a leaf is no link."""
    leaf = chain.leaf(1, RUN, "started", AT, b"{}")
    first = chain.link(chain.START, 1, leaf)
    assert len({first, chain.link(chain.START, 2, leaf), chain.link(first, 1, leaf), leaf}) == 4
