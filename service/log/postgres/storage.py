"""What a database on PostgreSQL holds of a log: its rows, and how its tables, indexes and triggers are defined."""

from collections.abc import Iterator
from importlib.resources import files

import psycopg

from domain.errors import LogUnavailable
from service.log.address import PostgresUrl
from service.log.postgres.connection import open_stored, to_postgres, unavailable
from service.log.postgres.shape import SHAPE
from service.log.storage import Damaged, Row, Storage, find_differences

_OF_DATA = psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.InternalError, psycopg.DataError
"""Faults that say something about what is stored."""


class PostgresStorage(Storage):
    """A log in a database."""

    def __init__(self, address: PostgresUrl) -> None:
        self._address = address
        self._connection = open_stored(address)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, query: str, *parameters: object) -> Iterator[Row]:
        """Read the rows of a query one by one, however large."""
        try:
            with self._connection.cursor(binary=True) as cursor:
                yield from cursor.stream(to_postgres(query).encode(), parameters)
        except psycopg.Error as error:
            raise self._translate(error) from error

    def is_empty(self) -> bool:
        """Whether the database has no schema of ours."""
        ((there,),) = self.rows("SELECT to_regnamespace('matchspec') IS NOT NULL")
        return not there

    def find_foreign(self) -> Iterator[str]:
        """The schema says that it is ours, and has the format's tables, indexes and triggers: no more, no less."""
        rows = self.rows(files("service.log.postgres").joinpath("shape.sql").read_text())
        return find_differences({(str(kind), str(name)): definition for kind, name, definition in rows}, SHAPE)

    def contents(self) -> Iterator[Row]:
        """Read digest and bytes of all pinned contents."""
        return self.pages("SELECT digest, bytes FROM contents WHERE digest", "digest", b"")

    def find_damage(self) -> Iterator[str]:
        """Nothing: PostgreSQL checks its pages as it reads them, where checksums are on."""
        return iter(())

    def _translate(self, error: psycopg.Error) -> LogUnavailable:
        unread = unavailable(f"can't read the log {self._address}", error)
        return (
            Damaged(str(unread), f"PostgreSQL: {str(error).splitlines()[0]}") if isinstance(error, _OF_DATA) else unread
        )
