"""A stand-in on loopback, a real client that talks to it, a real store in a folder."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.clock import SystemClock
from bot.coach.calls import to_json
from bot.local.server import build, running
from bot.local.standin import Standin
from bot.store import Lane, load_master, open_store
from bot.telegram.client import telegram_bot
from bot.telegram.outbox import Outbox
from bot.telegram.poll import Handover, Poll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import telegram

    from bot.coach.calls import Call
    from bot.coach.heard import Heard
    from bot.local.guest import Guest
    from bot.store import Outbound, Person, Store

TOKEN = "5:SECRET-part-of-the-token"


@dataclass
class Post:
    """Everything between a person in the stand-in and the store."""

    standin: Standin
    port: int
    bot: telegram.Bot
    store: Store
    clock: SystemClock
    heard: list[Heard] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until(self, settled: Callable[[], bool]) -> None:
        """Let the loop turn until something shows."""
        async with asyncio.timeout(10):
            while not settled():
                await asyncio.sleep(0)

    def guest(self, name: str = "Ada") -> Guest:
        """Return someone the bot may write to."""
        guest = self.standin.join(name)
        guest.send("/start")
        return guest

    async def person(self, guest: Guest) -> Person:
        """Let the store know them."""
        now = self.clock.now()
        return await self.store.write(lambda tx: tx.add_person(guest.id, now))

    async def queue(
        self, chat: int, *calls: Call, lane: Lane = Lane.REPLY, person: Person | None = None
    ) -> list[Outbound]:
        """Commit rows, as a turn does."""
        now = self.clock.now()
        who = None if person is None else person.id
        return await self.store.write(
            lambda tx: [tx.queue(who, chat, lane, to_json(call), now=now) for call in calls]
        )

    async def pending(self) -> list[Outbound]:
        """Return what is still to be sent."""
        now = self.clock.now()
        return await self.store.read(lambda tx: tx.pending(10_000, now=now))

    def committed(self, table: str) -> int:
        """Return how many rows a power cut would leave in a table at this very moment."""
        with tempfile.TemporaryDirectory() as folder:
            for ending in ("", "-wal"):
                source = self.store.path.with_name(self.store.path.name + ending)
                if source.exists():
                    shutil.copy(source, Path(folder, f"copy{ending}"))
            with closing(sqlite3.connect(Path(folder, "copy"))) as copy:
                found: int = copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        return found

    @asynccontextmanager
    async def full_disk(self) -> AsyncIterator[None]:
        """Let the database take no update, for the length of a block."""
        await self.store.direct(
            lambda connection: connection.execute(
                "CREATE TEMP TRIGGER full BEFORE INSERT ON main.inbox"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        )
        try:
            yield
        finally:
            await self.store.direct(lambda connection: connection.execute("DROP TRIGGER full"))

    def texts(self, method: str = "sendMessage") -> list[str]:
        """Return the texts of the calls the stand-in took, in order."""
        return [
            call.params.get("text", "")
            for call in self.standin.calls
            if call.method == method and call.ok
        ]

    def named(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each call of a method, refused ones too."""
        return [
            {key: _read(value) for key, value in call.params.items()}
            for call in self.standin.calls
            if call.method == method
        ]

    @asynccontextmanager
    async def sending(self, bulk_rate: float = 1000, **renderers: Any) -> AsyncIterator[Outbox]:
        """Run an outbox for the length of a block."""
        outbox = Outbox(self.bot, self.store, self.clock, bulk_rate=bulk_rate, renderers=renderers)
        task = asyncio.create_task(outbox.run())
        try:
            async with asyncio.timeout(15):
                yield outbox
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def polling(self, **how: Any) -> AsyncIterator[asyncio.Task[None]]:
        """Poll for the length of a block; what is heard gathers in ``heard``."""
        hear = how.pop("hear", self.heard.append)
        busy = how.pop("busy", lambda: 0)
        poll = Poll(self.bot, self.store, self.clock, Handover(self.store, hear, busy=busy), **how)
        task = asyncio.create_task(poll.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _read(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    clock = SystemClock()
    standin = Standin(clock, token=TOKEN)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(build(standin)))
        bot = await stack.enter_async_context(
            telegram_bot(TOKEN, f"http://127.0.0.1:{server.port}")
        )
        master = load_master(env=None, file=tmp_path / "key", database_is_new=True)
        store = await open_store(tmp_path / "bot.db", master, clock, patience=0.05)
        stack.push_async_callback(store.close)
        yield Post(standin, server.port, bot, store, clock)
