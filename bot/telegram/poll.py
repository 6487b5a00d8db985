"""Updates by asking: fetched raw, kept, and only then confirmed to Telegram."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from telegram.error import (
    BadRequest,
    Conflict,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bot import jsons
from bot.errors import Misconfigured
from bot.telegram import client
from bot.telegram.updates import OddUpdate, allowed_updates, read, understand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    import telegram

    from bot.clock import Clock
    from bot.coach.heard import Heard
    from bot.store import Inbound, Store, Tx

log = logging.getLogger(__name__)

PAGE: Final = 100
LONG: Final = 30
"""Seconds Telegram holds a question open while nothing comes."""
_RECOVERED_AT_ONCE: Final = 20
_GLANCE: Final = 0.01
_WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_CONFLICT_WAIT: Final = 15.0

NOT_KNOWN: Final = (
    "Telegram does not know this token: check BOT_TOKEN (and BOT_API_URL, if it is set); "
    "@BotFather shows the token under /mybots."
)
_ANOTHER: Final = (
    "Another copy of this bot asks Telegram for updates with the same token. Stop one of them; "
    "this one goes on trying."
)


class Handover:
    """From the inbox to the coach: each row is understood by itself, or set aside by itself.

    ``busy`` says how much the coach has in memory; from ``most`` on nothing new is fetched.
    ``unkept`` is shown what could not be stored, perhaps several times.
    """

    def __init__(
        self,
        store: Store,
        hear: Callable[[Heard], None],
        *,
        unkept: Callable[[Heard], None] = lambda _: None,
        busy: Callable[[], int] = lambda: 0,
        most: int = 1000,
    ) -> None:
        self._store = store
        self._hear = hear
        self._unkept = unkept
        self._busy = busy
        self._most = most

    async def room(self, most: int | None = None) -> None:
        """Wait until the coach has room for another page."""
        most = self._most if most is None else most
        while self._busy() >= most:  # noqa: ASYNC110 - the coach need not know who asks
            await asyncio.sleep(_GLANCE)

    def missed(self, updates: Iterable[Any]) -> None:
        """Show updates that could not be kept: one of them may be a cry for help."""
        for update in updates:
            try:
                heard = read(update, 0)
            except Exception:  # noqa: BLE001, S112 - it is met again once it can be kept
                continue
            if heard is not None:
                self._unkept(heard)

    async def recover(self) -> int:
        """Hand over what earlier runs left undone, before anything new; return how many rows."""
        count = after = 0
        while True:
            # Small pages, each waited for: reading a page counts an attempt for each row in it,
            # and a row that never had its turn must not look as if it had brought the bot down.
            await self.room(_RECOVERED_AT_ONCE)
            page = await self._store.write(
                lambda tx, after=after: tx.undone(_RECOVERED_AT_ONCE, after)  # type: ignore[misc]
            )
            if not page:
                return count
            after = page[-1].number
            count += len(page)
            await self.give(page)

    async def give(self, rows: Sequence[Inbound], updates: dict[int, Any] | None = None) -> None:
        """Hand rows over; ``updates`` are their JSON by update id, where it is at hand.

        Everything is handed over before the first await, so that nothing overtakes.
        """
        await self._settle(
            [
                (row, verdict)
                for row in rows
                if (verdict := self._one(row, (updates or {}).get(row.update_id))) is not None
            ]
        )

    def _one(self, row: Inbound, update: Any) -> str | None:
        """Hand a row over; return None, or why it needs no turn ("" for nothing to answer)."""
        try:
            heard = (
                understand(row.payload, row.number) if update is None else read(update, row.number)
            )
        except OddUpdate as error:
            log.warning("Update %d cannot be understood: %s.", row.number, error)
            return "odd"
        except Exception as error:  # noqa: BLE001 - one odd update must never stop the others
            log.error("Update %d cannot be read: %s.", row.number, type(error).__name__)  # noqa: TRY400
            return "odd"
        if heard is None:
            return ""
        try:
            self._hear(heard if row.attempts == 1 else replace(heard, attempts=row.attempts))
        except Exception as error:  # noqa: BLE001 - it stays undone, and the others are heard
            log.error("Update %d found no ear: %s.", row.number, type(error).__name__)  # noqa: TRY400
        return None

    async def _settle(self, verdicts: Sequence[tuple[Inbound, str]]) -> None:
        if not verdicts:
            return

        def settle(tx: Tx) -> None:
            for row, why in verdicts:
                if why:
                    tx.set_aside(row.number, why)
                else:
                    tx.done_in(row.number)

        try:
            await self._store.write(settle)
        except Exception as error:  # noqa: BLE001 - they are still undone, the next start sees them
            log.warning("Rows of the inbox could not be closed: %s.", type(error).__name__)


class Poll:
    """The loop that asks Telegram for updates."""

    def __init__(
        self,
        bot: telegram.Bot,
        store: Store,
        clock: Clock,
        handover: Handover,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bot = bot
        self._store = store
        self._clock = clock
        self._handover = handover
        self._pause = pause
        self._offset: int | None = None
        self._failures = 0
        self._said: str | None = None

    async def run(self) -> None:
        """Ask until cancelled; raises Misconfigured when Telegram does not know the token.

        Cancelling loses nothing: what is not kept is not confirmed, and what is kept but not
        handed over is undone in the inbox.
        """
        await self._handover.recover()
        await self._without_webhook()
        while True:
            await self._handover.room()
            await self._turn()

    async def _without_webhook(self) -> None:
        while True:
            try:
                info = await client.call(self._bot, "getWebhookInfo")
                if info.get("url"):
                    log.info("A webhook is set from an earlier run; it is removed, to poll.")
                    await client.call(self._bot, "deleteWebhook", {"drop_pending_updates": False})
            except TelegramError as error:
                await self._trouble(error)
            else:
                return

    async def _turn(self) -> None:
        """Ask once, keep what came, hand it over."""
        try:
            page = await client.call(
                self._bot,
                "getUpdates",
                {
                    "offset": self._offset,
                    "limit": PAGE,
                    "timeout": LONG,
                    "allowed_updates": allowed_updates(),
                },
                read=LONG + 10.0,
            )
        except TelegramError as error:
            await self._trouble(error)
            return
        updates = {
            update["update_id"]: update
            for update in (page if isinstance(page, list) else ())
            if isinstance(update, dict) and type(update.get("update_id")) is int
        }
        if not updates:
            if page:  # nothing in it could even be confirmed
                await self._wait("Telegram's answer holds no update the bot can name.")
                return
            # An empty answer confirms all before the offset. Asking without one from here on
            # means that ids may start anew lower, as they do after a week without updates.
            self._offset = None
            self._recovered()
            return
        rows = [(update_id, jsons.dump(update)) for update_id, update in updates.items()]
        try:
            kept = await self._store.write(lambda tx: tx.take_in(rows, self._clock.now()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page stays with Telegram
            self._handover.missed(updates.values())
            await self._wait(
                "Updates could not be kept "
                f"({type(error).__name__}); they stay with Telegram until they can."
            )
            return
        self._offset = max(updates) + 1
        self._recovered()
        await self._handover.give(kept, updates)

    async def _trouble(self, error: TelegramError) -> None:
        match error:
            case InvalidToken():
                raise Misconfigured(NOT_KNOWN) from None
            case RetryAfter():
                await self._wait("Telegram asks the bot to wait.", seconds(error))
            case Conflict():
                await self._wait(_ANOTHER, _CONFLICT_WAIT)
            case BadRequest():
                await self._wait(f"Telegram refuses the question for updates: {error}")
            case NetworkError():
                await self._wait(f"Telegram cannot be reached: {error}")
            case _:
                await self._wait(f"Telegram's answer is of no use: {error}")

    async def _wait(self, sentence: str, span: float | None = None) -> None:
        # The same sentence once, not at every try of a long night.
        if sentence != self._said:
            log.warning("%s", sentence)
            self._said = sentence
        if span is None:
            span = _WAITS[min(self._failures, len(_WAITS) - 1)]
        self._failures += 1
        await self._pause(span)

    def _recovered(self) -> None:
        if self._said is not None:
            log.info("Updates come in again.")
        self._said = None
        self._failures = 0


def seconds(error: RetryAfter) -> float:
    """Return for how long Telegram wants to be left alone."""
    span = error.retry_after
    return span.total_seconds() if isinstance(span, timedelta) else float(span)
