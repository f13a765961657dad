"""Imports point one way: service, projections, domain; and nothing is imported that is not used."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from calling import call
from project import write_project

from service.log import opening

ROOT = Path(__file__).parent.parent
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """The import check of pyproject.toml, run over a folder."""
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the three packages and their import contracts, to plant mistakes in."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("domain", "projections", "service"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_every_import_contract_is_kept() -> None:
    """No module imports upward, and neither domain nor projections touches the world."""
    checked = lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout
    assert "0 broken" in checked.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("domain/planted.py", "import projections"),
        ("projections/planted.py", "import service"),
        ("domain/planted.py", "import asyncio"),
        ("projections/planted.py", "from time import time"),
        ("domain/planted.py", "import sqlite3"),
        ("service/log/planted.py", "import psycopg"),
        ("service/sharing/planted.py", "import service.execution"),
        ("service/execution/planted.py", "from procrastinate import App"),
    ],
)
def test_an_import_that_points_the_wrong_way_is_found(copied: Path, module: str, line: str) -> None:
    """The check refuses a planted import and names the module that holds it."""
    (copied / module).write_text(f"{line}\n")
    checked = lint_imports(copied)
    assert checked.returncode == 1
    assert f"{module.removesuffix('.py').replace('/', '.')} -> " in checked.stdout


def test_a_log_in_a_file_needs_nothing_of_postgresql(tmp_path: Path) -> None:
    """Whoever keeps the log in a file runs, checks and exports without PostgreSQL's client being imported."""
    write_project(tmp_path)
    program = """
import sys
sys.modules["psycopg"] = None  # to import it fails
from service.cli.main import main
for words in (["run"], ["report"], ["verify"], ["replay"]):
    try:
        main(words)
    except SystemExit as ended:
        assert not ended.code, (words, ended.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_run_imports_nothing_that_serves_or_draws(tmp_path: Path) -> None:
    """Without a terminal, neither the framework nor what draws: they are more than half of what could be imported."""
    write_project(tmp_path)
    program = """
import sys
from service.cli.main import main
try:
    main(["run"])
except SystemExit as ended:
    assert not ended.code, ended.code
found = {"httpx", "litestar", "uvicorn", "rich.console", "pygments", "numpy"} & set(sys.modules)
assert found == {"httpx"}, found
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_client_of_postgresql_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL where the extra is not installed: exit code 2, and what to install."""
    write_project(tmp_path)
    monkeypatch.setattr(opening, "find_spec", lambda _name: None)
    for command in ("serve", "verify", "replay"):
        called = call(tmp_path, command, "--db", "postgresql://me@127.0.0.1:1/none")
        assert (called.code, "pip install 'matchspec[postgres]'" in called.stderr) == (2, True), called
