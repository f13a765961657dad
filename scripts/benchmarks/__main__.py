"""Measures the parts that are named, all without names, and prints one table (docs/benchmarks.md).

A figure stands beside that of its floor, measured in the same run, in turn. Exit code 1 where something broke, not
where a goal is missed.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from live_server import BrokenError, exit_on_signals

from benchmarks import (
    appends,
    capacity,
    client,
    document,
    listing,
    machine,
    memory,
    million,
    polls,
    postgres,
    replay,
    runs,
    table,
)
from benchmarks.figures import Figure
from benchmarks.setting import Asked, Setting
from benchmarks.sizes import FULL, LONG, QUICK, TINY, Sizes

PARTS: dict[str, Callable[[Setting], Iterator[Figure]]] = {
    "run": runs.measure,
    "client": client.measure,
    "log": appends.measure,
    "replay": replay.measure,
    "polls": polls.measure,
    "document": document.measure,
    "listing": listing.measure,
    "memory": memory.measure,
    "million": million.measure,
    "postgres": postgres.measure,
}
SIZES: dict[str, Sizes] = {"full": FULL, "long": LONG, "quick": QUICK, "tiny": TINY}


def main() -> None:
    """Measures, prints, and writes what was measured where `--json` says."""
    options = _options()
    exit_on_signals()
    found: list[Figure] = []
    about = machine.describe()
    try:
        for line in _head(about, options.rounds):
            print(line)
        for figure in measure(options.parts or list(PARTS), SIZES[options.size], options.rounds):
            found.append(figure)
            print(table.row(figure), flush=True)
    except BrokenError as error:
        raise SystemExit(f"bench: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        if options.json:
            options.json.write_text(json.dumps(_document(about, options.rounds, found), indent=1, ensure_ascii=False))
    print(f"\nLoad at the end: {machine.load()}")


def measure(parts: list[str], sizes: Sizes, rounds: int) -> Iterator[Figure]:
    """The figures of some parts, and of what the benchmark itself can do."""
    asked = Asked()
    for name, part in [*((name, PARTS[name]) for name in parts), ("capacity", capacity.measure)]:
        with tempfile.TemporaryDirectory(prefix=f"matchspec-bench-{name}-") as folder:
            yield from part(Setting(Path(folder), sizes, rounds, asked))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    size = parser.add_mutually_exclusive_group()
    for name, text in {
        "quick": "a tenth of the work: a look at the ratios",
        "long": "adds 10,000 examples one at a time (500 s of waiting for the model, twice)",
        "tiny": "next to nothing: shows that the benchmark works",
    }.items():
        size.add_argument(f"--{name}", dest="size", action="store_const", const=name, default="full", help=text)
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is shown (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what every round measured")
    parser.epilog = "`./scripts/bench --peers` runs other programs on the same examples, and has a --help of its own."
    options = parser.parse_args()
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return options


def _head(about: dict[str, str], rounds: int) -> Iterator[str]:
    for name, value in about.items():
        yield f"{name:>10}  {value}"
    yield f"{'rounds':>10}  {rounds}, of which medians; matchspec and its floor in turn\n"
    yield from table.header()


def _document(about: dict[str, str], rounds: int, figures: list[Figure]) -> dict[str, object]:
    told = [
        figure._asdict() | {"goal": str(figure.goal or ""), "ratio": figure.ratio, "reached": figure.reached}
        for figure in figures
    ]
    return {"machine": about, "rounds": rounds, "figures": told}


if __name__ == "__main__":
    main()
