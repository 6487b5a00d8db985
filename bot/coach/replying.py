"""What someone typed, tapped or sent, and the turn that comes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.clock import Clock
from bot.coach import cadence, cards, commands
from bot.coach.calls import Amend, Call, Remove
from bot.coach.heard import Document, Edited, Heard, Left, Tapped, Typed, Unreadable
from bot.coach.play import LEFT, Play
from bot.coach.turn import NOTE, NOW, Turn
from bot.errors import LostStep
from bot.flows import engine
from bot.flows.model import Library
from bot.flows.session import Frame
from bot.safety import Verdict
from bot.store import Entry, Lane, new_id

log = logging.getLogger(__name__)

WINDOW = 6
"""How many of the last texts the screener sees, and for how long."""

WINDOW_AGE = timedelta(minutes=30)

REST = timedelta(hours=1)
"""After so long a question that may stay unanswered is over."""

BURST = timedelta(seconds=90)
"""Texts within so long of each other get one reply."""

DAY = timedelta(days=1)

Screen = Callable[[str, Sequence[str], str], Verdict]


class Replying:
    """Answers a person: danger first, then commands, then the open question."""

    def __init__(self, play: Play, library: Library, clock: Clock, screen: Screen) -> None:
        self._play = play
        self._library = library
        self._clock = clock
        self._screen = screen
        self._say: Mapping[str, str] = library.phrases.say

    async def respond(self, turn: Turn, heard: Heard) -> None:
        """Let a turn come of what was heard."""
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
                turn.change(replace(turn.person, here=False))
                turn.writes.append(lambda tx: tx.cancel_timers(who))
            case _:
                pass

    async def greet(self, turn: Turn) -> None:
        """Ask someone who is back after a long quiet how to go on, once nothing else is open."""
        person, top = turn.person, turn.session.top
        busy = top is not None and not engine.at_rest(self._library, turn.session)
        if turn.gone or busy or turn.rank < Lane.REPLY or not cadence.greets(person):
            return
        if person.consent is not None:
            turn.change(cadence.greeted(person))
            await self._play.open(turn, "hello_back")

    async def _typed(self, turn: Turn, text: str, heard: Heard) -> None:
        command, rest = commands.parse(text)
        said = rest if command else text
        burns = engine.burns(self._library, turn.session) and not self._is_over(turn)
        if command is None and burns:
            await self._burn(turn, text, heard)
            return
        # A bare command has no words to screen: /sos answers even when the screener does not.
        verdict = self._judge(turn, said) if said else Verdict("none")
        if verdict.tier in {"none", "soft"} and commands.means_unsafe(text, self._library):
            await self._play.open(turn, "unsafe")  # it asks more than the soft question would
            return
        if verdict.tier != "none":
            await self._card(turn, verdict, said, answers=command is None)
            return
        self._unread(turn, heard)
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
            await self._play.open(turn, pressed, old=self._is_old(heard))
        elif turn.session.frames and engine.plain(text) in self._library.phrases.stop:
            await self._cancel(turn)
        elif turn.session.top is None or self._is_over(turn):
            await self._unasked(turn, text)
        else:
            await self._answered(turn, text)

    async def _burn(self, turn: Turn, text: str, heard: Heard) -> None:
        """Screen words that were promised to be kept nowhere, and delete them from the chat."""
        verdict = self._judge(turn, text)
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
            self._unread(turn, heard)
            turn.calls += gone
            await self._answered(turn, text)

    async def _answered(self, turn: Turn, text: str) -> None:
        """Give the words to the open question."""
        session = turn.session
        try:
            moved, effects = engine.answer(
                self._library, session, engine.Text(text), self._play.facts(turn.person)
            )
        except LostStep:
            await self._lost(turn, text)
            return
        refused = next((e for e in effects if isinstance(e, engine.Refused)), None)
        if refused is None:
            await self._play.carry(turn, moved, effects, None)
        elif refused.why != "buttons":
            await self._play.refused(turn, refused)
        elif session.top is not None and session.top.flow == "unasked":
            await self._one_more(turn, text)
        elif engine.at_rest(self._library, session):
            await self._unasked(turn, text)
        else:
            await self._play.refused(turn, refused)

    def _takes_words(self, turn: Turn) -> bool:
        """Whether a free-text question is open that is still the one being talked about."""
        return engine.waits_for_words(self._library, turn.session) and not self._is_over(turn)

    def _is_over(self, turn: Turn) -> bool:
        """Whether the open question may stay unanswered and by now has, or its moment was left."""
        base = turn.session.base
        flow = self._library.flows.get(base.flow) if base else None
        left = flow is not None and flow.rank == "moment" and turn.age > LEFT
        return left or (engine.at_rest(self._library, turn.session) and turn.age > REST)

    async def _unasked(self, turn: Turn, text: str) -> None:
        """Meet text that no question asked for."""
        person = turn.person
        if person.consent is None:
            await self._play.open(turn, "welcome" if person.adult is None else "unkept")
            return
        asks = commands.means_mind(text, self._library)
        await self._play.open(
            turn, "unasked", values={"mind": self._say["their_mind"] + "\n"} if asks else None
        )
        self._play.add_words(turn, text)

    async def _one_more(self, turn: Turn, text: str) -> None:
        """Take one more line of a burst; it gets one reply, and a later line gets its own."""
        self._play.add_words(turn, text)
        if turn.age > BURST:
            turn.chosen("", None)
            facts = self._play.facts(turn.person)
            moved, effects = engine.ask_again(self._library, turn.session, facts)
            await self._play.carry(turn, moved, effects, None)

    async def _lost(self, turn: Turn, text: str) -> None:
        """Keep what there is and say so: the open question is gone from the content."""
        moved, effects = engine.abandon(self._library, turn.session)
        await self._play.carry(turn, moved, effects, None)
        turn.tell(self._say["lost"])
        if text and turn.person.consent is not None:
            await self._unasked(turn, text)

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
        if not engine.burns(self._library, turn.session):  # else it is kept nowhere, here neither
            recent = [*recent, {"at": turn.now.timestamp(), "text": text[:1000]}][-WINDOW:]
            turn.session = replace(turn.session, recent=tuple(recent))
        return verdict

    def _fresh(self, turn: Turn, item: Mapping[str, Any]) -> bool:
        return turn.now.timestamp() - float(item["at"]) < WINDOW_AGE.total_seconds()

    async def _card(
        self, turn: Turn, verdict: Verdict, text: str, *, answers: bool = False
    ) -> None:
        """Pause what is open, keep its words, and open the way to help.

        ``answers``: the words were said to the open question.
        """
        if cards.is_part_of(turn.session, verdict.tier):
            await self._answered(turn, text)  # said on the card itself: no second one
            return
        apart = cards.stays_apart(verdict.tier, verdict.family)
        self._hold(turn, text, apart=apart, answers=answers)
        moved, effects = engine.abandon(self._library, turn.session)
        await self._play.carry(turn, moved, effects, None)
        if verdict.rule == "fault":
            turn.writes.append(cards.happened(turn.person, turn.now, "fault", verdict.rule))
            turn.tell(self._play.filled("screener_failed", turn.person))
            return
        values = {"family": verdict.family, "rule": verdict.rule}
        await self._play.open(turn, cards.FLOWS[verdict.tier], values=values)

    def _hold(self, turn: Turn, text: str, *, apart: bool, answers: bool) -> None:
        """Keep the words as the open question's answer, or for a note, without going on.

        ``apart``: what comes of them is kept out of look backs until the person says otherwise.
        """
        held = engine.hold(self._library, turn.session, text) if text and answers else None
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
            turn.writes.append(self._play.draft(turn.person, frame, turn))
        turn.session = session

    async def _tapped(self, turn: Turn, data: str, message_id: int | None) -> None:
        number, _, value = data.partition(":")
        open_turn = str(turn.session.turn) if turn.session.asked else ""
        if number != open_turn or not turn.session.frames:
            self._stale(turn, message_id)
            return
        if value == NOW:
            await self._play.open(turn, "activated")
            return
        if value == NOTE:
            self._keep_loose(turn, message_id)
            return
        try:
            moved, effects = engine.answer(
                self._library, turn.session, engine.Tap(value), self._play.facts(turn.person)
            )
        except LostStep:
            if engine.is_lost(self._library, turn.session):
                await self._lost(turn, "")
            else:
                self._stale(turn, message_id)
            return
        await self._play.carry(turn, moved, effects, message_id)

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

    async def _edited(self, turn: Turn, text: str) -> None:
        verdict = self._judge(turn, text)
        if verdict.tier != "none":
            await self._card(turn, verdict, text)
        elif turn.person.consent is not None and self._not_said_today(turn, "edited"):
            turn.tell(self._say["edited"])

    async def _unreadable(
        self, turn: Turn, caption: str | None, heard: Heard, *, own: bool = True
    ) -> None:
        if caption and own:
            await self._typed(turn, caption, heard)
        elif caption and (verdict := self._judge(turn, caption)).tier != "none":
            await self._card(turn, verdict, caption)
        else:
            self._unread(turn, heard)
            if turn.person.adult is None and not turn.session.frames:
                await self._play.open(turn, "welcome")

    def _unread(self, turn: Turn, heard: Heard) -> None:
        """Say, once a day, that only words are read; where there is danger, it is not said."""
        words = isinstance(heard.what, Typed)
        if not words and self._not_said_today(turn, "unreadable"):
            turn.tell(self._say["unreadable"])

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
        await self._play.open(turn, "take_in", values=values)

    def _not_said_today(self, turn: Turn, what: str) -> bool:
        last = turn.person.said.get(what, 0)
        if turn.now.timestamp() - last < DAY.total_seconds():
            return False
        said = {**turn.person.said, what: turn.now.timestamp()}
        turn.change(replace(turn.person, said=said))
        return True

    async def _command(self, turn: Turn, command: str, rest: str) -> None:
        match command:
            case "start":
                await self._start(turn)
            case "cancel":
                await self._cancel(turn)
            case _ if command in commands.LATER:
                turn.tell(self._say["not_built"])
            case _ if command in commands.FLOWS:
                await self._play.open(turn, commands.FLOWS[command], values={"argument": rest})
            case _:
                turn.tell(self._say["unknown_command"])

    async def _start(self, turn: Turn) -> None:
        if turn.person.adult is None:
            await self._play.open(turn, "welcome")
            return
        open_answers = any(f.answers for f in turn.session.frames)
        if not open_answers and cadence.greets(turn.person):
            return  # the hello that waits for them comes at the end of the turn
        await self._play.open(turn, "hello_open" if open_answers else "hello")

    async def _cancel(self, turn: Turn) -> None:
        if turn.session.top is None:
            turn.tell(self._say["nothing_open"])
            return
        turn.chosen("", None)
        try:
            moved, effects = engine.answer(
                self._library, turn.session, engine.Stop(), self._play.facts(turn.person)
            )
        except LostStep:
            moved, effects = engine.abandon(self._library, turn.session)
        kept = any(isinstance(e, engine.Closed) and self._play.is_draft(turn, e) for e in effects)
        turn.tell(self._say["stopped_kept" if kept else "stopped"])
        await self._play.carry(turn, moved, effects, None)

    def _is_old(self, heard: Heard) -> bool:
        """Whether a message waited long at Telegram or here before it was heard."""
        sent = heard.sent_at
        return sent is not None and self._clock.now().timestamp() - sent > REST.total_seconds()
