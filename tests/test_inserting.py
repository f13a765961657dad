"""How the events of a group get into a file's log."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from typing import Any

import pytest
from facts import RUN, entry, scored
from hypothesis import given
from hypothesis import strategies as st

from domain import chain
from domain.chain import Head
from service.log.event_log import chained
from service.log.row import Row
from service.log.sqlite.inserting import MOST_BYTES, insert_events

SCHEMA = files("service.log.sqlite").joinpath("schema.sql").read_text()


class Database(sqlite3.Connection):
    """An empty log in memory, which counts the statements that it is given."""

    statements = 0

    def execute(self, *given: Any) -> sqlite3.Cursor:
        """Count, and do it."""
        self.statements += 1
        return super().execute(*given)


def opened() -> Database:
    """Make an empty log in memory."""
    database = sqlite3.connect(":memory:", isolation_level=None, factory=Database)
    database.executescript(SCHEMA)
    return database


@pytest.fixture
def database() -> Iterator[Database]:
    """An empty log in memory."""
    with closing(opened()) as made:
        yield made


def rows_of(count: int, output: str = "y") -> list[Row]:
    """So many events, chained from the start."""
    events = [entry(RUN, version, scored(version, output=output)) for version in range(1, count + 1)]
    return chained(Head(0, chain.START), events)[0]


@given(st.integers(0, 200))
def test_all_rows_get_in_as_they_are(count: int) -> None:
    """However many there are, every row is there once, column for column, in the order of the group."""
    rows = rows_of(count)
    with closing(opened()) as database:
        insert_events(database, rows)

        assert database.execute("SELECT * FROM events ORDER BY rowid").fetchall() == rows


@pytest.mark.parametrize(("count", "statements"), [(1, 1), (20, 2), (64, 1), (65, 2), (127, 7), (256, 4)])
def test_a_group_takes_few_statements(database: Database, count: int, statements: int) -> None:
    """64 rows have one statement; 20 are 16 and 4."""
    insert_events(database, rows_of(count))

    assert database.statements == statements


def test_large_bodies_are_not_copied(database: Database) -> None:
    """Where a group has over a megabyte of bodies, each row has its statement, which SQLite runs without a copy."""
    insert_events(database, rows_of(4, output="x" * (MOST_BYTES // 4)))

    assert database.statements == 4


def test_of_a_row_that_can_not_be_none_of_its_statement_gets_in(database: Database) -> None:
    """A position that is taken already is refused, and the rows beside it are not there either."""
    rows = rows_of(8)
    insert_events(database, [rows[5]])

    with pytest.raises(sqlite3.Error):
        insert_events(database, rows)
    assert database.execute("SELECT position FROM events").fetchall() == [(6,)]
