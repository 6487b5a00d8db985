"""What the figures were taken on, and what a process there costs."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def line(folder: Path) -> str:
    """Describe the machine in one line; ``folder`` is where the database will be."""
    return (
        f"{cores()} cores ({processor()}), Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {flushes(folder):,.0f} fsync/s, "
        f"load {os.getloadavg()[0]:.1f} before"
    )


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = (row.partition(":")[2] for row in told.splitlines() if row.startswith("model name"))
    return " ".join(next(names, platform.machine()).split())


def flushes(folder: Path, span: float = 0.5) -> float:
    """Return how many pages a second reach the disk one by one."""
    path, page, count = folder / "flush", os.urandom(4096), 0
    with path.open("wb", buffering=0) as file:
        begun = time.perf_counter()
        while (took := time.perf_counter() - begun) < span:
            file.write(page)
            os.fsync(file.fileno())
            count += 1
    path.unlink()
    return count / took


def resident(pid: int) -> float:
    """Return a process's resident memory in megabytes."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    pages = next(row for row in told.splitlines() if row.startswith("VmRSS:"))
    return int(pages.split()[1]) / 1024


def busy(pid: int) -> float:
    """Return the processor seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
