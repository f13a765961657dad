"""Runs campaigns of faults against a real server and prints a line for each; exit code 1 where a promise was broken.

    python scripts/faults.py [CAMPAIGN ...] [--seed N] [--count N]

What this machine can't do (no gcc, no right to mount) is told as SKIPPED. A violation prints the seed and keeps the
files it was seen in.
"""

import argparse
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import fault_clock
import fault_disk
import fault_kill
import fault_power
import fault_soak
import fault_sweep
import fault_tamper
from fault_shim import MissingTool
from live_server import BrokenError, exit_on_signals

CAMPAIGNS: dict[str, Callable[[Path, int, int | None], str]] = {
    "kill": fault_kill.campaign,
    "power": fault_power.campaign,
    "sweep": fault_sweep.campaign,
    "disk": fault_disk.campaign,
    "clock": fault_clock.campaign,
    "soak": fault_soak.campaign,
    "tamper": fault_tamper.campaign,
}


def run(name: str, seed: int, count: int | None) -> bool:
    """Run a campaign and print its line; whether its promises held."""
    folder = Path(tempfile.mkdtemp(prefix=f"matchspec-{name}-"))
    began = time.monotonic()
    try:
        said, held = CAMPAIGNS[name](folder, seed, count), True
    except MissingTool as missing:
        said, held = f"SKIPPED: {missing}", True
    except (AssertionError, BrokenError) as violation:
        traceback.print_exc()
        print(f"{name}: FAILED ({violation}); seed {seed}; files: {folder}; {versions()}", flush=True)
        return False
    print(f"{name}: {said}; seed {seed}; {time.monotonic() - began:.0f} s; {versions()}", flush=True)
    shutil.rmtree(folder)
    return held


def versions() -> str:
    """What it ran on."""
    return f"SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}, Linux {platform.release()}"


def main() -> int:
    """Run the campaigns that were asked for, all without names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=", ".join(CAMPAIGNS))
    parser.add_argument("--seed", type=int, default=1, help="of everything random (1)")
    parser.add_argument("--count", type=int, help="how often, where a campaign repeats something")
    options = parser.parse_args()
    if unknown := set(options.campaigns) - set(CAMPAIGNS):
        parser.error(f"no campaign {', '.join(sorted(unknown))}; there are {', '.join(CAMPAIGNS)}")
    exit_on_signals()
    held = [run(name, options.seed, options.count) for name in options.campaigns or CAMPAIGNS]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
