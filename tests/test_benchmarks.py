"""`./scripts/bench` makes its table, with next to nothing to do. Nothing here is held to a time."""

import json
import os
import re
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from benchmarks.__main__ import PARTS
from benchmarks.figures import Figure, Goal, percentile, short
from benchmarks.rounds import alternate
from benchmarks.table import header, row
from doc_pages import ROOT, marked_tables

SCRIPTS = ROOT / "scripts"
LONG = bool(os.environ.get("MATCHSPEC_TEST_LONG"))
ALL = ["run", "client", "log", "replay", "start", "poll", "document", "listing", "memory", "large", "postgres", "the"]


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The benchmark, ended."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_parts_give_figures_beside_their_floors(tmp_path: Path) -> None:
    """Parts end, each has lines in the table, and what each round measured is in the file. Two parts; all when long."""
    parts = [] if LONG else ["log", "document"]
    ended = bench(*parts, "--tiny", "--rounds", "1", "--json", tmp_path / "figures.json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    lines = [line for line in ended.stdout.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(figures)
    told = {re.split(r"[ ,:]", figure["what"])[0] for figure in figures}
    assert told == set(ALL if LONG else ["log", "document", "the"])
    assert all(figure["ours"] and min(figure["ours"]) >= 0 for figure in figures)


def test_unknown_parts_are_refused() -> None:
    """A part that is not there is told with those that are."""
    ended = bench("runs")
    assert ended.returncode == 2
    assert "no part runs; there are run, client" in ended.stderr


def test_the_page_tells_every_part() -> None:
    """The table of docs/benchmarks.md has the parts of the program, in their order."""
    rows = marked_tables(ROOT / "docs" / "benchmarks.md")["parts"]
    assert [name for name, *_ in rows] == list(PARTS)


def test_a_line_has_the_ratio_first_and_tells_whether_the_goal_is_reached() -> None:
    """Medians 200 and 50 make a ratio of 4, which is above 1.2; the figure is at least 100."""
    figure = Figure("a thing", "µs", (100.0, 200.0, 400.0), (50.0, 40.0, 60.0), Goal(1.2, of="ratio"))
    cells = [cell.strip() for cell in row(figure).strip("|").split("|")]
    assert cells == ["4", "200 (100-400)", "50", "µs", "≤ 1.20 x floor", "**no**", "a thing"]
    assert figure._replace(goal=Goal(100, bound="at least")).reached is True
    assert figure._replace(goal=None).reached is None
    assert len(header()) == 2


def test_percentiles_are_values_that_were_measured() -> None:
    """Of 1 to 200, half are at most 100 and 99 % at most 198; of one value all are that one."""
    values = [float(value) for value in range(200, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (100.0, 198.0, 7.0)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.012"), (0.5, "0.50"), (3.14159, "3.14"), (31.4159, "31.4"), (31415.9, "31,416")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    """Three digits or so."""
    assert short(value) == text


def test_rounds_alternate() -> None:
    """The side that came last begins the next round."""
    numbers = count()
    assert alternate(2, lambda: next(numbers), lambda: next(numbers)) == [(0, 3), (1, 2)]
