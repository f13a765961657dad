"""The page about graders of one's own: what it shows works as it stands."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from doc_pages import ROOT, block, write_files

from domain.graded import Asked, Graded
from domain.grader_spec import PythonGrader
from domain.python_config import LEAST_MB, MAX_SECONDS, MEMORY_MB, MOST_MB, TIMEOUT_SECONDS, find_python_faults
from domain.secrets import Secrets
from service.files.registered import GROUP
from service.graders.process import SAID_BYTES, START_SECONDS
from service.graders.user_grader import (
    ASYNC_CALLS,
    LOST_GRADINGS,
    LOST_STARTS,
    TEARDOWN_SECONDS,
    UserGrader,
    open_python_grader,
)

PAGE = ROOT / "docs/graders.md"
NO_SECRETS = Secrets({})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the page's harness file, with all its files."""
    write_files(PAGE, tmp_path)
    return tmp_path / "evals/colours"


def grade(grader: UserGrader, *asked: Asked) -> list[Graded]:
    """Grade all, then close."""

    async def use() -> list[Graded]:
        try:
            return [await grader.grade(one) for one in asked]
        finally:
            await grader.close()

    return asyncio.run(use())


def test_the_grader_of_the_page_works_in_its_harness(folder: Path) -> None:
    """Of the three words that count, two are there: two thirds."""
    (written,) = yaml.safe_load((folder / "harness.yml").read_text())["graders"]
    assert written.pop("type") == "python"
    spec = PythonGrader(**written)

    assert list(find_python_faults(spec)) == []
    (graded,) = grade(
        open_python_grader(spec, folder, {}, NO_SECRETS), Asked("", "red white and blue", "blue and red", {})
    )
    assert graded.score == pytest.approx(2 / 3)
    assert graded.detail == {"missing": ["white"]}


def test_the_test_of_the_page_passes(folder: Path) -> None:
    """As a user runs it, in the folder of the grader."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_graders.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout


def test_the_async_grader_of_the_page_works(folder: Path) -> None:
    """Its index, filled by setup, has shade 3 for colour 3."""
    spec = PythonGrader(config={"callable": "nearest.py:Nearest", "size": 5})
    right, wrong = (Asked("colour 3", "", output, {}) for output in ("shade 3", "shade 4"))

    assert [graded.score for graded in grade(open_python_grader(spec, folder, {}, NO_SECRETS), right, wrong)] == [
        1.0,
        0.0,
    ]


@pytest.mark.parametrize(
    "said",
    [
        f"| `timeout_seconds` | {TIMEOUT_SECONDS:g} | of one grading, above 0 and at most {MAX_SECONDS:,}.",
        f"| `memory_mb` | {MEMORY_MB} | the address space of the process (`RLIMIT_AS`), {LEAST_MB} to {MOST_MB:,}.",
        f"may take {START_SECONDS:g} seconds, or `timeout_seconds` where that is longer;",
        f"teardown {TEARDOWN_SECONDS:g} seconds.",
        f"its last {SAID_BYTES:,} bytes",
        f"several gradings under way at once, up to {ASYNC_CALLS};",
        {3: "three"}[LOST_STARTS] + f" starts in a row, or {LOST_GRADINGS} gradings in a row",
    ],
)
def test_the_numbers_of_the_page_are_the_programs(said: str) -> None:
    """Limits and defaults are told as they are."""
    assert said in PAGE.read_text()


def test_the_package_of_the_page_registers_in_our_group() -> None:
    """The entry-point group is spelled as it is looked for."""
    assert f'[project.entry-points."{GROUP}"]' in block(PAGE, "pyproject.toml")
