"""A log from elsewhere put into a new SQLite file."""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from importlib.resources import files
from pathlib import Path

from domain.errors import LogUnavailable, Refused
from service.log.sqlite.backup import put_file
from service.log.sqlite.connection import APPLICATION_ID
from service.log.storage import Row


def fill(path: Path, events: Iterable[Row], contents: Iterable[Row]) -> None:
    """Write a log as it is stored elsewhere, whole or not at all. Refused where something is there."""
    if path.exists():
        raise Refused(f"{path} is already there: a log is copied to where none is yet")
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(new, isolation_level=None)) as database:
            _write(database, events, contents)
        put_file(new, path, force=False)
    except (OSError, sqlite3.Error) as error:
        raise LogUnavailable(f"can't write the log {path}: {error}") from error
    finally:
        for ending in ("", "-journal"):
            with suppress(OSError):
                new.with_name(f"{new.name}{ending}").unlink()


def _write(database: sqlite3.Connection, events: Iterable[Row], contents: Iterable[Row]) -> None:
    database.execute("PRAGMA synchronous = OFF")  # the file is synced whole
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.executescript(files("service.log.sqlite").joinpath("schema.sql").read_text())
    database.execute("BEGIN")
    database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", events)
    database.executemany("INSERT INTO contents VALUES (?, ?)", contents)
    database.execute("COMMIT")
