"""Runs the same examples with matchspec and its peers against the same model server; prints tables in Markdown.

The tables go to stdout, how far it is to stderr. A peer that can't be installed, or breaks, is told and left out.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from live_server import BrokenError, exit_on_signals

from benchmarks import machine
from benchmarks.peers import capacity
from benchmarks.peers.contestants import NAMES, Contestant, contestants
from benchmarks.peers.environments import node_version
from benchmarks.peers.model import model_server
from benchmarks.peers.rounds import Found, kill_all, measure
from benchmarks.peers.tables import REFERENCE, killed_table, taken_table
from benchmarks.sizes import Case

CASES = (Case(2_000, 256, 50), Case(2_000, 32, 50))
LONG_CASE = Case(10_000, 256, 50)
KILL_CASE = Case(2_000, 32, 50)


def main() -> None:
    """Measures and prints; exits 1 where matchspec broke."""
    options = _options()
    exit_on_signals()
    cases = (*CASES, LONG_CASE) if options.long else CASES
    found = Found()
    try:
        chosen = list(contestants({REFERENCE, *options.only} if options.only else set(NAMES), found.missing))
        for text in report(found, chosen, cases, KILL_CASE, options.rounds):
            print(text, flush=True)
    except BrokenError as error:
        raise SystemExit(f"bench peers: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        if options.json:
            options.json.write_text(json.dumps(_document(found), indent=1))


def report(
    found: Found, chosen: Sequence[Contestant], cases: Sequence[Case], kill_case: Case, rounds: int
) -> Iterator[str]:
    """The lines, as soon as they are known: what was measured on, a table for each case, one for the kills."""
    for name, value in machine.describe().items():
        yield f"- {name}: {value}"
    yield "- peers: " + ", ".join(f"{one.name} {one.version}" for one in chosen) + f"; node {node_version()}"
    yield f"- model server: can answer {_capacity():,.0f} calls/s"
    yield f"- rounds: {rounds}, of which medians; ratios are to `{REFERENCE}`"
    for case in cases:
        yield ""
        measure(found, chosen, case, rounds)
        yield from taken_table(case, found.taken[case], found.missing)
    yield ""
    kill_all(found, chosen, kill_case, rounds)
    yield from killed_table(kill_case, found.killed)
    yield f"\nLoad average at the end: {machine.load()}."


def _capacity() -> float:
    with tempfile.TemporaryDirectory(prefix="matchspec-peers-") as name, model_server(Path(name), 0) as model:
        return capacity.calls_per_second(model)


def _document(found: Found) -> dict[str, object]:
    """Every round's figures, with their names."""
    taken = {
        str(case): {name: [one._asdict() for one in rounds] for name, rounds in programs.items()}
        for case, programs in found.taken.items()
    }
    killed = {name: [one._asdict() for one in rounds] for name, rounds in found.killed.items()}
    return {"taken": taken, "killed": killed, "missing": found.missing}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/bench peers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="of which medians are shown (3)")
    parser.add_argument("--long", action="store_true", help="adds 10,000 examples, 256 at once: minutes a round")
    parser.add_argument("--only", action="append", choices=NAMES, default=[], help="this one beside matchspec run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what every round measured")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return options


if __name__ == "__main__":
    main()
