"""Who is compared, and each one's process beside its own stand-in for Telegram."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench import machine
from bench.crowd import Crowd, Input, Tap, Walk
from bot.clock import Clock, SystemClock
from bot.local.guest import Guest
from bot.local.server import build, running
from bot.local.standin import Standin

HERE = Path(__file__).resolve().parent
TOKEN = "1:local"  # noqa: S105 - the stand-in's token opens nothing
QUIET = 0.25
"""Seconds without a call after which a bot is through."""

BURST = 30
STEADY = 1.0
"""Messages that our outbox lets into one chat at once, and a second in the long run."""

TYPED: tuple[Input, ...] = (
    "No word came back all evening, and then a short one the next day.",
    "5",
    "I wrote three more messages and deleted two of them again.",
    "Add the story",
    "That she is tired of me and only looks for a good moment to say so.",
    "Add more",
)
"""An entry from the first answer on, every answer of it typed."""

TAPPED: tuple[Input, ...] = (
    Tap("Add the urge"),
    Tap("Leave"),
    Tap("With whom"),
    Tap("Friend"),
    Tap("What came after"),
    Tap("Not known yet"),
)
"""From the menu of the same entry, round and back to it."""

ECHOED: tuple[Input, ...] = (Tap("With whom"),) * len(TAPPED)
"""The same number of taps where every question is the same."""

ONBOARDING: tuple[Input, ...] = (
    "/start",
    Tap("Look around first"),
    Tap("Mine"),
    Tap("Yes, I'm 18 or older"),
    Tap("Just look"),
)

AGAIN = "/log"
"""Sent before each round, off the clock."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A bot that takes part."""

    name: str
    command: tuple[str, ...]
    needs: str
    """A module without which it cannot take part."""
    ours: bool = False

    @property
    def here(self) -> bool:
        """Whether it can take part in this environment."""
        return importlib.util.find_spec(self.needs) is not None

    @property
    def tapped(self) -> tuple[Input, ...]:
        """What people tap."""
        return TAPPED if self.ours else ECHOED

    @property
    def onboarding(self) -> tuple[Input, ...]:
        """What people do before the clock starts."""
        return ONBOARDING if self.ours else ("/start",)


OURS = Contestant("this bot", ("-m", "bot"), "bot", ours=True)
AIOGRAM = Contestant("aiogram, bare echo", (str(HERE / "peers/aiogram_echo.py"),), "aiogram")
AIOGRAM_UVLOOP = Contestant(
    "aiogram, on uvloop", (str(HERE / "peers/aiogram_echo.py"), "uvloop"), "aiogram"
)
PTB = Contestant("PTB, bare echo", (str(HERE / "peers/ptb_echo.py"),), "telegram")
PTB_MANY = Contestant("PTB, 64 at once", (str(HERE / "peers/ptb_echo.py"), "64"), "telegram")
LIMITED = Contestant("PTB, AIORateLimiter", (str(HERE / "peers/ptb_limited.py"),), "aiolimiter")
ALL = (OURS, AIOGRAM, AIOGRAM_UVLOOP, PTB, PTB_MANY)


class Stage:
    """One contestant's process and the stand-in it talks to."""

    def __init__(
        self, who: Contestant, standin: Standin, root: str, folder: Path, settings: dict[str, str]
    ) -> None:
        self.who = who
        self.standin = standin
        self.folder = folder
        self.guests: list[Guest] = []
        self._root = root
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._messages: dict[int, float] = {}
        self._full_at = 0.0

    @property
    def pid(self) -> int:
        """The process's number."""
        if self._process is None:
            raise RuntimeError("it does not run")
        return self._process.pid

    # --- the process

    async def start(self) -> float:
        """Start it; return after how many seconds it asked for updates."""
        before = self.standin.counts["getUpdates"]
        begun = perf_counter()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self.who.command,
            cwd=self.folder,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=(self.folder / "out").open("ab"),
            stderr=(self.folder / "err").open("ab"),
        )
        while self.standin.counts["getUpdates"] == before:
            if self._process.returncode is not None or perf_counter() - begun > 60:  # noqa: PLR2004
                raise RuntimeError(f"{self.who.name} does not start:\n{self._last_words()}")
            await asyncio.sleep(0.001)
        return perf_counter() - begun

    async def stop(self, how: int = signal.SIGTERM) -> None:
        """End it, kindly or not, and wait until it is gone."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            await asyncio.wait_for(self._process.wait(), 15)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("BOT_")}
        kept |= {"PYTHONPATH": str(HERE.parent)}
        if not self.who.ours:
            return {**kept, "BENCH_TOKEN": TOKEN, "BENCH_ROOT": self._root}
        return {
            **kept,
            "BOT_TOKEN": TOKEN,
            "BOT_API_URL": self._root,
            "BOT_DATABASE_URL": f"sqlite:///{self.folder / 'bot.db'}",
            "BOT_MASTER_KEY_FILE": str(self.folder / "master.key"),
            **self._settings,
        }

    def _last_words(self) -> str:
        return (self.folder / "err").read_text(encoding="utf-8", errors="replace")[-2000:]

    # --- people

    async def onboard(self, people: int) -> None:
        """Bring people to where the clock can start."""
        self.guests = [self.standin.join(f"Person {n}") for n in range(people)]
        await self.walk(self.who.onboarding)

    async def walk(self, inputs: tuple[Input, ...], limit: float = 600) -> Walk:
        """Let everyone go through these inputs; raises when someone gets stuck."""
        await self._rest(len(inputs))
        walk = await Crowd(self.standin, self.guests, inputs).walk(limit)
        if walk.stuck:
            stuck = ", ".join(f"{n} times {why}" for why, n in Counter(walk.stuck).most_common(3))
            raise RuntimeError(f"{self.who.name}: {stuck}\n{self._last_words()}")
        self._full_at = max(self._full_at, perf_counter()) + len(inputs) / STEADY
        return walk

    async def _rest(self, messages: int) -> None:
        # Ours does not send more into one chat than Telegram likes; nobody shall wait for that
        # while the clock runs. What is missing from a full bucket takes a second a message.
        if not self.who.ours:
            return
        missing = (self._full_at - perf_counter()) * STEADY
        await asyncio.sleep(max(0.0, (missing + messages + 1 - BURST) / STEADY))

    async def quiet(self, span: float = QUIET) -> None:
        """Wait until it has nothing left to do."""
        seen, since = -1, perf_counter()
        while perf_counter() - since < span or self.standin.queue.waiting:
            calls = self._calls()
            if calls != seen:
                seen, since = calls, perf_counter()
            await asyncio.sleep(0.01)

    def _calls(self) -> int:
        counts = self.standin.counts
        return counts.total() - counts["getUpdates"]

    def calls(self) -> Counter[str]:
        """Return how often each method was called so far."""
        return self.standin.counts.copy()

    def busy(self) -> float:
        """Return the processor seconds used so far."""
        return machine.busy(self.pid)

    def resident(self) -> float:
        """Return the resident memory in megabytes."""
        return machine.resident(self.pid)


@asynccontextmanager
async def stage(
    who: Contestant, folder: Path, *, name: str = "", clock: Clock | None = None, **settings: str
) -> AsyncIterator[Stage]:
    """Open a stand-in for one contestant; its process ends with it."""
    home = folder / (name or who.name).replace(",", "").replace(" ", "-")
    home.mkdir(parents=True)
    standin = Standin(clock or SystemClock(), token=TOKEN, record=False, keep=6)
    async with running(build(standin)) as server:
        staged = Stage(who, standin, f"http://127.0.0.1:{server.port}", home, settings)
        try:
            yield staged
        finally:
            await staged.stop()
