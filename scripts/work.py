"""Counts what an example, a poll and a replayed event cost in instructions, and compares it with what was accepted.

Run it with `./scripts/work`; tests/test_work.py does so too. Valgrind counts, so that neither the machine's speed nor
what else runs on it matters: counts repeat within 1 %. A figure is a ratio: the instructions of one unit over those of
one turn of a bare loop in the same process. So it also travels between builds of an interpreter (6 %), but not between
versions of Python (18 % from 3.11 to 3.13): `work.json` says for which one it was accepted.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec
from fault_shim import MissingTool
from live_server import BrokenError
from work_units import COUNTS

HERE = Path(__file__).parent
ACCEPTED = HERE / "work.json"
MARGIN = 0.20
"""The share by which a unit's work may grow before it must be accepted."""

VALGRIND = ("valgrind", "--tool=callgrind", "--instr-atstart=no")
SECONDS = 900
Ratios = dict[str, float]


class Accepted(msgspec.Struct, forbid_unknown_fields=True):
    """Turns of the bare loop that a unit may take, and the Python (`3.11 on x86_64`) that they were counted with."""

    python: str
    turns: Ratios


class Change(NamedTuple):
    """How a unit's work compares with what was accepted; `share` is 0.25 for a quarter more."""

    unit: str
    accepted: float
    counted: float

    @property
    def share(self) -> float:
        """The growth, below zero for less work."""
        return self.counted / self.accepted - 1

    @property
    def has_grown(self) -> bool:
        """Whether it is more than is let through."""
        return self.share > MARGIN

    def __str__(self) -> str:
        verdict = "grown: do less, or accept it" if self.has_grown else ""
        if self.share < -MARGIN:
            verdict = "less than was accepted: accept it, so that it stays so"
        unit = self.unit.replace("_", " ")
        return f"{unit:<16}{self.accepted:>10.1f}{self.counted:>10.1f}{self.share:>+9.1%}  {verdict}".rstrip()


def main() -> None:
    """Counts, prints, and ends with 1 where a unit's work has grown."""
    parser = argparse.ArgumentParser(description="Counts the instructions of an example, a poll and a replayed event.")
    parser.add_argument("--accept", action="store_true", help="write what is counted into scripts/work.json")
    options = parser.parse_args()
    try:
        counted = count_work()
    except (MissingTool, BrokenError) as error:
        sys.exit(str(error))
    accepted = read_accepted()
    changes = compare(accepted.turns, counted)
    print(table(changes))
    if accepted.python != this_python():
        print(f"accepted with Python {accepted.python}, counted with {this_python()}: not to be compared")
    if options.accept:
        write_accepted(Accepted(this_python(), {change.unit: round(change.counted, 1) for change in changes}))
        print(f"accepted: {ACCEPTED.relative_to(HERE.parent)}")
    elif accepted.python == this_python() and any(change.has_grown for change in changes):
        sys.exit(1)


def table(changes: list[Change]) -> str:
    """The changes for people."""
    head = f"{'turns of a loop':<16}{'accepted':>10}{'counted':>10}{'change':>9}"
    return "\n".join([head, *map(str, changes)])


def compare(accepted: Ratios, counted: Ratios) -> list[Change]:
    """Compares every accepted unit."""
    return [Change(unit, turns, counted[unit]) for unit, turns in accepted.items()]


def read_accepted() -> Accepted:
    """Reads what was accepted."""
    return msgspec.json.decode(ACCEPTED.read_bytes(), type=Accepted)


def write_accepted(accepted: Accepted) -> None:
    """Writes what is accepted from now on."""
    ACCEPTED.write_bytes(msgspec.json.format(msgspec.json.encode(accepted), indent=2) + b"\n")


def this_python() -> str:
    """Gives the Python that runs this, without its patch level: `3.11 on x86_64`."""
    return ".".join(platform.python_version_tuple()[:2]) + f" on {platform.machine()}"


def count_work(planted: int = 0) -> Ratios:
    """Counts each kind of work, in turns of the bare loop; `planted` adds `planted_example`, with so many turns more.

    Raises MissingTool without valgrind or gcc, BrokenError where the program that does the work fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = [sys.executable, str(HERE / "work_units.py"), str(_compile(folder)), str(planted)]
        environment = os.environ | {"PYTHONPATH": str(HERE.parent), "PYTHONHASHSEED": "0"}
        ended = subprocess.run(
            [*VALGRIND, f"--callgrind-out-file={folder / 'counts'}", *script],
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if ended.returncode:
            raise BrokenError(f"the counted program stopped:\n{ended.stderr}")
        return _ratios(_read_counts(folder))


def _compile(folder: Path) -> Path:
    for tool in ("valgrind", "gcc"):
        if shutil.which(tool) is None:
            raise MissingTool(f"{tool} is not installed: the work of the program can't be counted")
    library = folder / "work_counting.so"
    options = ["-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]
    subprocess.run(["gcc", *options, "-o", str(library), str(HERE / "work_counting.c")], check=True)
    return library


def _read_counts(folder: Path) -> dict[str, int]:
    """Reads callgrind's files: each names the label it was written for, and the instructions in all."""
    counts = {}
    for file in folder.glob("counts.*"):
        text = file.read_text()
        label = re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.MULTILINE)
        total = re.search(r"^(?:totals|summary): (\d+)$", text, re.MULTILINE)
        if label and total:
            counts[label[1]] = int(total[1])
    return counts


def _ratios(counts: dict[str, int]) -> Ratios:
    """From the instructions of COUNT and of 3 x COUNT units to those of one, over the floor's."""
    each = {
        kind: (counts[f"{kind}-3"] - counts[f"{kind}-1"]) / (2 * count)
        for kind, count in COUNTS.items()
        if f"{kind}-1" in counts
    }
    floor = each.pop("floor")
    return {kind: instructions / floor for kind, instructions in each.items()}


if __name__ == "__main__":
    main()
