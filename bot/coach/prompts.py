"""What the bot says unasked: which timers there are, and whether now is the time for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.coach.scene import Write
from bot.flows.model import Rank
from bot.schedule import rhythm
from bot.store import Lane, Person, Timer, Tx

CHECKIN = "checkin"
"""The daily note; its subject is the local date."""

LATER = "checkin_later"
"""The same, put off by hand."""

PAUSE = "pause"
"""The timer of a pause step: its flow goes on by itself. Its fields name the flow."""

MORNING = "morning"
"""The check next morning, where it was agreed on a card. It says no more than that it is there."""

RETURN = "return"
"""The time someone said they would be back."""

WORDS = "words"
"""Words that were kept till the morning."""

AFTER = "after"
"""Asks what came after a moment; its subject is the local date, so a day has one question."""

MORNING_AFTER = "after_morning"
"""Asks once more the next morning, where the answer was relief."""

TALKING = timedelta(minutes=20)
"""So long after the last question someone counts as being in the middle of it."""

WAIT = timedelta(minutes=30)

LATE = timedelta(hours=4)
"""A note later than this is left out: the day has moved on."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of timer and how it behaves when it is due."""

    flow: str = ""
    """The flow it opens, with the timer's fields as what it takes; a pause names its own."""
    lane: Lane = Lane.BULK
    late: timedelta | None = LATE
    """Later than this it is left out; None: it comes however late."""
    waits: bool = True
    """It waits while the person is in the middle of something."""
    stopped_by_cards: bool = True
    rests: bool = True
    """It is left out on the day after an urgent card."""
    repeats: Callable[[Person, datetime], Write] | None = None
    wanted: Callable[[Person], bool] = lambda person: person.consent is not None


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


KINDS: dict[str, Kind] = {
    CHECKIN: Kind(
        "checkin",
        stopped_by_cards=False,  # it goes on the day after; the quiet in between is the plan's
        repeats=next_checkin,
        wanted=lambda person: person.consent is not None and person.checkin_at is not None,
    ),
    LATER: Kind("checkin"),
    MORNING: Kind(
        "morning",
        Lane.TIMER,
        late=timedelta(hours=12),
        stopped_by_cards=False,  # it was agreed on one
        rests=False,
        wanted=lambda _: True,
    ),
    # Whoever started a timer hears it, however late, before consent too.
    PAUSE: Kind("", Lane.TIMER, late=None, waits=False, rests=False, wanted=lambda _: True),
    RETURN: Kind("back", Lane.TIMER, late=None, waits=False, rests=False, wanted=lambda _: True),
    WORDS: Kind("kept_words", Lane.TIMER, late=timedelta(hours=12), wanted=lambda _: True),
    AFTER: Kind("after", late=timedelta(hours=20)),
    MORNING_AFTER: Kind("after"),
}
"""Every kind of timer."""

STOPPED_BY_CARDS = frozenset(name for name, kind in KINDS.items() if kind.stopped_by_cards)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen with a timer that is due."""

    speak: bool = False
    wait_until: datetime | None = None
    writes: tuple[Write, ...] = ()


def plan(  # noqa: PLR0913 - all that speaks for and against it
    timer: Timer,
    person: Person,
    now: datetime,
    *,
    talking: bool,
    rank: Rank,
    resting: bool = False,
) -> Plan:
    """Decide about a timer that is due.

    ``talking``: the person answered a question a moment ago; ``rank`` is that flow's.
    ``resting``: an urgent card was shown within a day.
    """
    kind = KINDS.get(timer.kind)
    if kind is None:
        return Plan()
    late = now - timer.due_at
    writes = (kind.repeats(person, now),) if kind.repeats else ()
    if resting and kind.rests:
        return Plan(writes=writes)
    if not kind.wanted(person) or (kind.late is not None and late > kind.late):
        return Plan(writes=writes)
    if kind.waits and talking and (rank != "talk" or late < WAIT):
        return Plan(wait_until=now + WAIT)
    return Plan(speak=True, writes=writes)
