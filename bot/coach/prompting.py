"""A timer that rings, and the turn that comes of it: what the bot says first."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from bot.clock import Clock
from bot.coach import cadence, prompts
from bot.coach.calls import Animate, Say
from bot.coach.play import Play
from bot.coach.turn import Turn
from bot.flows import engine
from bot.flows.model import Library, Pause
from bot.flows.session import Frame, Session
from bot.store import Due, Event, Outbound, Person, Store, Timer, Tx

log = logging.getLogger(__name__)

_Found = tuple[Timer, Person, Mapping[str, Any] | None, list[Timer], list[Event]]
"""What is known of a person when one of their timers is due."""

Deliver = Callable[[Iterable[Outbound]], None]


class Prompting:
    """Speaks first, or waits, or leaves it, as the plan of a timer says."""

    def __init__(
        self, play: Play, store: Store, library: Library, clock: Clock, deliver: Deliver
    ) -> None:
        self._play = play
        self._store = store
        self._library = library
        self._clock = clock
        self._deliver = deliver
        self._say: Mapping[str, str] = library.phrases.say

    async def ring(self, timer: Due) -> None:
        """Give a timer its turn; one that fails is left out, and nothing else waits for it."""
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

    async def _let_go(self, timer: Due) -> None:
        """Leave a timer out that failed; what repeats goes on with its next one."""
        now = self._clock.now()

        def write(tx: Tx) -> None:
            tx.timer_done(timer.id, now)
            person = tx.person(timer.person)
            if person is not None:
                prompts.planned(person, now)(tx)

        await self._store.write(write)

    async def _prompt(self, due: Due) -> None:
        now, who = self._clock.now(), due.person

        def look(tx: Tx) -> _Found | None:
            person = tx.person(who)
            timers = tx.timers(who) if person and person.here else []
            timer = next((one for one in timers if one.id == due.id), None)
            if person is None or timer is None:
                return None
            return timer, person, tx.session(who), timers, tx.events(who)

        found = await self._store.read(look)
        if found is None:
            # Cancelled meanwhile, of someone who is gone, or damaged: it shall not come up again.
            await self._store.write(lambda tx: tx.timer_done(due.id, now))
            return
        timer, person, kept, others, events = found
        session = Session.from_json(kept or {})
        kind = prompts.KINDS.get(timer.kind)
        turn = Turn(person, session, self._library, now, lane=kind.lane if kind else None)
        base = session.base
        known = self._library.flows.get(base.flow) if base else None
        around = prompts.Around(
            talking=base is not None and turn.age < prompts.TALKING,
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
            turn.change(plan.person)
        if plan.speak:
            turn.lead = self._say[plan.lead] if plan.lead else ""
            turn.silent = plan.silent
            if timer.kind == prompts.PAUSE:
                await self._go_on(turn, timer)
            elif plan.flow in self._library.flows:
                await self._play.open(turn, plan.flow, values=plan.values)
        self._deliver(await self._store.write(turn.write))

    async def _go_on(self, turn: Turn, timer: Timer) -> None:
        """Let the flow go on whose pause is over; what is more urgent only hears of it.

        Right of way holds here too: a card, or another moment that is being talked about, stays
        open. A flow that is gone is opened anew, with what the timer knows of it.
        """
        fields = dict(timer.fields)
        flow = str(fields.pop("flow", ""))
        if turn.now - timer.due_at > prompts.PUNCTUAL and "late" in fields:
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
        beside = str(fields.get("beside") or fields.get("over", ""))
        if engine.burns(self._library, turn.session):
            # What is being typed just now was promised to be deleted: the question stays open.
            turn.chosen("", None)
            facts = self._play.facts(turn.person)
            moved, effects = engine.ask_again(self._library, turn.session, facts, beside + "\n")
            await self._play.carry(turn, moved, effects, None)
        elif (urgent and turn.age < prompts.TALKING) or "card" in ranks:
            turn.tell(beside)
        elif at is None:
            known = next(
                (f.values["moment"] for f in reversed(frames) if "moment" in f.values), None
            )
            await self._play.open(
                turn, flow, values={**fields, **({"moment": known} if known else {})}
            )
        else:
            await self._ring_on(turn, flow, beside)
        if timer.fields.get("silent"):
            turn.calls = [
                replace(call, silent=True) if isinstance(call, Say | Animate) else call
                for call in turn.calls
            ]

    async def _ring_on(self, turn: Turn, flow: str, beside: str) -> None:
        session = turn.session
        effects: list[engine.Effect] = []
        while session.frames[-1].flow != flow:
            session, dropped = engine.give_way(self._library, session)
            effects += dropped
        await self._play.carry(turn, session, effects, None)
        if not engine.pauses(self._library, turn.session):
            # It went on by hand to a question of its own, which stays the open one.
            turn.tell(beside)
            return
        moved, effects = engine.answer(
            self._library, turn.session, engine.Rang(), self._play.facts(turn.person)
        )
        await self._play.carry(turn, moved, effects, None)

    def _past(self, frame: Frame) -> Frame:
        """Return a waiting frame moved on to where its timer leads, to be asked when it is back."""
        flow = self._library.flows.get(frame.flow)
        step = flow.step(frame.step) if flow else None
        return replace(frame, step=step.rings) if isinstance(step, Pause) else frame


def _new(frame: Frame, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a timer says about its flow; the flow's own moment is the newer one."""
    return {k: v for k, v in fields.items() if k != "moment" or "moment" not in frame.values}
