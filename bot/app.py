"""The one place where the rooms are put together, started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot import coach, safety
from bot.clock import Clock, ShiftedClock, SystemClock
from bot.coach import Coach, House, Ports, waits
from bot.coach.calls import Say
from bot.coach.replying import Screen
from bot.errors import ContentError, Misconfigured
from bot.flows.load import load, missing
from bot.flows.model import Library
from bot.lookback import export, importing
from bot.schedule.alarm import Alarm
from bot.settings import Settings
from bot.store import SLICE, Store, is_new, load_master, nightly, open_store, plainly
from bot.telegram import client, webhook
from bot.telegram.face import Face, put_on
from bot.telegram.outbox import BURST, Outbox
from bot.telegram.poll import Handover, Poll

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).resolve().parent.parent / "content" / "en"
"""The content that comes with the bot; any other is held against it."""

NIGHT = 3
"""The hour, in UTC, from which the nightly work is due."""

TIDIED = "tidied"
"""The name under which the database remembers the last night's work."""

PATIENCE = 8.0
"""Seconds that a stop waits for what is under way."""

CLOCK = "BOT_TRY_CLOCK"
"""Environment: the file of a shifted clock, for trying and for tests; in no settings on purpose."""


def library(settings: Settings) -> Library:
    """Load the content with everything it may point to."""
    functions = {name: known for name, (_, known) in coach.FUNCTIONS.items()}
    folder = settings.content / settings.language
    found = load(folder, functions, coach.FACTS)
    if folder.resolve() != SHIPPED:
        # The code asks for phrases and words by name; the shipped content has every one of them.
        shipped = load(SHIPPED, functions, coach.FACTS)
        if lacking := missing(found.texts, shipped.texts):
            raise ContentError("\n".join(lacking))
    return found


@dataclass(frozen=True, slots=True)
class Content:
    """All that is read from the content folder for a running bot; nothing in it changes."""

    library: Library
    screen: Screen
    pictures: Mapping[str, bytes]


def content(settings: Settings) -> Content:
    """Read the content of the language that is set; ContentError says what is wrong with it."""
    folder = settings.content / settings.language
    return Content(
        library(settings),
        safety.load(folder / "safety").screen,
        _pictures(folder / "practices"),
    )


def _pictures(folder: Path) -> dict[str, bytes]:
    """Read the moving pictures of the practices, by name."""
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.gif"))}


def clock() -> Clock:
    """Return the machine's clock, or the shifted one that the environment names."""
    path = os.environ.get(CLOCK)
    return ShiftedClock(Path(path)) if path else SystemClock()


async def run(settings: Settings) -> None:
    """Run the bot until SIGTERM or SIGINT."""
    with _until_told() as told:
        async with running(settings, content(settings), clock()):
            _spare_what_stays()
            await told.wait()


async def try_out(settings: Settings, *, data: Path | None, port: int) -> None:
    """Run the whole bot against Telegram's stand-in, with the chat page on loopback."""
    from bot.local.server import build, serve  # noqa: PLC0415 - the real bot needs none of it
    from bot.local.standin import Standin  # noqa: PLC0415

    read = content(settings)
    with _until_told() as told, _folder(data) as folder:
        shifted = ShiftedClock(folder / "clock")
        state = folder / "chats.json"
        token = _trying_token(folder / "token")
        standin = (
            Standin.load(state, shifted, token=token)
            if state.exists()
            else Standin(shifted, token=token)
        )
        local = build(standin, skip=shifted.skip, save_to=state if data else None)
        server = serve(local, port=port)
        serving = asyncio.create_task(server.serve())
        root = f"http://127.0.0.1:{server.port}"
        trying = settings.model_copy(
            update={
                **_plain_polling(root),
                "token": _secret(token),
                "database_url": f"sqlite:///{folder / 'bot.db'}",
                "master_key": None,
                "master_key_file": folder / "keys" / "master.key",
            }
        )
        try:
            async with running(trying, read, shifted):
                print(f"Open {root} in a browser. Ctrl-C ends it.", flush=True)  # noqa: T201
                await told.wait()
        finally:
            server.leave()
            await serving


def _spare_what_stays() -> None:
    """Keep the collector of garbage away from what lives as long as the bot does.

    It would go through all libraries and all content again and again and find nothing; what a
    turn leaves behind goes without it almost whole. Under load that is a tenth of all work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def _plain_polling(root: str) -> dict[str, Any]:
    return {"api_url": root, "mode": "polling", "allowed_ids": frozenset()}


def _secret(text: str) -> Any:
    from pydantic import SecretStr  # noqa: PLC0415 - only trying makes a token

    return SecretStr(text)


def _trying_token(path: Path) -> str:
    """Return the throw-away token of this folder; the stand-in knows no other."""
    if path.exists():
        return path.read_text(encoding="ascii")
    token = f"{secrets.randbelow(10**9) + 10**9}:{secrets.token_urlsafe(26)}"
    path.write_text(token, encoding="ascii")
    path.chmod(0o600)
    return token


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="bot-try-") as name:
        yield Path(name)


@contextmanager
def _until_told() -> Iterator[asyncio.Event]:
    """Own the signals: the first one asks everything to end, once."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    try:
        yield told
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@dataclass(frozen=True, slots=True)
class Running:
    """The rooms of a running bot."""

    store: Store
    coach: Coach
    outbox: Outbox
    ring: Callable[[], Awaitable[None]]

    async def settled(self) -> None:
        """Wait until everything heard so far is answered and everything to send is sent."""
        await self.coach.idle()
        await self.outbox.idle()


@asynccontextmanager
async def running(
    settings: Settings, content: Content, moment: Clock, *, burst: int = BURST
) -> AsyncIterator[Running]:
    """Start every room in its order, and stop them so that nothing under way is dropped."""
    database = settings.database
    key = settings.master_key
    master = load_master(
        env=key.get_secret_value() if key else None,
        file=settings.master_key_file,
        database_is_new=is_new(database),
    )
    token = settings.token.get_secret_value() if settings.token else ""
    async with contextlib.AsyncExitStack() as stack:
        store = await open_store(database, master, moment)
        stack.push_async_callback(store.close)
        bot = await stack.enter_async_context(client.telegram_bot(token, settings.api_url))
        renderers = {"export": export.renderer(store, moment)}
        outbox = Outbox(
            bot,
            store,
            moment,
            bulk_rate=settings.bulk_rate,
            renderers=renderers,
            burst=burst,
            pictures=content.pictures,
        )

        async def straight(chat: int, say: Say) -> None:
            await outbox.unstored(chat, say)

        async def fetch(file_id: str) -> bytes:
            return await client.fetch(bot, file_id, importing.LIMIT)

        talk = Coach(
            store,
            content.library,
            moment,
            content.screen,
            Ports(outbox.add, outbox.toast, straight, fetch),
            House(settings.operator or "", settings.allowed_ids),
        )
        sending = _task(stack, outbox.run())
        stack.push_async_callback(outbox.drain, PATIENCE)
        stack.push_async_callback(_settle, talk)

        before = _last_ring(settings.heartbeat)

        async def ring() -> None:
            nonlocal before
            settings.heartbeat.touch()
            now = moment.now()
            if now < before:  # the machine's clock was set back
                await store.write(lambda tx: waits.set_right(tx, now))
            before = now
            await ring_due(store, talk, moment)

        async def tidy() -> None:
            await tidy_once(store, moment)

        with plainly(database):
            await store.write(lambda tx: (tx.sweep(moment.now()), tx.release_timers()))
        handover = Handover(store, talk.hear, unkept=talk.unkept, busy=talk.busy)
        if settings.mode == "webhook":
            listening = _task(stack, _hooked(settings, bot, store, moment, handover))
        else:
            listening = _task(stack, Poll(bot, store, moment, handover).run())
        alarm = Alarm(ring, tidy)
        alarm.start()
        stack.callback(alarm.stop)
        _task(stack, put_on(bot, store, _faces(content.library)))
        watch = _watching(stack, (sending, listening))
        yield Running(store, talk, outbox, ring)
        watch.cancel()


def _last_ring(heartbeat: Path) -> datetime:
    """Return when the bot was last seen alive, by the clock the machine had then."""
    try:
        return datetime.fromtimestamp(heartbeat.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.min.replace(tzinfo=UTC)


async def tidy_once(store: Store, moment: Clock) -> bool:
    """Sweep what had its time; make the night's copy, once a day from ``NIGHT`` on.

    The day it was last done stands in the database, so a night spent switched off is made up for.
    """
    now = moment.now()
    while await store.write(lambda tx: any(n >= SLICE for n in tx.sweep(now).values())):
        pass  # turns go on in between
    day = (now - timedelta(hours=NIGHT)).date().isoformat()
    if await store.read(lambda tx: tx.meta(TIDIED)) == day:
        return False
    try:
        await nightly(store)
    except Misconfigured as trouble:
        log.error("There is no copy of tonight: %s", trouble)  # noqa: TRY400 - a sentence says it
        return False
    await store.write(lambda tx: tx.set_meta(TIDIED, day))
    return True


PAGE = 16
"""Timers that are claimed at once: few enough that someone who writes is not kept waiting."""


async def ring_due(store: Store, talk: Coach, moment: Clock) -> None:
    """Claim what is due page by page, the next one when the coach is nearly through with one."""
    while True:
        now = moment.now()
        if not await store.read(lambda tx, now=now: tx.any_due(now)):  # type: ignore[misc]
            return
        await talk.ring(await store.write(lambda tx, now=now: tx.claim_timers(now, PAGE)))  # type: ignore[misc]
        await talk.rung(PAGE // 2)


async def _hooked(
    settings: Settings, bot: Any, store: Store, moment: Clock, handover: Handover
) -> None:
    """Take what is brought until cancelled; the start waits for none of it."""
    secret = settings.webhook_secret
    endpoint = webhook.Endpoint(
        settings.webhook_url or "", secret.get_secret_value() if secret else ""
    )
    app = webhook.webhook_app(endpoint, store, moment, handover)
    with webhook.listen(settings.listen) as bound:
        await handover.recover()
        async with asyncio.TaskGroup() as both:
            both.create_task(webhook.serve(app, bound))
            both.create_task(webhook.set_webhook(bot, endpoint))


async def _settle(talk: Coach) -> None:
    """Let turns under way finish; what does not in time is still in the inbox."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(talk.idle(), PATIENCE)


def _task(stack: contextlib.AsyncExitStack, work: Any) -> asyncio.Task[Any]:
    """Start work that ends with the stack."""
    task: asyncio.Task[Any] = asyncio.ensure_future(work)

    async def end() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
    return task


def _watching(
    stack: contextlib.AsyncExitStack, tasks: tuple[asyncio.Task[Any], ...]
) -> asyncio.Task[None]:
    """When a task that should go on for ever fails, fail with it, so that a supervisor sees it."""
    main = asyncio.current_task()
    failed: list[BaseException] = []

    async def watch() -> None:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        failed.extend(error for task in done if (error := task.exception()) is not None)
        if main is not None:
            main.cancel()

    async def tell() -> None:
        if failed:
            raise failed[0]

    stack.push_async_callback(tell)
    return asyncio.ensure_future(watch())


def _faces(library: Library) -> tuple[Face, ...]:
    face: Any = library.texts["face"]
    commands = tuple((item["name"], item["text"]) for item in face["commands"])
    return (Face(face["description"], face["short_description"], commands),)
