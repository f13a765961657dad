"""A project with a log, made once for all tests that tamper with a copy of it."""

import shutil
from pathlib import Path

import pytest
from made_logs import make_log


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a log of some runs that are over, closed. Nobody writes in it."""
    folder = tmp_path_factory.mktemp("made")
    make_log(folder, 3)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of a made project, to be tampered with."""
    return Path(shutil.copytree(made, tmp_path / "project"))
