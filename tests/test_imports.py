"""Imports point one way: service, projections, domain."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    ],
)
def test_an_import_that_points_the_wrong_way_is_found(copied: Path, module: str, line: str) -> None:
    """The check refuses a planted import and names the module that holds it."""
    (copied / module).write_text(f"{line}\n")
    checked = lint_imports(copied)
    assert checked.returncode == 1
    assert f"{module.removesuffix('.py').replace('/', '.')} -> " in checked.stdout
