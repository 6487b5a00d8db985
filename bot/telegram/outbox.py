"""What leaves the bot: rows of the outbox, in order of need, each one call to Telegram.

Order is strict within a chat and lane, and a chat has one call under way. Its next call waits
until the mark of the one before is committed, the marks of many chats sharing a commit: so at
most one message a chat can be doubled, and only when the bot is killed between Telegram's
acceptance and our commit. Other chats go on meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import logging
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from telegram import InputFile
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)

from bot.coach.calls import Amend, Animate, Attach, Call, Remove, Say, from_json
from bot.store.records import Lane
from bot.telegram import client, compose
from bot.telegram.pace import Bucket
from bot.telegram.poll import seconds

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

    import telegram

    from bot.clock import Clock
    from bot.store import Outbound, Store, Tx

log = logging.getLogger(__name__)

File = tuple[str, bytes]
"""A name and what is in it."""
Renderer = Callable[[str, dict[str, Any]], Awaitable[File | list[File]]]
"""Makes the files of an attachment, from the person's id and the fields of the call."""

_AT_ONCE: Final = 48
"""Calls under way across chats, bulk not counted."""
_TOASTS: Final = 32
_TAPS: Final = 1000
"""Answers to taps that may wait for one of those; Telegram takes them for a while only."""
_RENDERED: Final = 4
"""Files being made or waiting to be sent, so that memory stays bounded."""
_PAGE: Final = 200
_ROOM: Final = 5000
"""Rows of one lane in memory; the rest waits in the database."""
_IDS: Final = 10_000
_CHATS: Final = 4096
BURST: Final = 30
"""Messages a chat may get at once; after that one a second."""
_STEADY: Final = 1.0
"""Calls a second in one chat, in the long run."""
_WAITS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_FAULTS: Final = 12
"""How often Telegram may fail at the same call before it is given up: some calls always fail."""
_GLANCE: Final = 1.0
_BIGGEST: Final = 50_000_000
_FAR: Final = timedelta(days=36500)

_AS_GOOD_AS_DONE: Final = frozenset(
    {"message is not modified", "message to edit not found", "message to delete not found"}
)


class _Unsendable(Exception):  # noqa: N818 - names what is wrong with the row
    """A row that no call can be made of; the text is the reason kept with it."""


@dataclass(slots=True, eq=False)
class _Held:
    """A row in memory."""

    row: Outbound
    call: Call | None
    lane: int
    tries: int = 0
    faults: int = 0
    files: list[File] | None = None
    trouble: str | None = None
    rendering: bool = False
    slot: bool = False
    ids: list[int] = field(default_factory=list)
    gone: bool = False


@dataclass(slots=True, eq=False)
class _Chat:
    """One chat's rows by lane, and when it may be spoken to again."""

    id: int
    lanes: tuple[deque[_Held], ...]
    bucket: Bucket
    busy: bool = False
    queued: int | None = None
    flood_until: float = 0.0
    retry_at: float = 0.0
    retry_lane: int = 0
    alarm: asyncio.TimerHandle | None = None

    def opens(self, lane: int, now: float) -> float:
        """Return from when a row of this lane may go."""
        at = self.flood_until
        # A failed network holds back what failed and what is less urgent, not a card after it.
        if lane >= self.retry_lane:
            at = max(at, self.retry_at)
        # Our own measure never holds a card back; Telegram's does.
        if lane != Lane.CARD:
            at = max(at, self.bucket.opens(now))
        return at


@dataclass(slots=True)
class _LaneRows:
    """How much of a lane is in memory; ``behind``: after which number the rest must be read."""

    held: int = 0
    behind: int | None = 0
    dropped: int | None = None


@dataclass(frozen=True, slots=True)
class _Mark:
    """What the database is to know about a call; the chat is free when it does."""

    write: Callable[[Tx], None]
    chat: _Chat
    held: _Held
    leaves: bool = True
    """Whether the row is through; otherwise it will be tried again."""
    ends: tuple[_Held, ...] = ()
    """Other rows that end with it."""


class Outbox:
    """Sends rows; knows nothing of where they come from."""

    def __init__(  # noqa: PLR0913 - all of it is the composition root's to choose
        self,
        bot: telegram.Bot,
        store: Store,
        clock: Clock,
        *,
        bulk_rate: float,
        renderers: Mapping[str, Renderer],
        burst: int = BURST,
        pictures: Mapping[str, bytes] | None = None,
    ) -> None:
        self._bot = bot
        self._pictures = pictures or {}
        self._burst = burst
        self._store = store
        self._clock = clock
        self._renderers = renderers
        self._chats: dict[int, _Chat] = {}
        self._chats_bound = _CHATS
        self._lanes = tuple(_LaneRows() for _ in Lane)
        self._ready: tuple[deque[_Chat], ...] = tuple(deque() for _ in Lane)
        self._known: set[str] = set()
        self._leaving: list[str] = []
        self._later: list[tuple[float, int, _Held]] = []
        self._later_alarm: asyncio.TimerHandle | None = None
        self._ids: OrderedDict[str, int] = OrderedDict()
        self._marks: list[_Mark] = []
        self._under_way = 0
        self._bulk_under_way = 0
        # Enough for the rate at a quarter of a second a call, and never a crowd.
        self._bulk_at_once = max(2, min(_AT_ONCE, int(bulk_rate / 4)))
        self._bulk = Bucket(bulk_rate, max(1.0, bulk_rate / 20))
        self._bulk_until = 0.0
        self._bulk_failures = 0
        self._bulk_alarm: asyncio.TimerHandle | None = None
        self._rendered = asyncio.Semaphore(_RENDERED)
        self._tasks: set[asyncio.Task[None]] = set()
        self._toasts: set[asyncio.Task[None]] = set()
        self._taps: deque[dict[str, Any]] = deque(maxlen=_TAPS)
        self._running = False
        self._draining = False
        self._closed = False
        self._reading = False
        self._said: str | None = None
        self._to_load = asyncio.Event()
        self._to_mark = asyncio.Event()
        self._moved = asyncio.Event()

    # --- what others call

    def add(self, rows: Iterable[Outbound]) -> None:
        """Take rows just committed; to be called right after the commit, in its order."""
        for row in rows:
            lane = self._lanes[row.lane]
            if row.id in self._known:
                continue
            if lane.behind is None and lane.held >= _ROOM:
                lane.behind = row.number - 1
            if lane.behind is not None:
                # Older rows of this lane are still in the database; this one waits behind them.
                low = lane.dropped
                lane.dropped = row.number if low is None else min(low, row.number)
                self._to_load.set()
                continue
            self._hold(row)
        self._pump()

    async def run(self) -> None:
        """Send until cancelled, beginning with what earlier runs left."""
        dropped = await self._store.write(lambda tx: tx.in_doubt())
        if dropped:
            log.warning("%d check-ins were under way when the bot stopped; not repeated.", dropped)
        self._running = True
        self._to_load.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._load())
                group.create_task(self._mark())
        finally:
            self._closed = True
            for handle in (
                self._bulk_alarm,
                self._later_alarm,
                *(chat.alarm for chat in self._chats.values()),
            ):
                if handle is not None:
                    handle.cancel()
            left = [*self._tasks, *self._toasts]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until nothing is left to send, waiting rows included."""
        await self._until(self._nothing_left)

    async def drain(self, patience: float = 8.0) -> None:
        """Before the end: send what can go now, bulk aside; the rest keeps in the database."""
        self._draining = True
        try:
            async with asyncio.timeout(patience):
                await self._until(self._nothing_moves)
        except TimeoutError:
            log.warning("Some messages were still under way at the end; they will be repeated.")
        self._closed = True

    def toast(self, callback_id: str, text: str | None = None) -> None:
        """Answer a tap at once; lost when it fails, for nothing hangs on it."""
        if self._closed:
            return
        self._taps.append({"callback_query_id": callback_id, "text": text})
        if len(self._toasts) < _TOASTS:
            self._spawn(self._answer_taps(), self._toasts)

    async def _answer_taps(self) -> None:
        while self._taps:
            await self._quietly("answerCallbackQuery", self._taps.popleft())

    async def unstored(self, chat: int, say: Say) -> bool:
        """Send without a row, for the one message that must leave when the store fails."""
        parameters = compose.message(chat, say)
        for wait in (0.5, 2.0, 0.0):
            try:
                await self._post("sendMessage", parameters)
            except (BadRequest, Forbidden):
                return False
            except TelegramError as error:
                log.warning("A message outside the outbox failed (%s).", type(error).__name__)
                await asyncio.sleep(wait)
            else:
                return True
        return False

    # --- rows in memory

    def _hold(self, row: Outbound) -> None:
        try:
            call, trouble = from_json(row.call), None
        except (KeyError, TypeError, ValueError):
            call, trouble = None, "unreadable"
        held = _Held(row, call, int(row.lane), trouble=trouble)
        self._known.add(row.id)
        self._lanes[held.lane].held += 1
        if row.due_at > self._clock.now():
            heapq.heappush(self._later, (row.due_at.timestamp(), row.number, held))
            self._watch_later()
        else:
            self._line_up(held)

    def _line_up(self, held: _Held) -> None:
        chat = self._chats.get(held.row.chat)
        if chat is None:
            if len(self._chats) >= self._chats_bound:
                self._forget_chats()
            chat = self._chats[held.row.chat] = _Chat(
                held.row.chat, tuple(deque() for _ in Lane), Bucket(_STEADY, self._burst)
            )
        chat.lanes[held.lane].append(held)
        self._offer(chat)

    def _watch_later(self) -> None:
        # The clock may be moved by hand, so it is looked at every second, not only when due.
        if self._later_alarm is None and self._later and not self._closed:
            wait = min(_GLANCE, max(0.0, self._later[0][0] - self._clock.now().timestamp()))
            loop = asyncio.get_running_loop()
            self._later_alarm = loop.call_later(wait, self._look_later)

    def _look_later(self) -> None:
        self._later_alarm = None
        now = self._clock.now().timestamp()
        while self._later and self._later[0][0] <= now:
            self._line_up(heapq.heappop(self._later)[2])
        self._watch_later()
        self._pump()

    def _forget_chats(self) -> None:
        now = asyncio.get_running_loop().time()
        for chat in list(self._chats.values()):
            if not chat.busy and not any(chat.lanes) and chat.bucket.full(now):
                del self._chats[chat.id]
        self._chats_bound = max(_CHATS, 2 * len(self._chats))

    def _next(self, chat: _Chat) -> _Held | None:
        """Return the most urgent row that can go; a file still being made holds up its lane."""
        for lane in chat.lanes:
            if lane:
                held = lane[0]
                if isinstance(held.call, Attach) and held.files is None and not held.trouble:
                    if not held.rendering:
                        held.rendering = True
                        self._spawn(self._render(chat, held, held.call), self._tasks)
                    continue
                return held
        return None

    def _offer(self, chat: _Chat) -> None:
        """Line a chat up by its most urgent row, now or when it opens."""
        if chat.busy or not self._running or self._closed:
            return
        held = self._next(chat)
        if held is None or (chat.queued is not None and chat.queued <= held.lane):
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        at = chat.opens(held.lane, now)
        if chat.alarm is not None:
            chat.alarm.cancel()
            chat.alarm = None
        if at > now:
            chat.alarm = loop.call_at(at, self._wake, chat)
            return
        chat.queued = held.lane
        self._ready[held.lane].append(chat)

    def _wake(self, chat: _Chat) -> None:
        chat.alarm = None
        self._offer(chat)
        self._pump()

    # --- sending

    def _pump(self) -> None:
        """Start as many calls as may be under way."""
        if self._closed or not self._running:
            return
        for lane, ready in enumerate(self._ready):
            if lane == Lane.BULK:
                break
            while ready and self._under_way < _AT_ONCE:
                chat = ready.popleft()
                if chat.queued == lane:  # else it has moved up meanwhile
                    self._start(chat)
        self._pump_bulk()

    def _pump_bulk(self) -> None:
        ready = self._ready[Lane.BULK]
        if self._draining:
            return
        loop = asyncio.get_running_loop()
        while ready and self._bulk_under_way < self._bulk_at_once:
            chat = ready[0]
            if chat.queued != Lane.BULK:
                ready.popleft()
                continue
            now = loop.time()
            at = max(self._bulk_until, self._bulk.opens(now))
            if at > now:
                if self._bulk_alarm is None:
                    self._bulk_alarm = loop.call_at(at, self._wake_bulk)
                return
            ready.popleft()
            self._bulk.take(now)
            self._start(chat)

    def _wake_bulk(self) -> None:
        self._bulk_alarm = None
        self._pump_bulk()

    def _start(self, chat: _Chat) -> None:
        chat.queued = None
        held = self._next(chat)
        if held is None:
            return
        chat.busy = True
        # Telegram's measure is of messages, not of edits.
        if isinstance(held.call, Say | Attach | Animate):
            chat.bucket.take(asyncio.get_running_loop().time())
        if held.lane == Lane.BULK:
            self._bulk_under_way += 1
        else:
            self._under_way += 1
        self._spawn(self._carry(chat, held), self._tasks)

    async def _carry(self, chat: _Chat, held: _Held) -> None:
        """Make one call and see what came of it."""
        try:
            await self._send(held)
        except Exception as error:  # noqa: BLE001 - one row must never stop the others
            self._judge(chat, held, error)
        else:
            self._said = None
            if held.lane == Lane.BULK:
                self._bulk_failures = 0
            self._deliver(chat, held)
        finally:
            if held.lane == Lane.BULK:
                self._bulk_under_way -= 1
            else:
                self._under_way -= 1
            self._pump()

    def _judge(self, chat: _Chat, held: _Held, error: Exception) -> None:
        """Decide what a failed call means for its row."""
        match error:
            case RetryAfter():
                self._again(chat, held, seconds(error), flood=True)
            case Forbidden():
                self._person_gone(chat, held)
            case BadRequest() if str(error) in _AS_GOOD_AS_DONE:
                self._deliver(chat, held)
            case BadRequest() | _Unsendable():
                self._refuse(chat, held, str(error))
            case ChatMigrated():
                self._refuse(chat, held, "chat migrated")
            case TelegramError():
                self._failed(chat, held, error)
            case sqlite3.Error():
                self._say(f"The outbox cannot reach the database ({type(error).__name__}).")
                self._again(chat, held, self._backoff(held))
            case _:
                self._refuse(chat, held, f"fault {type(error).__name__}")

    async def _send(self, held: _Held) -> None:
        """Make the call or calls of a row; ids of what was sent gather in ``held.ids``."""
        row = held.row
        if held.trouble:
            raise _Unsendable(held.trouble)
        if held.lane == Lane.BULK and not await self._store.write(lambda tx: tx.in_flight(row.id)):
            raise _Unsendable("person deleted")
        match held.call:
            case Say() as say:
                sent = await self._post("sendMessage", compose.message(row.chat, say))
                held.ids.append(sent["message_id"])
            case Amend() as amend:
                await self._amend(row, amend)
            case Remove(message_ids) as remove:
                gone = await self._remove(row.chat, message_ids)
                if told := remove.done if gone else remove.failed:
                    sent = await self._post("sendMessage", compose.message(row.chat, Say(told)))
                    held.ids.append(sent["message_id"])
            case Animate() as animate:
                await self._animate(held, animate)
            case Attach() as attach:
                await self._attach(held, attach)
            case _:
                raise _Unsendable("unreadable")

    async def _post(self, method: str, parameters: dict[str, Any]) -> Any:
        try:
            return await client.call(self._bot, method, parameters)
        except BadRequest as error:
            if "parse_mode" not in parameters or str(error) != "can't parse entities":
                raise
        # A slip in the markup must not keep a card from someone; the words are what counts.
        log.warning("Telegram did not take the markup of a message; it goes as plain text.")
        return await client.call(self._bot, method, compose.plain(parameters))

    async def _amend(self, row: Outbound, amend: Amend) -> None:
        message_id = amend.message_id
        if message_id is None and amend.row is not None:
            message_id = self._ids.get(amend.row)
            if message_id is None and row.person is not None:
                person, target = row.person, amend.row
                message_id = await self._store.read(lambda tx: tx.message_of(person, target))
        if message_id is None:
            raise _Unsendable("no message to change")
        await self._post(*compose.amendment(row.chat, message_id, amend))

    async def _remove(self, chat: int, message_ids: tuple[int, ...]) -> bool:
        """Delete messages; return whether all of them are gone."""
        gone = True
        for start in range(0, len(message_ids), 100):
            some = message_ids[start : start + 100]
            try:
                await client.call(
                    self._bot, "deleteMessages", {"chat_id": chat, "message_ids": list(some)}
                )
            except BadRequest:
                for one in some:
                    gone &= await self._remove_one(chat, one)
        return gone

    async def _remove_one(self, chat: int, message_id: int) -> bool:
        try:
            await client.call(
                self._bot, "deleteMessage", {"chat_id": chat, "message_id": message_id}
            )
        except BadRequest as error:
            log.info("A message could not be deleted: %s.", error)
            return str(error) in _AS_GOOD_AS_DONE
        return True

    async def _animate(self, held: _Held, animate: Animate) -> None:
        """Send a moving picture: by the id Telegram gave it, uploaded only the first time."""
        picture = self._pictures.get(animate.name)
        if picture is None:
            raise _Unsendable("no such picture")
        # A picture that was drawn anew is another one.
        name = f"animation {hashlib.sha256(picture).hexdigest()[:16]}"
        parameters = compose.animation(held.row.chat, animate)
        known = await self._store.read(lambda tx: tx.meta(name))
        if known is not None:
            try:
                sent = await self._post("sendAnimation", {**parameters, "animation": known})
            except BadRequest as error:
                log.warning("Telegram lost a picture (%s); it is uploaded again.", error)
            else:
                held.ids.append(sent["message_id"])
                return
        file = InputFile(picture, filename=f"{animate.name}.gif")
        sent = await self._post("sendAnimation", {**parameters, "animation": file})
        held.ids.append(sent["message_id"])
        file_id = str(sent["animation"]["file_id"])
        await self._store.write(lambda tx: tx.set_meta(name, file_id))

    async def _attach(self, held: _Held, attach: Attach) -> None:
        files = held.files or []
        # After a failure half-way, on from where it was.
        for position in range(len(held.ids), len(files)):
            name, content = files[position]
            parameters: dict[str, Any] = {
                "chat_id": held.row.chat,
                "document": InputFile(content, filename=name),
            }
            if attach.caption and position == 0:
                parameters["caption"] = attach.caption
                parameters["parse_mode"] = "HTML"
            sent = await self._post("sendDocument", parameters)
            held.ids.append(sent["message_id"])

    async def _render(self, chat: _Chat, held: _Held, attach: Attach) -> None:
        """Make the files of an attachment, while more urgent rows of the chat go on."""
        await self._rendered.acquire()
        held.slot = True
        try:
            await self._quietly("sendChatAction", {"chat_id": chat.id, "action": "upload_document"})
            made = await self._renderers[attach.render](held.row.person or "", attach.fields)
            files = made if isinstance(made, list) else [made]
            if any(len(content) > _BIGGEST for _, content in files):
                held.trouble = "file is too big"
            held.files = files
        except Exception as error:  # noqa: BLE001 - whatever the maker raises, the chat goes on
            held.trouble = f"not made ({type(error).__name__})"
        finally:
            held.rendering = False
            if held.gone:
                self._release(held)
        self._offer(chat)
        self._pump()

    def _release(self, held: _Held) -> None:
        held.files = None
        if held.slot:
            held.slot = False
            self._rendered.release()

    async def _quietly(self, method: str, fields: dict[str, Any]) -> None:
        try:
            await client.call(self._bot, method, fields)
        except TelegramError as error:
            log.debug("%s failed: %s", method, error)

    # --- what came of it

    def _deliver(self, chat: _Chat, held: _Held) -> None:
        row, ids, now = held.row, tuple(held.ids), self._clock.now()
        if ids:
            self._ids[row.id] = ids[0]
            if len(self._ids) > _IDS:
                self._ids.popitem(last=False)

        def write(tx: Tx) -> None:
            tx.delivered(row.id, ids[0] if ids else None, now)
            if row.person is not None:
                for more in ids[1:]:
                    tx.saw(row.person, more, now)

        self._note(_Mark(write, chat, held))

    def _refuse(self, chat: _Chat, held: _Held, reason: str) -> None:
        row = held.row
        log.warning("Row %d of the outbox is set aside: %s.", row.number, reason)
        self._note(_Mark(lambda tx: tx.refused(row.id, reason), chat, held))

    def _person_gone(self, chat: _Chat, held: _Held) -> None:
        """Whoever blocked the bot is spoken to no more until they return."""
        row = held.row
        others = tuple(one for lane in chat.lanes for one in lane if one is not held)
        log.info("Row %d of the outbox: the person has blocked the bot.", row.number)

        def write(tx: Tx) -> None:
            person = None if row.person is None else tx.person(row.person)
            if person is not None:
                tx.save_person(replace(person, here=False))
                tx.cancel_timers(person.id)
            for one in (held, *others):
                tx.refused(one.row.id, "gone")

        self._note(_Mark(write, chat, held, ends=others))

    def _failed(self, chat: _Chat, held: _Held, error: TelegramError) -> None:
        """No answer, or none of use: whether Telegram took the call may be in doubt."""
        if isinstance(error, InvalidToken):
            self._say("Telegram does not know this token; messages wait.")
        else:
            self._say(f"Messages cannot be sent: {error}")
        held.faults += isinstance(error, client.ServerFault)
        if held.faults >= _FAULTS:
            self._refuse(chat, held, "server fault")
        elif held.lane == Lane.BULK and not isinstance(error, (client.NotSent, InvalidToken)):
            # In doubt, a check-in is not repeated; the lane rests, so that a long failure costs
            # a few of them and not all.
            self._rest_bulk()
            self._refuse(chat, held, "in doubt")
        else:
            self._again(chat, held, self._backoff(held))

    def _backoff(self, held: _Held) -> float:
        wait = _WAITS[min(held.tries, len(_WAITS) - 1)]
        held.tries += 1
        return wait

    def _rest_bulk(self, wait: float | None = None) -> None:
        if wait is None:
            wait = _WAITS[min(self._bulk_failures, len(_WAITS) - 1)]
            self._bulk_failures += 1
        until = asyncio.get_running_loop().time() + wait
        self._bulk_until = max(self._bulk_until, until)

    def _again(self, chat: _Chat, held: _Held, wait: float, *, flood: bool = False) -> None:
        """Try the row again after a while, in its place."""
        row = held.row
        if held.lane == Lane.BULK:
            # It is surely not sent, so it must not look as if it were under way.
            self._rest_bulk(wait)
            now = self._clock.now()
            self._note(_Mark(lambda tx: tx.put_off(row.id, now), chat, held, leaves=False))
            return
        until = asyncio.get_running_loop().time() + wait
        if flood:
            chat.flood_until = until
        else:
            chat.retry_at, chat.retry_lane = until, held.lane
        chat.busy = False
        self._offer(chat)
        self._moved.set()

    def _say(self, sentence: str) -> None:
        if sentence != self._said:  # once, not for each of a thousand messages
            log.warning("%s", sentence)
            self._said = sentence

    # --- marks

    def _note(self, mark: _Mark) -> None:
        self._marks.append(mark)
        self._to_mark.set()

    async def _mark(self) -> None:
        """Commit marks, as many at once as have gathered during the commit before."""
        failures = 0
        while True:
            await self._to_mark.wait()
            self._to_mark.clear()
            batch, self._marks = self._marks, []
            left = await self._commit(batch)
            if not left:
                failures = 0
                continue
            self._marks[:0] = left
            self._say("The outbox cannot note what was sent; it waits for the database.")
            await asyncio.sleep(_WAITS[min(failures, len(_WAITS) - 1)])
            failures += 1
            self._to_mark.set()

    async def _commit(self, batch: list[_Mark]) -> list[_Mark]:
        """Write marks down and free their chats; return those the database did not take."""

        def write(tx: Tx) -> None:
            for mark in batch:
                mark.write(tx)

        try:
            await self._store.write(write)
        except Exception as error:  # noqa: BLE001 - sorted out below
            if len(batch) > 1:  # one of them may be to blame; it must not hold up the others
                left = []
                for mark in batch:
                    left += await self._commit([mark])
                return left
            if isinstance(error, sqlite3.Error):
                return batch
            log.error("A mark cannot be written (%s).", type(error).__name__)  # noqa: TRY400
        for mark in batch:
            self._finish(mark)
        self._pump()
        self._moved.set()
        return []

    def _finish(self, mark: _Mark) -> None:
        chat = mark.chat
        if mark.leaves:
            for held in (mark.held, *mark.ends):
                self._drop(chat, held)
            # Whatever came through shows that the chat can be reached.
            chat.retry_at = 0.0
        chat.busy = False
        self._offer(chat)

    def _drop(self, chat: _Chat, held: _Held) -> None:
        lane = chat.lanes[held.lane]
        if lane and lane[0] is held:
            lane.popleft()
        elif held in lane:
            lane.remove(held)
        held.gone = True
        if not held.rendering:
            self._release(held)
        state = self._lanes[held.lane]
        state.held -= 1
        if state.behind is not None:
            self._to_load.set()
        if self._reading:  # the page being read may still show it as waiting
            self._leaving.append(held.row.id)
        else:
            self._known.discard(held.row.id)

    # --- rows in the database

    async def _load(self) -> None:
        """Read rows that are not in memory, the most urgent lane first, a page at a time."""
        failures = 0
        while True:
            lane = next(
                (
                    lane
                    for lane in Lane
                    if self._lanes[lane].behind is not None
                    and self._lanes[lane].held <= _ROOM - _PAGE
                ),
                None,
            )
            if lane is None:
                self._to_load.clear()
                await self._to_load.wait()
                continue
            try:
                await self._load_page(lane)
                failures = 0
            except Exception as error:  # noqa: BLE001 - the rows stay where they are
                self._say(f"The outbox cannot be read ({type(error).__name__}).")
                await asyncio.sleep(_WAITS[min(failures, len(_WAITS) - 1)])
                failures += 1

    async def _load_page(self, lane: Lane) -> None:
        state = self._lanes[lane]
        after = state.behind or 0
        state.dropped = None
        # Rows put off to a later moment too: from here on the time is watched in memory.
        now = self._clock.now() + _FAR
        self._reading = True
        try:
            page = await self._store.read(
                lambda tx: tx.pending(_PAGE, now=now, lanes=(lane,), after_number=after)
            )
            for row in page:
                if row.id not in self._known:
                    self._hold(row)
        finally:
            self._reading = False
            self._known.difference_update(self._leaving)
            self._leaving.clear()
        last = page[-1].number if page else after
        dropped = self._lanes[lane].dropped
        if dropped is not None:  # rows came while the page was read
            state.behind = min(last, dropped - 1)
        else:
            state.behind = None if len(page) < _PAGE else last
        self._pump()
        self._moved.set()

    # --- waiting

    def _nothing_left(self) -> bool:
        return (
            self._running
            and not self._known
            and not self._tasks
            and not self._toasts
            and not self._marks
            and all(lane.behind is None for lane in self._lanes)
        )

    def _nothing_moves(self) -> bool:
        return (
            not self._under_way
            and not self._bulk_under_way
            and not self._marks
            and not any(chat.busy for chat in self._chats.values())
            and not any(self._ready[lane] for lane in Lane if lane != Lane.BULK)
        )

    async def _until(self, settled: Callable[[], bool]) -> None:
        while not settled():
            self._moved.clear()
            await self._moved.wait()

    def _spawn(self, doing: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        among.add(task)
        task.add_done_callback(lambda done: self._ended(done, among))

    def _ended(self, task: asyncio.Task[None], among: set[asyncio.Task[None]]) -> None:
        among.discard(task)
        self._moved.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A call of the outbox broke (%s).", type(error).__name__)
