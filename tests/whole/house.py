"""The whole bot as people run it: a process, Telegram's stand-in as another, and hands for both."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from bot.clock import SystemClock
from bot.store import Store, Tx, load_master, open_store

T = TypeVar("T")
Json = dict[str, Any]

TOKEN = "987654:whole-house-token_not-of-telegram"
PATIENCE = 30.0
GLANCE = 0.005
OK, CONFIG = 0, 78

CONSENTED = ("/start", "Look around first", "Mine", "Yes, I'm 18 or older", "Just look")
"""What someone types and taps until what they write is kept."""


def until(
    found: Callable[[], T | None], what: str, patience: float = PATIENCE, glance: float = GLANCE
) -> T:
    """Return what is found, as soon as it is something; fail when that takes too long."""
    deadline = time.monotonic() + patience
    while not (value := found()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {patience:g} s still not: {what}")
        time.sleep(glance)
    return value


def environment(**settings: str) -> dict[str, str]:
    """Return an environment with these settings of the bot and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    return {**kept, **settings}


class Telegram:
    """The stand-in as a process, and people's hands in it."""

    def __init__(self, folder: Path, *, script: Sequence[str] = ("-m", "bot.local.server")) -> None:
        self.clock = folder / "clock"
        self._process = subprocess.Popen(
            [
                *(sys.executable, *script, "--port", "0", "--token", TOKEN),
                *("--clock", str(self.clock), "--control"),
            ],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port: int = json.loads(self._process.stdout.readline())["port"]
        self._line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._line.close()
        self._process.terminate()
        self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ask(self, method: str, path: str, body: Any = None) -> bytes:
        head = {"Content-Type": "application/json"}
        self._line.request(method, path, None if body is None else json.dumps(body), head)
        answer = self._line.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise LookupError(content.decode(errors="replace"))
        return content

    def act(self, action: str, **told: Any) -> Any:
        """Do one thing through the controls."""
        return json.loads(self._ask("POST", f"/control/{action}", told))

    def look(self, what: str) -> Any:
        """Find something out through the controls."""
        return json.loads(self._ask("GET", f"/control/{what}"))

    def join(self, name: str) -> int:
        return int(self.act("join", name=name)["id"])

    def send(self, who: int, text: str) -> int:
        return int(self.act("send", id=who, text=text)["message_id"])

    def tap(self, who: int, button: str) -> None:
        self.act("tap", id=who, button=button)

    def raw(self, update: Json) -> None:
        """Put an update in, word for word."""
        self.act("raw", **update)

    def messages(self, who: int) -> list[Json]:
        shown: list[Json] = self.look(f"person?id={who}")["messages"]
        return shown

    def answers(self, who: int) -> list[Json]:
        """Return what the bot wrote, in order."""
        return [one for one in self.messages(who) if not one["mine"]]

    def says(self, who: int, text: str) -> Callable[[], bool]:
        return lambda: any(text in one["text"] for one in self.answers(who))

    def waiting(self) -> int:
        """Return how many updates the bot has not confirmed."""
        return int(self.look("counts")["waiting"])

    def count(self, method: str) -> int:
        return int(self.look("counts")["calls"].get(method, 0))

    def calls(self, method: str) -> list[Json]:
        found: list[Json] = self.look(f"calls?method={method}")
        return found

    def file(self, file_id: str) -> bytes:
        """Fetch a file the way Telegram's apps do."""
        told = json.loads(self._ask("POST", f"/bot{TOKEN}/getFile", {"file_id": file_id}))
        return self._ask("GET", f"/file/bot{TOKEN}/{told['result']['file_path']}")


@dataclass
class Bot:
    """One bot: its folder, its settings, and the process while it runs."""

    folder: Path
    api: str
    clock: Path
    settings: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("-m", "bot")
    process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Path:
        return self.folder / "data" / "bot.db"

    @property
    def key_file(self) -> Path:
        return self.folder / "keys" / "master.key"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def environment(self) -> dict[str, str]:
        return environment(
            **{
                "BOT_TOKEN": TOKEN,
                "BOT_API_URL": self.api,
                "BOT_DATABASE_URL": f"sqlite:///{self.database}",
                "BOT_MASTER_KEY_FILE": str(self.key_file),
                "BOT_TRY_CLOCK": str(self.clock),
                **self.settings,
            }
        )

    def cli(self, *words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "bot", *map(str, words)],
            cwd=self.folder,
            env={**self.environment(), **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * PATIENCE,
        )

    def start(self) -> None:
        assert self.process is None
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._log() as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=self.folder,
                env=self.environment(),
                stdout=log,
                stderr=log,
            )

    def _log(self) -> IO[bytes]:
        return self.log.open("ab")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the process this test started, and only that."""
        assert self.process is not None
        assert self.process.poll() is None, f"it ended by itself: {self.told()}"
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.send_signal(signal.SIGKILL)
        assert self.end() == -signal.SIGKILL

    def stop(self) -> int:
        """Ask it to end, and wait until it has."""
        self.send_signal(signal.SIGTERM)
        return self.end()

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        assert self.process is not None
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def told(self) -> str:
        """Return the log so far."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    @contextmanager
    def copied(self, to: Path) -> Iterator[Path]:
        """Copy the files of a bot that is not running, so that a look changes nothing."""
        assert self.process is None
        shutil.copytree(self.database.parent, to)
        try:
            yield to / self.database.name
        finally:
            shutil.rmtree(to)

    async def inside(self, database: Path, look: Callable[[Tx], T]) -> T:
        """Look into a copy of the database with the bot's own store."""
        master = load_master(env=None, file=self.key_file, database_is_new=False)
        store: Store = await open_store(database, master, SystemClock())
        try:
            return await store.write(look)
        finally:
            await store.close()


class House:
    """Telegram's stand-in, one bot, and people who talk to it."""

    def __init__(self, folder: Path, telegram: Telegram | None = None) -> None:
        self.folder = folder
        self.telegram = telegram or Telegram(folder)
        self.bots: list[Bot] = []
        self.bot = self.another("bot")

    def another(self, name: str, **settings: str) -> Bot:
        made = Bot(self.folder / name, self.telegram.url, self.telegram.clock, settings)
        made.folder.mkdir()
        self.bots.append(made)
        return made

    def close(self) -> None:
        try:
            for one in self.bots:
                if one.process is not None:
                    one.process.kill()
                    one.end()
        finally:
            self.telegram.close()

    # --- people

    def do(self, who: int, what: str) -> None:
        """Tap what is on a button, and type what is not."""
        try:
            self.telegram.tap(who, what)
        except LookupError:
            self.telegram.send(who, what)

    def answered(self, who: int, more_than: int, *expected: str) -> list[Json]:
        """Wait for new messages that say what is expected, in that order; return them."""

        def found() -> list[Json] | None:
            self.alive()
            new = self.telegram.answers(who)[more_than:]
            left = list(expected)
            for one in new:
                if left and left[0] in one["text"]:
                    left.pop(0)
            return new if new and not left else None

        try:
            return until(found, f"{who} hears {expected}")
        except AssertionError as late:
            heard = [one["text"] for one in self.telegram.answers(who)[more_than:]]
            raise AssertionError(f"{late}; heard: {heard}\n{self.bot.told()[-3000:]}") from None

    def hears(self, who: int, count: int) -> None:
        """Wait until the bot has written so many messages to someone."""

        def enough() -> bool:
            self.alive()
            return len(self.telegram.answers(who)) >= count

        until(enough, f"{who} hears {count} messages")

    def alive(self) -> None:
        """Fail at once when a bot that should run has ended."""
        for one in self.bots:
            if one.process is not None and (code := one.process.poll()) is not None:
                raise RuntimeError(f"the bot ended with {code}: {one.told()[-3000:]}")

    def say(self, who: int, what: str, *expected: str) -> list[Json]:
        """Do one thing and wait for the answer to it."""
        before = len(self.telegram.answers(who))
        self.do(who, what)
        return self.answered(who, before, *expected)

    def settle(self) -> None:
        """Wait until every update was taken."""
        until(lambda: self.telegram.waiting() == 0, "all updates are taken")

    def newcomer(self, name: str) -> int:
        """Let someone join and agree that what they write is kept."""
        who = self.telegram.join(name)
        answers = ("quiet place", "your idea", "May I keep", "would help first", "keys below")
        for what, answer in zip(CONSENTED, answers, strict=True):
            self.say(who, what, answer)
        return who

    def export(self, who: int) -> Json:
        """Ask for everything and read the document that comes."""
        before = len(self.telegram.answers(who))
        self.telegram.send(who, "/export")

        def came() -> str | None:
            self.alive()
            found = self.telegram.answers(who)[before:]
            files = [one["document"] for one in found if one["kind"] == "document"]
            return files[0] if len(files) > 1 else None  # the tables come after it

        document: Json = json.loads(self.telegram.file(until(came, "an export")))
        return document


def leaves(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from leaves(inner)
        case list():
            for inner in value:
                yield from leaves(inner)
        case _:
            pass
