"""What time it is: the one place that asks, so that tests and the local room can move it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Anything that knows the present moment."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's present moment, in UTC."""
        return datetime.now(UTC)


class ShiftedClock:
    """The machine's clock plus an offset that lives in a file, in seconds.

    The file makes the offset survive a restart and lets two processes agree: the local room skips
    ahead, and the bot (perhaps killed and started again meanwhile) reads the same moment.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the shifted moment, in UTC."""
        return datetime.now(UTC) + self._read()

    def skip(self, by: timedelta) -> None:
        """Move the clock forward (or back, for a negative span) for everyone who reads the file."""
        seconds = (self._read() + by).total_seconds()
        part = self._path.with_suffix(".part")
        part.write_text(f"{seconds}\n", encoding="ascii")
        part.replace(self._path)

    def _read(self) -> timedelta:
        # Reading a file for every "now" would cost more than asking whether it changed.
        try:
            stat = os.stat(self._path)  # noqa: PTH116 - Path.stat builds the same call, slower
        except FileNotFoundError:
            return timedelta()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            self._offset = timedelta(seconds=float(self._path.read_text(encoding="ascii")))
            self._stamp = stamp
        return self._offset
