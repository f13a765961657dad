"""What the figures were measured on, and how busy it was."""

import os
import platform
import re
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("matchspec", "uvloop", "uvicorn", "httptools", "msgspec", "litestar", "aiosqlite")


def describe() -> dict[str, str]:
    """Processor, memory, system, versions, the commit that is measured, and the load before."""
    megabytes = int(_field("/proc/meminfo", r"MemTotal:\s+(\d+)")) / 1024
    return {
        "processor": _processors(),
        "memory": f"{megabytes / 1024:.0f} GiB",
        "system": f"Linux {platform.release()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "commit": _commit(),
        "load": load(),
    }


def load() -> str:
    """How many processes wanted to run, on average over the last 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def _processors() -> str:
    return f"{os.cpu_count()} x " + _field("/proc/cpuinfo", r"model name\s*: (.+)")


def _field(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found[1] if found else "0"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
