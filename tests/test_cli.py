"""The command line, started as people start it: what it says, and the exit code it leaves."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.store import load_master, open_store

OK, FAILED, USAGE, CONFIG = 0, 1, 2, 78

SHIPPED = Path(__file__).parent.parent / "content" / "en"

FLOW = """
about = "Greets."
rank = "talk"
length = "talk"

[[steps]]
id = "hello"
kind = "say"
text = "Hello."
next = "end"
"""


def environment(**settings: str) -> dict[str, str]:
    """Return an environment with these settings and none that the machine happens to have."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    return {**kept, **settings}


def bot(*words: str | Path, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *map(str, words)],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def content(folder: Path, flow: str = FLOW, lint: str = "rules = []") -> Path:
    """Write content of one flow, with the house's own words beside it; return the folder."""
    mine = folder / "words" / "en"
    shutil.copytree(SHIPPED, mine, ignore=shutil.ignore_patterns("flows", "lint.toml"))
    (mine / "flows").mkdir()
    (mine / "flows" / "greet.toml").write_text(flow, encoding="utf-8")
    (mine / "lint.toml").write_text(lint, encoding="utf-8")
    return folder / "words"


def test_help_names_every_command(tmp_path: Path) -> None:
    done = bot("--help", folder=tmp_path)
    assert done.returncode == OK
    for name in ("try", "check", "graph", "keys", "backup", "restore", "screen"):
        assert f"\n    {name} " in done.stdout


def test_a_light_command_brings_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys, bot.cli\n"
        "try:\n    bot.cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit(' '.join({'telegram', 'pydantic', 'aiohttp', 'sqlite3', 'asyncio'}"
        " & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (OK, b"")


@pytest.mark.parametrize(
    "words",
    [["sing"], ["keys"], ["graph"], ["screen"], ["backup"], ["try", "--port", "65536"]],
)
def test_what_it_does_not_know_is_refused(tmp_path: Path, words: list[str]) -> None:
    done = bot(*words, folder=tmp_path)
    assert done.returncode == USAGE
    assert "Traceback" not in done.stderr


def test_without_a_token_it_says_how_to_get_one_and_how_to_try(tmp_path: Path) -> None:
    done = bot(folder=tmp_path)
    assert done.returncode == CONFIG
    assert not done.stdout
    for word in ("@BotFather", "BOT_TOKEN", "make try"):
        assert word in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert not list(tmp_path.iterdir()), "nothing is made before there is something to run"


def test_a_setting_that_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    for words in ((), ("try",), ("check",), ("backup", "x"), ("keys", "rotate")):
        done = bot(*words, folder=tmp_path, BOT_TOKEN="1:x", BOT_MODE="pigeon")
        assert done.returncode == CONFIG
        assert done.stderr == "BOT_MODE takes one of two words: polling or webhook.\n"


def test_settings_are_read_from_the_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BOT_MODE=pigeon\n", encoding="utf-8")
    assert "BOT_MODE" in bot(folder=tmp_path).stderr


def test_good_content_is_counted(tmp_path: Path) -> None:
    folder = content(tmp_path)
    for words in (("check", folder), ("check", folder / "en")):
        done = bot(*words, folder=tmp_path)
        assert (done.stdout, done.stderr) == ("1 flows, 1 steps: all good.\n", "")
        assert done.returncode == OK
    assert bot("check", folder=tmp_path, BOT_CONTENT=str(folder)).returncode == OK


def test_every_mistake_is_told(tmp_path: Path) -> None:
    wrong = FLOW.replace('next = "end"', 'next = "nowhere"').replace("Hello.", "Hello {you}.")
    done = bot("check", content(tmp_path, wrong), folder=tmp_path)
    assert done.returncode == FAILED
    assert "leads to nowhere" in done.stdout
    assert "{you}" in done.stdout


def test_every_lint_sentence_is_told(tmp_path: Path) -> None:
    lint = '[[rules]]\nwords = ["hello"]\nwhy = "too loud"\n'
    done = bot("check", content(tmp_path, lint=lint), folder=tmp_path)
    assert done.returncode == FAILED
    assert done.stdout == "greet.toml, step hello: “Hello”: too loud.\n"


def test_a_folder_without_content_is_said_so(tmp_path: Path) -> None:
    done = bot("check", tmp_path, folder=tmp_path)
    assert done.returncode == FAILED
    assert "no folder of flows" in done.stdout


def test_broken_content_keeps_the_bot_from_starting(tmp_path: Path) -> None:
    folder = content(tmp_path, FLOW.replace('"end"', '"nowhere"'))
    done = bot(folder=tmp_path, BOT_TOKEN="1:x", BOT_CONTENT=str(folder))
    assert done.returncode == CONFIG
    assert "leads to nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_flow_is_drawn(tmp_path: Path) -> None:
    folder = str(content(tmp_path))
    done = bot("graph", "greet", folder=tmp_path, BOT_CONTENT=folder)
    assert done.returncode == OK
    assert done.stdout.startswith("flowchart TD\n")
    done = bot("graph", "part", folder=tmp_path, BOT_CONTENT=folder)
    assert done.returncode == FAILED
    assert done.stderr == "There is no flow part; there are: greet.\n"


def test_a_new_key_is_one_line_and_each_is_another(tmp_path: Path) -> None:
    keys = {bot("keys", "new", folder=tmp_path).stdout for _ in range(2)}
    assert len(keys) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}\n", key) for key in keys)


def furnish(folder: Path) -> None:
    """Make a database with one person, as a bot that ran in this folder leaves it."""

    async def work() -> None:
        master = load_master(env=None, file=folder / "keys/master.key", database_is_new=True)
        clock = SystemClock()
        store = await open_store(folder / "data/bot.db", master, clock)
        await store.write(lambda tx: tx.add_person(7, clock.now()))
        await store.close()

    asyncio.run(work())


def test_a_copy_is_made_and_comes_back(tmp_path: Path) -> None:
    furnish(tmp_path)
    done = bot("backup", "copies/monday", folder=tmp_path)
    assert done.returncode == OK, done.stderr
    assert {"monday", "monday.keys"} <= {path.name for path in (tmp_path / "copies").iterdir()}
    (tmp_path / "data/bot.db").unlink()
    done = bot("restore", "copies/monday", folder=tmp_path)
    assert done.returncode == OK, done.stderr
    assert done.stdout == "data/bot.db is back, with 1 person.\n"


def test_a_key_is_changed(tmp_path: Path) -> None:
    furnish(tmp_path)
    key = tmp_path / "keys/master.key"
    before = key.read_text(encoding="ascii")
    done = bot("keys", "rotate", folder=tmp_path)
    assert done.returncode == OK, done.stderr
    assert key.read_text(encoding="ascii") != before
    assert bot("backup", "copy", folder=tmp_path).returncode == OK


@pytest.mark.parametrize("words", [("backup", "copy"), ("keys", "rotate")])
def test_where_there_is_no_database_none_is_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = bot(*words, folder=tmp_path)
    assert done.returncode == CONFIG
    assert done.stderr == "There is no database at data/bot.db yet.\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("backup", "c2"), ("restore", "copy"), ("keys", "rotate")])
def test_a_missing_key_is_never_made_up(tmp_path: Path, words: tuple[str, ...]) -> None:
    furnish(tmp_path)
    assert bot("backup", "copy", folder=tmp_path).returncode == OK
    (tmp_path / "keys/master.key").unlink()
    done = bot(*words, folder=tmp_path)
    assert done.returncode == CONFIG
    assert "master.key is missing" in done.stderr
    assert not (tmp_path / "keys/master.key").exists()


def test_rows_to_screen_that_are_not_there(tmp_path: Path) -> None:
    done = bot("screen", "--jsonl", "rows", folder=tmp_path)
    assert (done.returncode, done.stderr) == (FAILED, "There is no file rows.\n")


def test_rows_are_screened(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text('{"id": "a", "text": "the bus was late"}\n', encoding="utf-8")
    done = bot("screen", "--jsonl", "rows", folder=tmp_path)
    assert done.returncode == OK, done.stderr
    assert done.stdout.startswith('{"id": "a"')
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_when_it_is_told_to(tmp_path: Path, how: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "try", "--port", str(port)],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            _until_it_listens(running, port)
            running.send_signal(how)
            _, said = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == OK, said
    assert "Traceback" not in said


def _until_it_listens(running: subprocess.Popen[str], port: int) -> None:
    end = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("it never listened")
