"""A person talking to the whole bot: real rooms, real SQLite, real HTTP, a clock that is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from bot import app
from bot.app import Running
from bot.local.guest import Bubble, Guest
from bot.local.server import build, running
from bot.local.standin import Standin
from bot.settings import Settings
from tests.shipped import content

TOKEN = "1234567890:" + "a" * 35

START = datetime(2026, 3, 14, 22, 0, tzinfo=UTC)
"""A Saturday evening, long before any change of clocks."""

PATIENCE = 10.0


class StillClock:
    """A clock that stands until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the moment it stands at."""
        return self._now

    def skip(self, by: timedelta) -> None:
        """Move it."""
        self._now += by

    def skip_minutes(self, minutes: int) -> None:
        """Move it by minutes."""
        self.skip(timedelta(minutes=minutes))


class Chat:
    """One person's chat with the bot; every act returns when the bot has nothing left to do."""

    def __init__(self, guest: Guest, standin: Standin, house: Running, clock: StillClock) -> None:
        self.guest = guest
        self.standin = standin
        self.house = house
        self.clock = clock
        self._seen: dict[int, Bubble] = {}
        self._toasts = 0

    async def type(self, text: str) -> list[Bubble]:
        """Send a line; return what the bot sent or changed."""
        self.guest.send(text)
        return await self.news()

    async def tap(self, label: str) -> list[Bubble]:
        """Tap a button or a key of the keyboard."""
        self.guest.tap(label)
        return await self.news()

    async def skip(self, by: timedelta) -> list[Bubble]:
        """Let time pass, and what is due come."""
        self.clock.skip(by)
        for _ in range(2):  # the second ring is for what the first one planned anew
            await self.house.ring()
            await self.settled()
        return await self.news()

    async def news(self) -> list[Bubble]:
        """Return the bot's bubbles that are new since last time, in order."""
        await self.settled()
        bubbles = {b.message_id: b for b in self.guest.messages if not b.mine}
        fresh = [b for key, b in bubbles.items() if key not in self._seen]
        self._seen = bubbles
        return fresh

    def toasts(self) -> list[str]:
        """Return the short answers to taps since last time."""
        fresh = list(self.guest.toasts)[self._toasts :]
        self._toasts += len(fresh)
        return fresh

    async def settled(self) -> None:
        """Wait until everything sent is heard, answered and delivered."""
        async with asyncio.timeout(PATIENCE):
            while self.standin.queue.waiting:
                await asyncio.sleep(0.001)
            await self.house.settled()


def settings(folder: Path, port: int) -> Settings:
    """Return settings for a bot of its own in a folder, talking to the stand-in."""
    return Settings(
        _env_file=None,
        token=SecretStr(TOKEN),
        api_url=f"http://127.0.0.1:{port}",
        database_url=f"sqlite:///{folder / 'bot.db'}",
        master_key_file=folder / "keys" / "master.key",
    )


@asynccontextmanager
async def chatting(folder: Path, name: str = "Ada") -> AsyncIterator[Chat]:
    """Start a whole bot beside the stand-in and join as a person."""
    clock = StillClock()
    standin = Standin(clock, token=TOKEN)
    async with running(build(standin)) as server:
        made = settings(folder, server.port)
        async with app.running(made, content(), clock, burst=10_000) as house:
            yield Chat(standin.join(name), standin, house, clock)


def drawn(bubble: Bubble) -> list[str]:
    """Return a bubble as the lines of a transcript: its text, then its rows of buttons."""
    lines = bubble.text.splitlines()
    if bubble.document is not None:
        lines.insert(0, f"({bubble.document.name})")
    if bubble.animation is not None:
        lines.insert(0, f"({bubble.animation.name})")
    lines += [" ".join(f"[{button.text}]" for button in row) for row in bubble.buttons]
    return lines
