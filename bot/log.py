"""The log: one line a record, and never a word of what people wrote, a token or a file address."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM: Final = "bot"
"""The only loggers whose words are known to be safe: the bot's own."""

QUIET: Final = (
    "aiohttp",
    "aiosqlite",
    "apscheduler",
    "asyncio",
    "httpcore",
    "httpx",
    "starlette",
    "telegram",
    "uvicorn",
)
"""Below WARNING these write calls, parameters and addresses."""

_TOKEN: Final = re.compile(r"\d+(?::|%3A)[A-Za-z0-9_-]{20,}(?:/\S*)?", re.IGNORECASE)
"""A bot token, and the path behind it: a file's address is as good as the file."""

_VALUE: Final = re.compile(r"%(?:\(\w+\))?[-#0 +]*[\d*]*(?:\.[\d*]+)?[a-zA-Z]")
_HOME: Final = Path(__file__).resolve().parent.parent
_DEEPEST: Final = 8


def set_up() -> None:
    """Send every record to standard error, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(Line())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(ROOM).setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A record that cannot be written would be shown with its arguments.
    logging.raiseExceptions = False
    # What nobody caught would be shown with its text.
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda what: _uncaught(what.exc_type, what.exc_value, what.exc_traceback)
    threading.excepthook = lambda what: _uncaught(what.exc_type, what.exc_value, what.exc_traceback)


def _uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    shown = error or kind()
    logging.getLogger(ROOM).critical("Nobody caught this", exc_info=(kind, shown, trace))


class Line(logging.Formatter):
    """One record as one line; all that is written passes here, whichever logger it came from."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        # Built anew instead of changed on the record: other handlers (a test's) find it as it was.
        moment = self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ")
        line = f"{moment} {record.levelname} {record.name} {self._words(record)}"
        return _TOKEN.sub("[token]", " ".join(line.split()))

    @staticmethod
    def _words(record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if record.name != ROOM and not record.name.startswith(f"{ROOM}."):
            # Other people's code puts what it holds into its sentences (a task with its result, an
            # update with its text), so only the place it speaks from is told.
            said = f"(from {_short(record.pathname)}:{record.lineno}, words left out)"
        elif error is not None:
            # Where there is an exception, its text tends to be among the arguments too.
            said = _VALUE.sub("…", str(record.msg)).replace("%%", "%")
        else:
            try:
                said = record.getMessage()
            except Exception:  # noqa: BLE001 - a slip in a log call must not stop anything
                said = str(record.msg)
        return f"{said} [{told(error)}]" if error is not None else said


def told(error: BaseException) -> str:
    """Say what an exception is without what it says: its kind and place, and those behind it."""
    return ", from ".join(_chain(error))


def _chain(error: BaseException) -> Iterator[str]:
    seen: BaseException | None = error
    for _ in range(_DEEPEST):
        if seen is None:
            return
        inside = ""
        if isinstance(seen, BaseExceptionGroup):
            inside = f" ({'; '.join(told(one) for one in seen.exceptions[:_DEEPEST])})"
        yield f"{type(seen).__qualname__}{_place(seen)}{inside}"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _place(error: BaseException) -> str:
    """Say where it was raised; when that is in a library, also where the bot called it."""
    trace = error.__traceback__
    ours, last = "", ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        last = f"{_short(file)}:{trace.tb_lineno}"
        if file.startswith(str(_HOME / ROOM)):
            ours = last
        trace = trace.tb_next
    return "".join(f" at {place}" for place in dict.fromkeys((last, ours)) if place)


def _short(file: str) -> str:
    """Return a path without the folders of this machine."""
    path = Path(file)
    if path.is_relative_to(_HOME) and "site-packages" not in path.parts:
        return str(path.relative_to(_HOME))
    return "/".join(path.parts[-2:])
