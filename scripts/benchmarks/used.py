"""What a process uses, as the kernel tells it."""

import re
import time
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """What a process and its threads used so far, in user and system mode: its CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def peak_mb(pid: int) -> float:
    """The most memory a process had since it began its program, in MB; ru_maxrss would tell of the one before, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
