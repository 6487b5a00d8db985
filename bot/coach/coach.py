"""One turn after another for each person: hear, load, screen, run, commit, hand to the outbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bot.clock import Clock
from bot.coach import cadence, cards, commands, prompts
from bot.coach.calls import Amend, Animate, Call, Remove, Say, to_json
from bot.coach.heard import (
    Document,
    Edited,
    Elsewhere,
    Heard,
    Left,
    Returned,
    Tapped,
    Typed,
    Unreadable,
)
from bot.coach.scene import FUNCTIONS, Fetch, Result, Scene
from bot.coach.turn import NOTE, NOW, Turn
from bot.errors import LostStep, RefusedAnswer
from bot.flows import engine
from bot.flows.model import Library, Pause
from bot.flows.session import Frame, Session, frame_from_json, frame_to_json
from bot.safety import Verdict
from bot.store import Draft, Entry, Event, Lane, Outbound, Person, Store, Timer, Tx, new_id

log = logging.getLogger(__name__)

TRIES = 2
"""An update that failed so often is set aside, with an apology."""

WINDOW = 6
"""How many of the last texts the screener sees, and for how long."""

WINDOW_AGE = timedelta(minutes=30)

REST = timedelta(hours=1)
"""After so long a question that may stay unanswered is over."""

BURST = timedelta(seconds=90)
"""Texts within so long of each other get one reply."""

DAY = timedelta(days=1)

LATE = timedelta(minutes=1)
"""A timer that rings later than this says so."""

_Found = tuple[Person, Mapping[str, Any] | None, list[Timer], list[Event]]
"""What is known of a person when one of their timers is due."""

Deliver = Callable[[Iterable[Outbound]], None]
Toast = Callable[[str, str | None], None]
Screen = Callable[[str, Sequence[str], str], Verdict]
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


@dataclass(frozen=True, slots=True)
class House:
    """Who runs this bot and whom it is for."""

    operator: str = ""
    allowed: frozenset[int] = frozenset()
    """Telegram ids that may talk to it; empty for everyone."""


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
        self._screen = screen
        self._ports = ports
        self._house = house
        self._say: Mapping[str, str] = library.phrases.say
        self._waiting: dict[int, deque[Heard | Timer]] = {}
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

    async def ring(self, timers: Sequence[Timer]) -> None:
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

    def _queue(self, chat: int, item: Heard | Timer) -> None:
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
                    case Timer() as timer:
                        try:
                            await self._rung(timer)
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
            call = to_json(Say(self._filled("apology", person)))
            owner = person.id if person else None
            return [tx.queue(owner, heard.chat, Lane.REPLY, call, now=self._clock.now())]

        self._ports.deliver(await self._store.write(write))

    async def _sos_without_store(self, waiting: Iterable[Heard | Timer]) -> None:
        """``/sos`` answers even when nothing can be stored, once each time it is asked."""
        for item in tuple(waiting):
            if isinstance(item, Timer) or not isinstance(item.what, Typed):
                continue
            asked = item.chat, item.what.message_id
            if commands.parse(item.what.text.strip())[0] == "sos" and asked not in self._cried:
                self._cried.append(asked)
                await self._ports.straight(item.chat, Say(self._filled("sos_footer", None)))

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
        await self._respond(turn, heard)
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
        turn = Turn(person, Session.from_json(kept or {}), self._library, now)
        top = turn.session.top
        turn.touch(top.flow if top else None)
        if not person.here and not isinstance(heard.what, Left):
            self._change(turn, replace(person, here=True))
            turn.writes.append(prompts.planned(turn.person, now))
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
            self._change(turn, person)
        if noted.resumes:
            turn.writes.append(prompts.planned(person, turn.now))

    async def _respond(self, turn: Turn, heard: Heard) -> None:
        match heard.what:
            case Typed(text):
                await self._typed(turn, text, heard)
            case Tapped(data, _, message_id):
                await self._tapped(turn, data, message_id)
            case Edited(text):
                await self._edited(turn, text)
            case Unreadable(kind, _, caption):
                # What was forwarded are someone else's words: screened, but no answer.
                await self._unreadable(turn, caption, heard, own=kind != "forward")
            case Document() as document:
                await self._document(turn, document, heard)
            case Left():
                who = turn.person.id
                self._change(turn, replace(turn.person, here=False))
                turn.writes.append(lambda tx: tx.cancel_timers(who))
            case _:
                pass

    async def _finish(self, turn: Turn, heard: Heard) -> None:
        """Commit the turn whole, then hand its rows to the outbox and answer the tap."""
        await self._greet(turn)
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

    async def _greet(self, turn: Turn) -> None:
        """Ask someone who is back after a long quiet how to go on, once nothing else is open."""
        person, top = turn.person, turn.session.top
        busy = top is not None and not engine.at_rest(self._library, turn.session)
        if turn.gone or busy or turn.rank < Lane.REPLY or not cadence.greets(person):
            return
        if person.consent is not None:
            self._change(turn, cadence.greeted(person))
            await self._open(turn, "hello_back")

    async def _told_once(self, heard: Heard, what: str, *, say: bool) -> None:
        now = self._clock.now()

        def write(tx: Tx) -> list[Outbound]:
            rows = []
            if say and not tx.told(heard.chat, what):
                tx.tell(heard.chat, what, now)
                call = to_json(Say(self._filled(what, None)))
                rows = [tx.queue(None, heard.chat, Lane.REPLY, call, now=now)]
            tx.done_in(heard.number)
            return rows

        self._ports.deliver(await self._store.write(write))

    # --- what was typed ---

    async def _typed(self, turn: Turn, text: str, heard: Heard) -> None:
        command, rest = commands.parse(text)
        said = rest if command else text
        if command is None and engine.burns(self._library, turn.session):
            await self._burn(turn, text, heard)
            return
        # A bare command has no words to screen: /sos answers even when the screener does not.
        verdict = self._judge(turn, said) if said else Verdict("none")
        if verdict.tier in {"none", "soft"} and commands.means_unsafe(text, self._library):
            await self._open(turn, "unsafe")  # it asks more than the soft question would
            return
        if verdict.tier != "none":
            await self._card(turn, verdict, said)
            return
        if command is not None:
            await self._command(turn, command, rest)
            return
        pressed = commands.pressed(text, self._library)
        if pressed is None and commands.means_now(text, self._library):
            if self._takes_words(turn):
                turn.offers.append((self._say["help_me_now"], NOW))
            else:
                pressed = "activated"
        if pressed is not None:
            await self._open(turn, pressed, old=self._is_old(heard))
        elif turn.session.frames and engine.plain(text) in self._library.phrases.stop:
            await self._cancel(turn)
        elif turn.session.top is None or self._is_over(turn):
            await self._unasked(turn, text)
        else:
            await self._answered(turn, text)

    async def _burn(self, turn: Turn, text: str, heard: Heard) -> None:
        """Screen words that were promised to be kept nowhere, and delete them from the chat."""
        recent = turn.session.recent
        verdict = self._judge(turn, text)
        turn.session = replace(turn.session, recent=recent)
        phrases = self._library.phrases
        told = engine.plain(text) in phrases.back | phrases.skip | phrases.stop
        gone: list[Call] = []
        if not told and isinstance(heard.what, Typed | Unreadable):
            say = self._say["burned"], self._say["not_burned"]
            gone = [Remove((heard.what.message_id,), *say)]
        if verdict.tier != "none":
            await self._card(turn, verdict, "")
            turn.calls += gone  # nothing comes before a card
        else:
            turn.calls += gone
            await self._answered(turn, text)

    async def _answered(self, turn: Turn, text: str) -> None:
        """Give the words to the open question."""
        session = turn.session
        try:
            moved, effects = engine.answer(
                self._library, session, engine.Text(text), self._facts(turn.person)
            )
        except LostStep:
            await self._lost(turn, text)
            return
        refused = next((e for e in effects if isinstance(e, engine.Refused)), None)
        if refused is None:
            await self._play(turn, moved, effects, None)
        elif refused.why != "buttons":
            await self._refused(turn, refused)
        elif session.top is not None and session.top.flow == "unasked":
            await self._one_more(turn, text)
        elif engine.at_rest(self._library, session):
            await self._unasked(turn, text)
        else:
            await self._refused(turn, refused)

    def _takes_words(self, turn: Turn) -> bool:
        """Whether a free-text question is open that is still the one being talked about."""
        return engine.waits_for_words(self._library, turn.session) and not self._is_over(turn)

    def _is_over(self, turn: Turn) -> bool:
        """Whether the open question may stay unanswered and by now has."""
        return engine.at_rest(self._library, turn.session) and self._age(turn) > REST

    async def _refused(self, turn: Turn, refused: engine.Refused) -> None:
        """Ask again, say why, and lose nothing: the words can become a note."""
        lead = self._say[f"refused_{refused.why}"] + "\n"
        if refused.text and refused.why in {"buttons", "scale"} and turn.person.consent:
            turn.session = replace(turn.session, loose=(*turn.session.loose, refused.text))
            turn.offers.append((self._say["keep_as_note"], NOTE))
        turn.chosen("", None)
        facts = self._facts(turn.person)
        moved, effects = engine.ask_again(self._library, turn.session, facts, lead)
        await self._play(turn, moved, effects, None)

    async def _unasked(self, turn: Turn, text: str) -> None:
        """Meet text that no question asked for."""
        person = turn.person
        if person.consent is None:
            await self._open(turn, "welcome" if person.adult is None else "unkept")
            return
        asks = commands.means_mind(text, self._library)
        await self._open(
            turn, "unasked", values={"mind": self._say["their_mind"] + "\n"} if asks else None
        )
        self._add_words(turn, text)

    async def _one_more(self, turn: Turn, text: str) -> None:
        """Take one more line of a burst; it gets one reply, and a later line gets its own."""
        self._add_words(turn, text)
        if self._age(turn) > BURST:
            turn.chosen("", None)
            facts = self._facts(turn.person)
            moved, effects = engine.ask_again(self._library, turn.session, facts)
            await self._play(turn, moved, effects, None)

    def _add_words(self, turn: Turn, text: str) -> None:
        top = turn.session.top
        if top is None:
            return
        said = top.answers.get("text")
        answers = {**top.answers, "text": f"{said}\n{text}" if said else text}
        turn.session = turn.session.with_top(replace(top, answers=answers))

    async def _lost(self, turn: Turn, text: str) -> None:
        """Keep what there is and say so: the open question is gone from the content."""
        moved, effects = engine.abandon(self._library, turn.session)
        await self._play(turn, moved, effects, None)
        turn.tell(self._say["lost"])
        if text and turn.person.consent is not None:
            await self._unasked(turn, text)

    # --- danger ---

    def _judge(self, turn: Turn, text: str) -> Verdict:
        """Screen one text and remember it for the next; a screener that throws is a verdict too."""
        recent = [item for item in turn.session.recent if self._fresh(turn, item)]
        top = turn.session.top
        step = f"{top.flow}.{top.step}" if top else ""
        try:
            verdict = self._screen(text, [item["text"] for item in recent], step)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person gets the footer
            log.warning("the screener failed: %s", type(error).__name__)
            verdict = Verdict("soft", "fault", "fault")
        if cards.is_quiet(turn.session.cards, verdict.tier, verdict.rule, turn.now):
            verdict = Verdict("none")
        recent = [*recent, {"at": turn.now.timestamp(), "text": text[:1000]}][-WINDOW:]
        turn.session = replace(turn.session, recent=tuple(recent))
        return verdict

    def _fresh(self, turn: Turn, item: Mapping[str, Any]) -> bool:
        return turn.now.timestamp() - float(item["at"]) < WINDOW_AGE.total_seconds()

    async def _card(self, turn: Turn, verdict: Verdict, text: str) -> None:
        """Pause what is open, keep its words, and open the way to help."""
        if cards.is_part_of(turn.session, verdict.tier):
            await self._answered(turn, text)  # said on the card itself: no second one
            return
        self._hold(turn, text, apart=cards.stays_apart(verdict.tier, verdict.family))
        moved, effects = engine.abandon(self._library, turn.session)
        await self._play(turn, moved, effects, None)
        if verdict.rule == "fault":
            turn.writes.append(cards.happened(turn.person, turn.now, "fault", verdict.rule))
            turn.tell(self._filled("screener_failed", turn.person))
            return
        values = {"family": verdict.family, "rule": verdict.rule}
        await self._open(turn, cards.FLOWS[verdict.tier], values=values)

    def _hold(self, turn: Turn, text: str, *, apart: bool = False) -> None:
        """Keep the words as the open question's answer, or for a note, without going on.

        ``apart``: what comes of them is kept out of look backs until the person says otherwise.
        """
        held = engine.hold(self._library, turn.session, text) if text else None
        session = held or turn.session
        marks = {"interrupted": True, **({cards.APART: True} if apart else {})}
        if session.base is not None:
            frames = [replace(f, values={**f.values, **marks}) for f in session.frames]
            session = replace(session, frames=tuple(frames))
        flow = self._library.flows.get(session.base.flow) if session.base else None
        # A moment leaves no draft of its taps; what was typed in it is not to go with them.
        taps = bool(session.base and session.base.values.get("forgotten"))
        lost = held is None or flow is None or flow.entry is None or taps
        if text and lost and turn.person.consent:
            frame = Frame("unasked", "what", answers={"text": text}, values=marks)
            turn.writes.append(self._draft(turn.person, frame, turn))
        turn.session = session

    # --- taps ---

    async def _tapped(self, turn: Turn, data: str, message_id: int | None) -> None:
        number, _, value = data.partition(":")
        open_turn = str(turn.session.turn) if turn.session.asked else ""
        if number != open_turn or not turn.session.frames:
            self._stale(turn, message_id)
            return
        if value == NOW:
            await self._open(turn, "activated")
            return
        if value == NOTE:
            self._keep_loose(turn, message_id)
            return
        try:
            moved, effects = engine.answer(
                self._library, turn.session, engine.Tap(value), self._facts(turn.person)
            )
        except LostStep:
            if engine.is_lost(self._library, turn.session):
                await self._lost(turn, "")
            else:
                self._stale(turn, message_id)
            return
        await self._play(turn, moved, effects, message_id)

    def _stale(self, turn: Turn, message_id: int | None) -> None:
        turn.toasts.append(self._say["stale"])
        if message_id is not None:
            turn.calls.append(Amend(None, message_id=message_id))

    def _keep_loose(self, turn: Turn, message_id: int | None) -> None:
        """Keep the words that fitted no button as a note; the question stays open."""
        person, session = turn.person, turn.session
        text = "\n".join(session.loose)
        if person.consent is not None and text:
            entry = Entry(new_id(), "note", turn.now, turn.now, person.zone, {"text": text})
            turn.writes.append(lambda tx: tx.save_entry(person.id, entry))
            turn.toasts.append(self._say["kept"])
        turn.session = replace(session, loose=(), asked={**session.asked, "extra": []})
        turn.redraw(engine.open_rows(self._library, turn.session), message_id)

    # --- the other kinds of input ---

    async def _edited(self, turn: Turn, text: str) -> None:
        verdict = self._judge(turn, text)
        if verdict.tier != "none":
            await self._card(turn, verdict, text)
        elif turn.person.consent is not None and self._not_said_today(turn, "edited"):
            turn.tell(self._say["edited"])

    async def _unreadable(
        self, turn: Turn, caption: str | None, heard: Heard, *, own: bool = True
    ) -> None:
        if self._not_said_today(turn, "unreadable"):
            turn.tell(self._say["unreadable"])
        if caption and own:
            await self._typed(turn, caption, heard)
        elif caption and (verdict := self._judge(turn, caption)).tier != "none":
            await self._card(turn, verdict, caption)
        elif turn.person.adult is None and not turn.session.frames:
            await self._open(turn, "welcome")

    async def _document(self, turn: Turn, document: Document, heard: Heard) -> None:
        """Take an export in; any other file is one more thing that is not read."""
        caption = document.caption
        if turn.person.consent is None or not document.name.casefold().endswith(".json"):
            await self._unreadable(turn, caption, heard)
            return
        verdict = self._judge(turn, caption) if caption else None
        if caption and verdict and verdict.tier != "none":
            await self._card(turn, verdict, caption)
            return
        values = {"file_id": document.file_id, "size": document.size}
        await self._open(turn, "take_in", values=values)

    def _not_said_today(self, turn: Turn, what: str) -> bool:
        last = turn.person.said.get(what, 0)
        if turn.now.timestamp() - last < DAY.total_seconds():
            return False
        said = {**turn.person.said, what: turn.now.timestamp()}
        self._change(turn, replace(turn.person, said=said))
        return True

    # --- commands and flows ---

    async def _command(self, turn: Turn, command: str, rest: str) -> None:
        match command:
            case "start":
                await self._start(turn)
            case "cancel":
                await self._cancel(turn)
            case _ if command in commands.LATER:
                turn.tell(self._say["not_built"])
            case _ if command in commands.FLOWS:
                await self._open(turn, commands.FLOWS[command], values={"argument": rest})
            case _:
                turn.tell(self._say["unknown_command"])

    async def _start(self, turn: Turn) -> None:
        if turn.person.adult is None:
            await self._open(turn, "welcome")
            return
        open_answers = any(f.answers for f in turn.session.frames)
        if not open_answers and cadence.greets(turn.person):
            return  # the hello that waits for them comes at the end of the turn
        await self._open(turn, "hello_open" if open_answers else "hello")

    async def _cancel(self, turn: Turn) -> None:
        if turn.session.top is None:
            turn.tell(self._say["nothing_open"])
            return
        turn.chosen("", None)
        try:
            moved, effects = engine.answer(
                self._library, turn.session, engine.Stop(), self._facts(turn.person)
            )
        except LostStep:
            moved, effects = engine.abandon(self._library, turn.session)
        kept = any(isinstance(e, engine.Closed) and self._is_draft(turn, e) for e in effects)
        turn.tell(self._say["stopped_kept" if kept else "stopped"])
        await self._play(turn, moved, effects, None)

    async def _open(
        self,
        turn: Turn,
        name: str,
        *,
        values: Mapping[str, Any] | None = None,
        old: bool = False,
    ) -> None:
        """Open a flow: consent first where it needs it, and the same again only after asking."""
        flow = self._library.flows[name]
        values = dict(values or {})
        person = turn.person
        if not flow.open and person.consent is None:
            if person.adult is False:
                turn.tell(self._say["under_age"])
                return
            name, values = "consent", {"then": name}
        base = turn.session.base
        if name == "activated" and "moment" not in values and _is_moment(base):
            values["before"] = frame_to_json(base)  # type: ignore[arg-type]
        same = base is not None and base.flow == name and flow.rank == "talk"
        if same and self._begun(turn) and cadence.UNASKED not in values:
            name, values = "again", {"flow": name}
        if old and name == "activated":
            name = "still"
        if turn.session.frames:
            turn.chosen("", None)
        moved, effects = engine.open_flow(
            self._library, turn.session, name, self._facts(person), values
        )
        await self._play(turn, moved, effects, None)

    def _begun(self, turn: Turn) -> bool:
        base = turn.session.base
        begun = base is not None and bool(base.answers) and "entry" not in base.values
        return begun and not engine.at_rest(self._library, turn.session)

    def _is_old(self, heard: Heard) -> bool:
        """Whether a message waited long at Telegram or here before it was heard."""
        sent = heard.sent_at
        return sent is not None and self._clock.now().timestamp() - sent > REST.total_seconds()

    def _age(self, turn: Turn) -> timedelta:
        asked = turn.session.asked.get("at", turn.now.timestamp())
        return timedelta(seconds=turn.now.timestamp() - float(asked))

    # --- playing effects ---

    async def _play(
        self,
        turn: Turn,
        session: Session,
        effects: Sequence[engine.Effect],
        message_id: int | None,
    ) -> None:
        """Carry a move's effects into the turn, running functions as they come up."""
        turn.session = session
        pending = deque(effects)
        runs = 0
        while pending:
            match pending.popleft():
                case engine.Tell(text):
                    turn.tell(text)
                case engine.Pose(text, rows, copy):
                    turn.pose(text, rows, copy)
                case engine.Redraw(rows):
                    turn.redraw(rows, message_id)
                case engine.Chosen(label):
                    turn.chosen(label, message_id)
                case engine.Refused() as refused:
                    await self._refused(turn, refused)
                case engine.Closed() as closed:
                    self._closed(turn, closed)
                case engine.Do(name):
                    runs += 1
                    if runs > engine.HOPS:
                        raise LostStep(f"{name} runs in a circle")
                    pending.extend(await self._run(turn, name))

    async def _run(self, turn: Turn, name: str) -> list[engine.Effect]:
        run, _ = FUNCTIONS[name]
        top = turn.session.top
        if top is None:
            raise LostStep(f"{name} has no flow to return to")
        scene = Scene(
            turn.person, top, turn.session, turn.now, self._store, self._library, self._ports.fetch
        )
        try:
            result = await run(scene)
        except RefusedAnswer as refusal:
            result = Result(values={"refusal": str(refusal)}, goto="refused")
        turn.writes.extend(result.writes)
        turn.calls.extend(result.calls)
        if result.person is not None:
            self._change(turn, result.person)
        if result.cards:
            kept = {**turn.session.cards, **result.cards}
            turn.session = replace(turn.session, cards=kept)
        if result.gone:
            turn.gone = True  # and with the person everything that was open under this flow
            turn.session = Session(turn.session.turn, (replace(top, how="opened"),))
        facts = self._facts(turn.person)
        if result.draft is not None:
            return self._take_up(turn, result.draft, facts)
        back = engine.Returned(result.values, result.answers, result.goto, result.settled)
        turn.session, effects = engine.answer(self._library, turn.session, back, facts)
        return effects

    def _take_up(self, turn: Turn, draft: Draft, facts: Mapping[str, str]) -> list[engine.Effect]:
        """Go on with a draft; one whose question is gone becomes words to keep as a note."""
        who = turn.person.id
        turn.writes.append(lambda tx: tx.delete_draft(who, draft.id))
        session = replace(turn.session, frames=turn.session.frames[:-1])
        frame = frame_from_json(draft.frame)
        try:
            turn.session, effects = engine.resume(self._library, session, frame, facts)
        except LostStep:
            words = "\n".join(engine.shown(v) for v in frame.answers.values())
            turn.session, effects = engine.open_flow(self._library, session, "unasked", facts)
            self._add_words(turn, words)
        return effects

    def _closed(self, turn: Turn, closed: engine.Closed) -> None:
        turn.touch(closed.frame.flow)
        if self._is_draft(turn, closed):
            turn.writes.append(self._draft(turn.person, closed.frame, turn))

    def _is_draft(self, turn: Turn, closed: engine.Closed) -> bool:
        """Whether a closed flow leaves words that are in no entry and that nobody gave up."""
        frame = closed.frame
        flow = self._library.flows.get(frame.flow)
        # What was held came after the entry was written; it is in none yet.
        written = "entry" in frame.values and engine.HELD not in frame.values
        kept = flow is None or flow.entry is not None
        told = frame.answers or engine.HELD in frame.values
        given_up = frame.values.get("forgotten") or written
        return bool(kept and told and not given_up and turn.person.consent is not None)

    def _draft(self, person: Person, frame: Frame, turn: Turn) -> Callable[[Tx], object]:
        frame = replace(frame, how="opened", resume="")
        draft = Draft(new_id(), frame.flow, turn.now, frame_to_json(frame))
        return lambda tx: tx.save_draft(person.id, draft)

    def _change(self, turn: Turn, person: Person) -> None:
        turn.person = person
        turn.changed = True

    def _lay_keyboard(self, turn: Turn) -> None:
        """Put the reply keyboard under the last bubble that has no buttons of its own."""
        if turn.gone or turn.person.adult is None or turn.lane is not None:
            return
        for at in range(len(turn.calls) - 1, -1, -1):
            call = turn.calls[at]
            if isinstance(call, Say) and not call.buttons:
                turn.calls[at] = replace(call, keyboard=commands.keyboard(self._library))
                return

    # --- words of the house ---

    def _facts(self, person: Person | None) -> dict[str, str]:
        return facts(self._library, self._house, person)

    def _filled(self, phrase: str, person: Person | None) -> str:
        frame = Frame("", "")
        return engine.fill(self._say[phrase], frame, self._facts(person), clip=None)

    # --- speaking first ---

    async def _rung(self, timer: Timer) -> None:
        delay = 0.5
        while True:
            try:
                await self._prompt(timer)
            except sqlite3.Error as error:
                log.warning("the database refused a timer: %s", type(error).__name__)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 30.0)
            except Exception:
                log.exception("a timer failed")
                await self._let_go(timer)
                return
            else:
                return

    async def _let_go(self, timer: Timer) -> None:
        """Leave a timer out that failed; what repeats goes on with its next one."""
        now = self._clock.now()

        def write(tx: Tx) -> None:
            tx.timer_done(timer.id, now)
            person = tx.person(timer.person)
            if person is not None:
                prompts.planned(person, now)(tx)

        await self._store.write(write)

    async def _prompt(self, timer: Timer) -> None:
        now, who = self._clock.now(), timer.person

        def look(tx: Tx) -> _Found | None:
            person = tx.person(who) if tx.is_waiting(timer.id) else None
            if person is None:
                return None
            return person, tx.session(who), tx.timers(who), tx.events(who)

        found = await self._store.read(look)
        if found is None:
            return  # cancelled meanwhile
        person, kept, others, events = found
        session = Session.from_json(kept or {})
        kind = prompts.KINDS.get(timer.kind)
        turn = Turn(person, session, self._library, now, lane=kind.lane if kind else None)
        base = session.base
        known = self._library.flows.get(base.flow) if base else None
        around = prompts.Around(
            talking=base is not None and self._age(turn) < prompts.TALKING,
            rank=known.rank if known else "talk",
            hard_until=cadence.hard_until(events, now),
            others=tuple(others),
        )
        plan = prompts.plan(timer, person, now, around)
        if plan.wait_until is not None:
            until = plan.wait_until
            await self._store.write(lambda tx: tx.move_timer(timer.id, until))
            return
        turn.writes.append(lambda tx: tx.timer_done(timer.id, now))
        turn.writes.extend(plan.writes)
        if plan.person is not None and plan.person is not person:
            self._change(turn, plan.person)
        if plan.speak:
            turn.lead = self._say[plan.lead] if plan.lead else ""
            turn.silent = plan.silent
            if timer.kind == prompts.PAUSE:
                await self._go_on(turn, timer)
            elif plan.flow in self._library.flows:
                await self._open(turn, plan.flow, values=plan.values)
        self._ports.deliver(await self._store.write(turn.write))

    async def _go_on(self, turn: Turn, timer: Timer) -> None:
        """Let the flow go on whose pause is over; what is more urgent only hears of it.

        Right of way holds here too: a card, or another moment that is being talked about, stays
        open. A flow that is gone is opened anew, with what the timer knows of it.
        """
        fields = dict(timer.fields)
        flow = str(fields.pop("flow", ""))
        if turn.now - timer.due_at > LATE and "late" in fields:
            fields["over"] = fields["late"]
        frames = turn.session.frames
        at = next((n for n, frame in enumerate(frames) if frame.flow == flow), None)
        ranks = [self._library.flows[f.flow].rank for f in frames if f.flow in self._library.flows]
        urgent = "card" in ranks or (at is None and "moment" in ranks)
        if at is not None:
            waiting = replace(frames[at], values={**frames[at].values, **_new(frames[at], fields)})
            if urgent:
                waiting = self._past(waiting)
            frames = (*frames[:at], waiting, *frames[at + 1 :])
            turn.session = replace(turn.session, frames=frames)
        words = engine.burns(self._library, turn.session)
        if words or (urgent and self._age(turn) < prompts.TALKING) or "card" in ranks:
            turn.tell(str(fields.get("beside") or fields.get("over", "")))
        elif at is None:
            known = next(
                (f.values["moment"] for f in reversed(frames) if "moment" in f.values), None
            )
            await self._open(turn, flow, values={**fields, **({"moment": known} if known else {})})
        else:
            await self._ring_on(turn, flow, fields)
        if timer.fields.get("silent"):
            turn.calls = [
                replace(call, silent=True) if isinstance(call, Say | Animate) else call
                for call in turn.calls
            ]

    async def _ring_on(self, turn: Turn, flow: str, fields: Mapping[str, Any]) -> None:
        session = turn.session
        effects: list[engine.Effect] = []
        while session.frames[-1].flow != flow:
            session, dropped = engine.give_way(self._library, session)
            effects += dropped
        await self._play(turn, session, effects, None)
        if not engine.pauses(self._library, turn.session):
            # It went on by hand to a question of its own, which stays the open one.
            turn.tell(str(fields.get("beside") or fields.get("over", "")))
            return
        moved, effects = engine.answer(
            self._library, turn.session, engine.Rang(), self._facts(turn.person)
        )
        await self._play(turn, moved, effects, None)

    def _past(self, frame: Frame) -> Frame:
        """Return a waiting frame moved on to where its timer leads, to be asked when it is back."""
        flow = self._library.flows.get(frame.flow)
        step = flow.step(frame.step) if flow else None
        return replace(frame, step=step.rings) if isinstance(step, Pause) else frame


def _new(frame: Frame, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a timer says about its flow; the flow's own moment is the newer one."""
    return {k: v for k, v in fields.items() if k != "moment" or "moment" not in frame.values}


def _is_moment(base: Frame | None) -> bool:
    """Whether what is open is a moment that one may want to go back to."""
    moment = (base.values.get("moment") or {}) if base else {}
    return bool(moment.get("strengths")) and not moment.get("over")


def facts(library: Library, house: House, person: Person | None) -> dict[str, str]:
    """Return what every text may show by name."""
    say = library.phrases.say
    lines: Any = library.texts.get("helplines", {})
    country = (person.country or "") if person else ""
    known = next((c for c in lines.get("countries", ()) if c["iso"] == country), None)
    return {
        "operator": house.operator or say["someone"],
        "directory": str(lines.get("directory", "")),
        "emergency": known["emergency"] if known else say["local_emergency"],
    }


FACTS = frozenset({"operator", "directory", "emergency"})
"""The names of ``facts``, for the loader."""
