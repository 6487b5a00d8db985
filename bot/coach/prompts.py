"""What the bot says unasked: when a timer is due, whether now is the time for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.coach.scene import Write
from bot.flows.model import Rank
from bot.schedule import rhythm
from bot.store import Person, Timer, Tx

CHECKIN = "checkin"
"""The daily note; its subject is the local date."""

LATER = "checkin_later"
"""The same, put off by hand."""

STOPPED_BY_CARDS = frozenset({LATER})
"""Kinds of timer that a card cancels."""

TALKING = timedelta(minutes=20)
"""So long after the last question someone counts as being in the middle of it."""

WAIT = timedelta(minutes=30)

LATE = timedelta(hours=4)
"""A note later than this is left out: the day has moved on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen with a timer that is due."""

    flow: str | None = None
    wait_until: datetime | None = None
    writes: tuple[Write, ...] = ()


def plan(timer: Timer, person: Person, now: datetime, *, talking: bool, rank: Rank) -> Plan:
    """Decide about a timer that is due.

    ``talking``: the person answered a question a moment ago; ``rank`` is that flow's.
    """
    wanted = person.consent is not None and person.checkin_at is not None
    writes = (next_checkin(person, now),) if timer.kind == CHECKIN else ()
    if now - timer.due_at > LATE or not (wanted or timer.kind == LATER):
        return Plan(writes=writes)
    if talking and (rank != "talk" or now - timer.due_at < WAIT):
        return Plan(wait_until=now + WAIT)
    return Plan("checkin", writes=writes)


def next_checkin(person: Person, after: datetime) -> Write:
    """Return the write that sets the next daily note, if the person wants one."""

    def write(tx: Tx) -> None:
        if person.checkin_at is None or person.zone is None:
            return
        at = time.fromisoformat(person.checkin_at)
        day, due = rhythm.following(after, at, ZoneInfo(person.zone))
        # A note that was already given today stays the only one of its date.
        while tx.set_timer(person.id, due, CHECKIN, day.isoformat(), {}) is None and due < (
            after + timedelta(days=3)
        ):
            day, due = rhythm.following(due, at, ZoneInfo(person.zone))

    return write
