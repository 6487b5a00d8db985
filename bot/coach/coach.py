"""One turn after another for each person: hear, load, screen, run, commit, hand to the outbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.clock import Clock
from bot.coach import cadence, commands, prompts, waits
from bot.coach.calls import Say, to_json
from bot.coach.heard import (
    Document,
    Elsewhere,
    Heard,
    Left,
    Returned,
    Tapped,
    Typed,
    Unreadable,
)
from bot.coach.house import House
from bot.coach.play import Play
from bot.coach.prompting import Deliver, Prompting
from bot.coach.replying import Replying, Screen
from bot.coach.scene import Fetch
from bot.coach.turn import Turn
from bot.flows import engine
from bot.flows.model import Library
from bot.flows.session import Session
from bot.store import Due, Lane, Outbound, Store, Tx

log = logging.getLogger(__name__)

TRIES = 2
"""An update that failed so often is set aside, with an apology."""

Toast = Callable[[str, str | None], None]
Straight = Callable[[int, Say], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the coach is connected to: the ways out, and how files come in."""

    deliver: Deliver
    """Takes rows that were committed."""
    toast: Toast
    """Answers a tap at once, unstored."""
    straight: Straight
    """Sends past the outbox: only for ``/sos`` when the store fails."""
    fetch: Fetch


class Coach:
    """Hears what people do and answers each of them in the order it came."""

    def __init__(  # noqa: PLR0913, PLR0917 - the rooms meet here
        self,
        store: Store,
        library: Library,
        clock: Clock,
        screen: Screen,
        ports: Ports,
        house: House,
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._ports = ports
        self._house = house
        self._play = Play(store, library, house, ports.fetch)
        self._replying = Replying(self._play, library, clock, screen)
        self._prompting = Prompting(self._play, store, library, clock, ports.deliver)
        self._waiting: dict[int, deque[Heard | Due]] = {}
        self._ringing = 0
        self._fewer = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()
        self._cried: deque[tuple[int, int]] = deque(maxlen=1000)
        """Messages with ``/sos`` that were answered although they could not be stored."""
        self._idle = asyncio.Event()
        self._idle.set()

    # --- coming in ---

    def hear(self, heard: Heard) -> None:
        """Take one update; it is handled after everything this chat sent before."""
        self._queue(heard.chat, heard)

    async def ring(self, timers: Sequence[Due]) -> None:
        """Take timers that were claimed; each waits its turn behind what its person just sent."""

        def chats(tx: Tx) -> dict[str, int]:
            found = (tx.person(who) for who in {timer.person for timer in timers})
            return {person.id: person.chat for person in found if person is not None}

        known = await self._store.read(chats)
        for timer in timers:
            if timer.person in known:
                self._queue(known[timer.person], timer)
                self._ringing += 1

    async def rung(self, most: int = 0) -> None:
        """Wait until no more timers than this wait their turn or have it."""
        while self._ringing > most:
            self._fewer.clear()
            await self._fewer.wait()

    def unkept(self, heard: Heard) -> None:
        """Look at an update that could not be stored: ``/sos`` is answered all the same."""
        if self._lets_in(heard):
            self._start_work(self._sos_without_store((heard,)))

    def busy(self) -> int:
        """Return how many updates and timers wait or are being handled."""
        return sum(len(waiting) for waiting in self._waiting.values())

    async def idle(self) -> None:
        """Wait until nothing is being handled."""
        await self._idle.wait()

    def _queue(self, chat: int, item: Heard | Due) -> None:
        # The queue is the lock: one task a chat, and nothing is awaited before the item is in it.
        waiting = self._waiting.get(chat)
        if waiting is not None:
            waiting.append(item)
            return
        self._waiting[chat] = deque((item,))
        self._idle.clear()
        self._start_work(self._work(chat))

    def _start_work(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._workers.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._workers.discard)

    async def _work(self, chat: int) -> None:
        waiting = self._waiting[chat]
        try:
            while waiting:
                match waiting[0]:
                    case Due() as timer:
                        try:
                            await self._prompting.ring(timer)
                        finally:
                            self._ringing -= 1
                            self._fewer.set()
                    case heard:
                        await self._handle(heard)
                waiting.popleft()
        finally:
            del self._waiting[chat]
            if not self._waiting:
                self._idle.set()

    async def _handle(self, heard: Heard) -> None:
        attempts, delay = heard.attempts, 0.5
        while attempts <= TRIES + 1:
            try:
                await (self._turn(heard) if attempts <= TRIES else self._give_up(heard))
            except sqlite3.Error as error:
                # The database is full, locked or broken: the row is not done, so nothing is lost.
                log.warning("the database refused a turn: %s", type(error).__name__)
                await self._sos_without_store(self._waiting[heard.chat])
                await asyncio.sleep(delay)
                delay = min(delay * 2, 30.0)
            except Exception:
                log.exception("a turn failed")
                attempts += 1
                with contextlib.suppress(sqlite3.Error):
                    await self._store.write(lambda tx: tx.count_attempt(heard.number))
            else:
                return

    async def _give_up(self, heard: Heard) -> None:
        """Set an update aside that failed twice, with an apology and the way to help."""

        def write(tx: Tx) -> list[Outbound]:
            person = tx.person_by_chat(heard.chat)
            open_now = tx.session(person.id) if person else None
            if engine.burns(self._library, Session.from_json(open_now or {})):
                tx.done_in(heard.number)  # promised to be kept nowhere, so not here either
            else:
                tx.set_aside(heard.number, "failed", person.id if person else None)
            call = to_json(Say(self._play.filled("apology", person)))
            owner = person.id if person else None
            return [tx.queue(owner, heard.chat, Lane.REPLY, call, now=self._clock.now())]

        self._ports.deliver(await self._store.write(write))

    async def _sos_without_store(self, waiting: Iterable[Heard | Due]) -> None:
        """``/sos`` answers even when nothing can be stored, once each time it is asked."""
        for item in tuple(waiting):
            if isinstance(item, Due) or not isinstance(item.what, Typed):
                continue
            asked = item.chat, item.what.message_id
            if commands.parse(item.what.text.strip())[0] == "sos" and asked not in self._cried:
                self._cried.append(asked)
                await self._ports.straight(item.chat, Say(self._play.filled("sos_footer", None)))

    def _lets_in(self, heard: Heard) -> bool:
        return not self._house.allowed or heard.sender in self._house.allowed

    # --- a turn ---

    async def _turn(self, heard: Heard) -> None:
        if isinstance(heard.what, Elsewhere):
            await self._told_once(heard, "elsewhere", say=heard.what.can_write)
            return
        if not self._lets_in(heard):
            await self._told_once(heard, "not_for_you", say=not isinstance(heard.what, Left))
            return
        turn = await self._begin(heard)
        if turn is None:
            await self._store.write(lambda tx: tx.done_in(heard.number))
            return
        await self._replying.respond(turn, heard)
        await self._finish(turn, heard)

    async def _begin(self, heard: Heard) -> Turn | None:
        """Load the person and where they are; None when someone unknown only came or went."""
        now = self._clock.now()
        loaded = await self._store.read(lambda tx: tx.load(heard.chat))
        if loaded is None:
            if isinstance(heard.what, Left | Returned):
                return None
            loaded = await self._store.write(lambda tx: tx.add_person(heard.chat, now)), None
        person, kept = loaded
        texts: Any = self._library.texts["moment"]["wait"]
        session = waits.by_now(Session.from_json(kept or {}), texts, now, person.zone)
        turn = Turn(person, session, self._library, now)
        top = turn.session.top
        turn.touch(top.flow if top else None)
        if not person.here and not isinstance(heard.what, Left):
            turn.change(replace(person, here=True))
            turn.writes.append(prompts.planned(turn.person, now))
            # With the timers of whoever left, what waited for one was over too.
            moved, effects = engine.abandon(self._library, turn.session)
            await self._play.carry(turn, moved, effects, None)
        self._note_life(turn, heard)
        return turn

    def _note_life(self, turn: Turn, heard: Heard) -> None:
        """Note that the person did something: what came unasked is answered, a silence over."""
        if not isinstance(heard.what, Typed | Tapped | Unreadable | Document):
            return
        open_note = any(cadence.UNASKED in frame.values for frame in turn.session.frames)
        noted = cadence.heard(turn.person, turn.now, answering=open_note)
        person = noted.person
        if person.consent is not None:
            person = cadence.seen(person, turn.now)
        if person is not turn.person:
            turn.change(person)
        if noted.resumes:
            turn.writes.append(prompts.planned(person, turn.now))

    async def _finish(self, turn: Turn, heard: Heard) -> None:
        """Commit the turn whole, then hand its rows to the outbox and answer the tap."""
        await self._replying.greet(turn)
        top = turn.session.top
        turn.touch(top.flow if top else None)
        self._lay_keyboard(turn)
        what, now = heard.what, turn.now
        own = what.message_id if isinstance(what, Typed | Unreadable | Document) else None

        def write(tx: Tx) -> list[Outbound]:
            rows = turn.write(tx)
            if own is not None and not turn.gone:
                tx.saw(turn.person.id, own, now)
            tx.done_in(heard.number)
            return rows

        self._ports.deliver(await self._store.write(write))
        if isinstance(what, Tapped):
            self._ports.toast(what.callback_id, turn.toasts[-1] if turn.toasts else None)

    async def _told_once(self, heard: Heard, what: str, *, say: bool) -> None:
        now = self._clock.now()

        def write(tx: Tx) -> list[Outbound]:
            rows = []
            if say and not tx.told(heard.chat, what):
                tx.tell(heard.chat, what, now)
                call = to_json(Say(self._play.filled(what, None)))
                rows = [tx.queue(None, heard.chat, Lane.REPLY, call, now=now)]
            tx.done_in(heard.number)
            return rows

        self._ports.deliver(await self._store.write(write))

    def _lay_keyboard(self, turn: Turn) -> None:
        """Put the reply keyboard under the last bubble that has no buttons of its own."""
        if turn.gone or turn.person.adult is None or turn.lane is not None:
            return
        for at in range(len(turn.calls) - 1, -1, -1):
            call = turn.calls[at]
            if isinstance(call, Say) and not call.buttons:
                turn.calls[at] = replace(call, keyboard=commands.keyboard(self._library))
                return
