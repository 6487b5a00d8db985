"""The log: one line a record, and nothing in it that is a person's or opens a door."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from bot.log import Line, told

TOKEN = "123456789:AAEhBP0av28fJrXhmW5yJ3kq9T7uVxYz_-0"
WORDS = "he has not answered since four"


def line(
    message: object,
    *values: object,
    name: str = "bot.coach",
    error: BaseException | None = None,
    path: str = "/somewhere/lib/site-packages/pkg/module.py",
    level: int = logging.WARNING,
) -> str:
    info = (type(error), error, error.__traceback__) if error is not None else None
    return Line().format(logging.LogRecord(name, level, path, 7, message, values, info))


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_a_line_has_time_level_logger_and_message() -> None:
    time, level, name, message = line("%d people", 3).split(" ", 3)
    assert (len(time), time[-1]) == (20, "Z")
    assert (level, name, message) == ("WARNING", "bot.coach", "3 people")


def test_a_record_is_one_line() -> None:
    assert line("first\nsecond\r\n%s", "a\nb").endswith(" first second a b")


@pytest.mark.parametrize(
    "text",
    [
        f"POST https://api.telegram.org/bot{TOKEN}/sendMessage",
        f"GET https://api.telegram.org/file/bot{TOKEN}/voice/file_12.oga",
        f"https://api.telegram.org/bot{TOKEN.replace(':', '%3A')}/getMe",
        TOKEN,
    ],
)
def test_no_token_and_no_file_address(text: str) -> None:
    for written in (line(text), line("%s", text), line("x", name=f"bot.{text}")):
        assert "AAEhBP0" not in written
        assert "file_12" not in written
        assert "[token]" in written


def test_an_exception_is_told_by_kind_and_place_alone() -> None:
    error = raised(ValueError(WORDS))
    written = line("Turn of %s failed: %r", WORDS, error, error=error)
    assert WORDS not in written
    assert "Turn of … failed: … [ValueError at tests/test_log.py:" in written


def test_what_was_behind_it_is_told_the_same_way() -> None:
    first = raised(KeyError(WORDS))
    second = ValueError(WORDS)
    second.__cause__ = first
    group = ExceptionGroup(WORDS, [raised(second), OSError(WORDS)])
    written = told(group)
    assert WORDS not in written
    assert written.startswith("ExceptionGroup (ValueError at tests/test_log.py:")
    assert ", from KeyError at tests/test_log.py:" in written
    assert "; OSError)" in written


def test_an_exception_that_is_its_own_cause_ends() -> None:
    error = raised(ValueError(WORDS))
    error.__cause__ = error
    assert told(error).count("ValueError") < 10


@pytest.mark.parametrize("name", ["telegram.Bot", "asyncio", "uvicorn.error", "botany", "root"])
def test_other_peoples_code_is_told_by_place_alone(name: str) -> None:
    written = line(f"Received {WORDS} %s", WORDS, name=name, error=raised(ValueError(WORDS)))
    assert WORDS not in written
    assert f" {name} (from pkg/module.py:7, words left out) [ValueError at " in written


def test_a_slip_in_a_log_call_stops_nothing() -> None:
    assert line("%d of %d", "x").endswith("%d of %d")


def test_the_record_itself_is_left_as_it_was() -> None:
    record = logging.LogRecord("bot", logging.INFO, __file__, 1, "%s", (TOKEN,), None)
    Line().format(record)
    assert record.getMessage() == TOKEN


def run(script: str) -> str:
    """Run a script of its own, as setting up the log is for a whole process; return its stderr."""
    script = "import logging\nfrom bot import log\nlog.set_up()\n" + script
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert not done.stdout
    assert WORDS not in done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_the_bot_speaks_from_info_and_others_from_warning() -> None:
    written = run(
        "for name in 'bot.x', 'telegram.ext', 'httpx', 'aiosqlite', 'apscheduler.x', 'uvicorn':\n"
        "    logging.getLogger(name).info('hello')\n"
        "logging.getLogger('bot.x').debug('hello')\n"
    )
    assert written.endswith(" INFO bot.x hello\n")
    assert written.count("\n") == 1


def test_what_nobody_caught_is_one_line_without_its_text() -> None:
    written = run(f"raise ValueError({WORDS!r})")
    assert written.endswith(" CRITICAL bot Nobody caught this [ValueError at <string>:4]\n")
    assert written.count("\n") == 1


def test_the_same_in_a_thread_and_in_a_task() -> None:
    written = run(
        "import asyncio, gc, threading\n"
        "def fail():\n"
        f"    raise ValueError({WORDS!r})\n"
        "async def fails():\n"
        f"    raise ValueError({WORDS!r})\n"
        "async def main():\n"
        "    task = asyncio.create_task(fails())\n"
        "    await asyncio.sleep(0)\n"
        "    asyncio.get_running_loop().call_soon(fail)\n"
        "    await asyncio.sleep(0)\n"
        "    del task\n"
        "    gc.collect()\n"
        "asyncio.run(main())\n"
        "thread = threading.Thread(target=fail)\n"
        "thread.start()\n"
        "thread.join()\n"
        "class Odd:\n"
        "    def __del__(self):\n"
        "        fail()\n"
        "Odd()\n"
    )
    assert written.count("ValueError") == 4
    assert written.count("\n") == 4


def test_a_record_that_cannot_be_written_is_not_shown_either() -> None:
    script = f"logging.getLogger('bot').warning('%d', {WORDS!r})\n"
    assert run(script).endswith(" WARNING bot %d\n")
