"""`matchspec` called within the test's own process, which is many times faster than starting one."""

import os
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from click.testing import CliRunner

from service.cli.main import main


class Called(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def written(self) -> list[str]:
        """The files that it says it wrote."""
        start = "results written to: "
        return [line.removeprefix(start) for line in self.stdout.splitlines() if line.startswith(start)]


def call(folder: Path, *arguments: str | Path, **variables: str) -> Called:
    """Call a command in a folder, with an empty home; whatever it raises is the test's failure."""
    ours: Mapping[str, str | None] = {name: None for name in os.environ if name.startswith("MATCHSPEC_")}
    with chdir(folder):
        result = CliRunner().invoke(
            main,
            list(map(str, arguments)),
            env={**ours, "HOME": str(folder / "no-home"), "COLUMNS": "100", **variables},
            catch_exceptions=False,
        )
    return Called(result.exit_code, result.stdout, result.stderr)


def document_of(folder: Path, called: Called) -> dict[str, Any]:
    """The JSON document that a command wrote."""
    (path,) = (path for path in called.written if path.endswith(".json"))
    document: dict[str, Any] = msgspec.json.decode((folder / path).read_bytes())
    return document


def result_files(folder: Path) -> list[str]:
    """The names of the project's result files."""
    return sorted(path.name for path in (folder / ".matchspec" / "results").glob("*"))


def run_logs(folder: Path) -> list[Path]:
    """The logs of the project's runs, in the order of their names."""
    return sorted((folder / ".matchspec" / "runs").glob("run-*.db"))
