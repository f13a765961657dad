"""Stored bodies of a run, joined by SQLite into one row: at each row the reading thread waits for the interpreter."""

import sqlite3
from collections.abc import Sequence
from itertools import accumulate

import msgspec

read_numbers = msgspec.json.Decoder(list[int]).decode
"""Reads numbers that SQLite joined as JSON."""


def read_bodies(connection: sqlite3.Connection, run_id: str, versions: Sequence[int], up_to: int) -> dict[int, bytes]:
    """Read the bodies of some events of a run by their versions, of those that have at most `up_to` bytes."""
    query = f"""
        SELECT '[' || group_concat(version) || ']', '[' || group_concat(length(body)) || ']',
            CAST(group_concat(body, '') AS BLOB)
        FROM events WHERE run_id = ? AND version IN ({",".join("?" * len(versions))}) AND length(body) <= ?
    """
    found, lengths, bodies = connection.execute(query, (run_id, *versions, up_to)).fetchone()
    if found is None:
        return {}
    ends = list(accumulate(read_numbers(lengths)))
    places = zip([0, *ends[:-1]], ends, strict=True)
    return {version: bodies[slice(*place)] for version, place in zip(read_numbers(found), places, strict=True)}
