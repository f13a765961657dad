"""The pages of the documentation, taken apart: fenced blocks with their names, tables, headings, links."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
API, FILES, VERDICT, LOG_FORMAT, OPERATIONS = (
    ROOT / "docs" / f"{name}.md" for name in ("api", "files", "verdict", "log-format", "operations")
)
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARKED = re.compile(r"^<!-- ([\w .]+) -->\n((?:\|.*\n)+)", re.MULTILINE)
_CODE = re.compile(r"^`([^`]*)`$")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block: its language, its name (a file's, or what a test does with it), its text."""

    language: str
    name: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text())]


def block(page: Path, name: str) -> str:
    """The text of the one block with this name."""
    (text,) = [one.text for one in blocks(page) if one.name == name]
    return text


def write_files(page: Path, folder: Path, under: str = "") -> Path:
    """Write the files that a page names after their language; `under` leaves that folder's name off.

    Gives the config's path.
    """
    for _, name, text in blocks(page):
        if "." in name and name.startswith(under):
            path = folder / name.removeprefix(under)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return folder / "matchspec.yml"


def commands(page: Path) -> Iterator[tuple[str, str]]:
    """Each shell block that a JSON block follows, with that JSON."""
    found = blocks(page)
    for command, answer in pairwise(found):
        if (command.language, command.name, answer.language, answer.name) == ("sh", "", "json", ""):
            yield command.text, answer.text


def marked_tables(page: Path) -> dict[str, list[list[str]]]:
    """The rows of each table that stands behind a comment (`<!-- fields: X -->`), by that comment."""
    text = page.read_text().replace("<!-- fields: ", "<!-- ")
    return {mark: rows(table) for mark, table in _MARKED.findall(text)}


def rows(table: str) -> list[list[str]]:
    """The cells of a table below its head; one that is all code is given without the quotes."""
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[_CODE.sub(r"\1", cell.strip()) for cell in line.strip("|").split(" |")] for line in lines]


def table_under(page: Path, head: str) -> list[list[str]]:
    """The rows of the table with this head."""
    below = page.read_text().partition(f"\n{head}\n")[2].partition("\n\n")[0]
    return rows(f"{head}\n{below}")


def links(page: Path) -> list[str]:
    """Where the links of a page lead, those to other sites left out."""
    text = _BLOCK.sub("", page.read_text())
    return [link for link in _LINK.findall(text) if not link.startswith("https://")]


def anchors(page: Path) -> set[str]:
    """What `#...` may follow a page's name: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
