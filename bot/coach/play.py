"""Carries what the engine decides into a turn: says it, runs functions, keeps drafts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.coach import cadence, house
from bot.coach.scene import FUNCTIONS, Fetch, Result, Scene
from bot.coach.turn import NOTE, Turn
from bot.errors import LostStep, RefusedAnswer
from bot.flows import engine
from bot.flows.model import Library
from bot.flows.session import Frame, Session, frame_from_json, frame_to_json
from bot.store import Draft, Person, Store, Tx, new_id

LEFT = timedelta(hours=6)
"""After so long words are no answer to a question of the moment any more; a tap still is."""


class Play:
    """Moves one turn through flows; whatever began it, a person or a timer."""

    def __init__(self, store: Store, library: Library, whose: house.House, fetch: Fetch) -> None:
        self._store = store
        self._library = library
        self._house = whose
        self._fetch = fetch
        self._say: Mapping[str, str] = library.phrases.say

    async def open(
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
        lately = _is_moment(base) and turn.age < LEFT
        if name == "activated" and "moment" not in values and lately:
            values["before"] = frame_to_json(base)  # type: ignore[arg-type]
        same = base is not None and base.flow == name and flow.rank == "talk"
        if same and self._begun(turn) and cadence.UNASKED not in values:
            name, values = "again", {"flow": name}
        if old and name == "activated":
            name = "still"
        if turn.session.frames:
            turn.chosen("", None)
        moved, effects = engine.open_flow(
            self._library, turn.session, name, self.facts(person), values
        )
        await self.carry(turn, moved, effects, None)

    def _begun(self, turn: Turn) -> bool:
        base = turn.session.base
        begun = base is not None and bool(base.answers) and "entry" not in base.values
        return begun and not engine.at_rest(self._library, turn.session)

    async def carry(
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
                    await self.refused(turn, refused)
                case engine.Closed() as closed:
                    self._closed(turn, closed)
                case engine.Do(name):
                    runs += 1
                    if runs > engine.HOPS:
                        raise LostStep(f"{name} runs in a circle")
                    pending.extend(await self._run(turn, name))

    async def refused(self, turn: Turn, refused: engine.Refused) -> None:
        """Ask again, say why, and lose nothing: the words can become a note."""
        lead = self._say[f"refused_{refused.why}"] + "\n"
        if refused.text and refused.why in {"buttons", "scale"} and turn.person.consent:
            turn.session = replace(turn.session, loose=(*turn.session.loose, refused.text))
            turn.offers.append((self._say["keep_as_note"], NOTE))
        turn.chosen("", None)
        facts = self.facts(turn.person)
        moved, effects = engine.ask_again(self._library, turn.session, facts, lead)
        await self.carry(turn, moved, effects, None)

    async def _run(self, turn: Turn, name: str) -> list[engine.Effect]:
        run, _ = FUNCTIONS[name]
        top = turn.session.top
        if top is None:
            raise LostStep(f"{name} has no flow to return to")
        scene = Scene(
            turn.person, top, turn.session, turn.now, self._store, self._library, self._fetch
        )
        refused = False
        try:
            result = await run(scene)
        except RefusedAnswer as refusal:
            refused = True
            result = Result(values={"refusal": str(refusal)}, goto="refused")
        turn.writes.extend(result.writes)
        turn.calls.extend(result.calls)
        if result.person is not None:
            turn.change(result.person)
        if result.cards:
            kept = {**turn.session.cards, **result.cards}
            turn.session = replace(turn.session, cards=kept)
        if result.gone:
            turn.gone = True  # and with the person everything that was open under this flow
            turn.session = Session(turn.session.turn, (replace(top, how="opened"),))
        facts = self.facts(turn.person)
        if result.draft is not None:
            return self._take_up(turn, result.draft, facts)
        back = engine.Returned(
            result.values, result.answers, result.goto, result.settled, refused=refused
        )
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
            self.add_words(turn, words)
        return effects

    def _closed(self, turn: Turn, closed: engine.Closed) -> None:
        turn.touch(closed.frame.flow)
        if self.is_draft(turn, closed):
            turn.writes.append(self.draft(turn.person, closed.frame, turn))

    def is_draft(self, turn: Turn, closed: engine.Closed) -> bool:
        """Whether a closed flow leaves words that are in no entry and that nobody gave up."""
        frame = closed.frame
        flow = self._library.flows.get(frame.flow)
        # What was held came after the entry was written; it is in none yet.
        written = "entry" in frame.values and engine.HELD not in frame.values
        kept = flow is None or flow.entry is not None
        told = frame.answers or engine.HELD in frame.values
        given_up = frame.values.get("forgotten") or written
        return bool(kept and told and not given_up and turn.person.consent is not None)

    def draft(self, person: Person, frame: Frame, turn: Turn) -> Callable[[Tx], object]:
        """Return a write that keeps a flow half-way."""
        frame = replace(frame, how="opened", resume="")
        draft = Draft(new_id(), frame.flow, turn.now, frame_to_json(frame))
        return lambda tx: tx.save_draft(person.id, draft)

    def add_words(self, turn: Turn, text: str) -> None:
        """Put one more line to what was typed before any question."""
        top = turn.session.top
        if top is None:
            return
        said = top.answers.get("text")
        answers = {**top.answers, "text": f"{said}\n{text}" if said else text}
        turn.session = turn.session.with_top(replace(top, answers=answers))

    def facts(self, person: Person | None) -> dict[str, str]:
        """Return what every text may show this person by name."""
        return house.facts(self._library, self._house, person)

    def filled(self, phrase: str, person: Person | None) -> str:
        """Return a phrase with its names filled in."""
        frame = Frame("", "")
        return engine.fill(self._say[phrase], frame, self.facts(person), clip=None)


def _is_moment(base: Frame | None) -> bool:
    """Whether what is open is a moment that one may want to go back to."""
    moment = (base.values.get("moment") or {}) if base else {}
    return bool(moment.get("strengths")) and not moment.get("over")
