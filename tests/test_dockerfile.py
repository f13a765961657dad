"""The Dockerfile, which no test can build, step by step."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """The instructions as (word, rest), continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def all_of(steps: list[tuple[str, str]], wanted: str) -> list[str]:
    """What stands behind every instruction of one kind."""
    return [rest for word, rest in steps if word == wanted]


def copied(steps: list[tuple[str, str]]) -> list[str]:
    """The sources of every COPY."""
    return [source for rest in all_of(steps, "COPY") for source in rest.split()[:-1]]


def test_every_copied_source_exists_and_reaches_the_builder(steps: list[tuple[str, str]]) -> None:
    """Each COPY names a file or folder of the repository that .dockerignore lets in; it lets in no other."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied(steps)) == let_in
    for source in copied(steps):
        assert (ROOT / source).is_dir() if source.endswith("/") else (ROOT / source).is_file(), source


def test_the_image_is_installed_by_the_script_that_the_wheel_test_runs(steps: list[tuple[str, str]]) -> None:
    """The program comes from scripts/setup, hence from the locked versions and hashes, and its commands are on PATH."""
    assert "./scripts/setup postgres &&" in all_of(steps, "RUN")[0]
    assert 'succeed(["./scripts/setup", "postgres"], folder)' in (ROOT / "tests/test_wheel.py").read_text()
    assert "--require-hashes" in (ROOT / "scripts/setup").read_text()
    folder = all_of(steps, "WORKDIR")[0]
    assert f"PATH={folder}/.venv/bin:$PATH" in all_of(steps, "ENV")


def test_the_lock_files_hold_hashes_and_no_address() -> None:
    """Every locked version has a hash, and no line names a registry."""
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert [file.stem for file in files] == ["build", "postgres", "run", "test", "uv"]
    for file in files:
        text = file.read_text()
        assert "://" not in text
        entries = re.split(r"\n(?=[a-z])", text.partition("\n#    scripts/lock\n")[2])
        assert entries
        assert all(re.match(r"[a-z0-9.-]+==\S+ .*\\\n    --hash=sha256:", entry) for entry in entries), file


def test_the_server_runs_as_another_user_than_root(steps: list[tuple[str, str]]) -> None:
    """The last USER before CMD is a user that the image makes."""
    user = all_of(steps, "USER")[-1]
    assert user not in {"root", "0"}
    assert any(f"useradd --system --no-create-home {user}" in command for command in all_of(steps, "RUN"))
    assert [word for word, _ in steps].index("USER") < [word for word, _ in steps].index("CMD")


def test_the_log_lies_on_a_volume_that_the_user_may_write(steps: list[tuple[str, str]]) -> None:
    """MATCHSPEC_DB is in the volume's folder, which is given to the server's user before it becomes a volume."""
    (volume,) = all_of(steps, "VOLUME")
    (user,) = all_of(steps, "USER")
    assert f"MATCHSPEC_DB={volume}/matchspec.db" in all_of(steps, "ENV")
    words = [word for word, _ in steps]
    made = next(i for i, (_, rest) in enumerate(steps) if f"install -d -o {user} -g {user} {volume}" in rest)
    assert made < words.index("VOLUME")
    assert made < words.index("USER")


def test_the_image_serves_the_files_of_app_on_port_8090(steps: list[tuple[str, str]]) -> None:
    """matchspec.yml and evals lie in /app, where the server starts and listens on every interface."""
    assert {"matchspec.yml /app/matchspec.yml", "evals/ /app/evals/"} <= set(all_of(steps, "COPY"))
    assert all_of(steps, "WORKDIR")[-1] == "/app"
    assert all_of(steps, "EXPOSE") == ["8090"]
    assert 'MATCHSPEC_API_KEY=""' in all_of(steps, "ENV")
    (command,) = all_of(steps, "CMD")
    assert json.loads(command) == ["matchspec", "serve", "--host", "0.0.0.0", "--port", "8090"]


@contextmanager
def health_server(status: int) -> Iterator[int]:
    """The port of a server that answers /health with a status, and everything else with 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check_health(steps: list[tuple[str, str]], port: int) -> int:
    """The exit code of the image's health check, aimed at another port."""
    (health,) = all_of(steps, "HEALTHCHECK")
    program, *arguments = json.loads(health.partition("CMD ")[2])
    assert program == "python"
    assert "8090" in arguments[-1]
    aimed = [*arguments[:-1], arguments[-1].replace("8090", str(port))]
    return subprocess.run([sys.executable, *aimed], stderr=subprocess.DEVNULL, timeout=20, check=False).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (404, 1), (503, 1)])
def test_the_health_check_believes_only_a_200(steps: list[tuple[str, str]], status: int, code: int) -> None:
    """The health check's own line exits 0 when /health answers 200, and 1 for another status."""
    with health_server(status) as port:
        assert check_health(steps, port) == code


def test_the_health_check_fails_without_a_server(steps: list[tuple[str, str]]) -> None:
    """With nothing listening the health check exits 1, which is how Docker reads unhealthy."""
    with health_server(200) as port:
        pass
    assert check_health(steps, port) == 1
