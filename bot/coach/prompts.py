"""What the bot says unasked: which timers there are, and whether now is the time for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import cadence
from bot.coach.scene import Write
from bot.flows.model import Rank
from bot.schedule import rhythm
from bot.store import Lane, Person, Timer, Tx

CHECKIN = "checkin"
"""The daily note; its subject is the local date."""

INTENTION = "intention"
"""The morning note; its subject is the local date."""

LATER = "checkin_later"
"""A note put off by hand; its fields name the flow."""

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

PRACTICE_DAY = "practice_day"
"""The day after a practice was chosen; its subject is the day it was chosen."""

PRACTICE_LOOK = "practice_look"
"""Two weeks after."""

RITUAL = "ritual"
"""A ritual's moment; its subject is the ritual's id and the local date."""

RITUAL_AFTER = "ritual_after"
"""Some hours after a ritual: how it was, asked once."""

TALKING = timedelta(minutes=20)
"""So long after the last question someone counts as being in the middle of it."""

WAIT = timedelta(minutes=30)

LATE = timedelta(hours=4)
"""A note later than this is left out: the day has moved on."""

PUNCTUAL = timedelta(minutes=1)
"""A timer of their own that rings later than this says so."""

NOTICED = timedelta(minutes=10)
"""Later than this it says that it is late."""

SOON = timedelta(hours=2)
"""A timer of their own that rings within this is what they are in the middle of."""

NOTE = "note"
"""The flow that says only that there is a note, for those who chose so."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of timer and how it behaves when it is due."""

    flow: str = ""
    """The flow it opens, with the timer's fields as what it takes; without one, its fields name
    it."""
    lane: Lane = Lane.BULK
    late: timedelta | None = LATE
    """Later than this it is left out; None: it comes however late."""
    waits: bool = True
    """It waits while the person is in the middle of something."""
    stopped_by_cards: bool = True
    rests: bool = True
    """It is left out on the day after an urgent card."""
    repeats: Callable[[Person, Timer, datetime], Write] | None = None
    """Sets the next one of a kind that comes round."""
    wanted: Callable[[Person], bool] = lambda person: person.consent is not None
    order: int = 1
    """What comes first when several are due: 0 the moment, 1 what followed, 2 the daily note."""
    own: bool = False
    """The person started it: no quiet hours, no pause and no budget hold it back."""
    counts: bool = True
    """It is one of the day's unasked messages."""
    chosen: bool = False
    """The person chose its time: inside quiet hours it comes then, without a sound."""
    line: str = ""
    """The phrase that stands for it in the next check-in on a day without room; else it lapses."""
    meant: Callable[[Person, Timer], datetime | None] = lambda _, timer: timer.due_at
    """When it should come as things are now: a zone's rules may have changed since it was set."""


# --- daily times -----------------------------------------------------------------------------


def _daily(
    kind: str, wanted: Callable[[Person], str | None]
) -> Callable[[Person, datetime], Write]:
    """Return what sets the next timer of a daily time, if the person wants one."""

    def next_one(person: Person, after: datetime) -> Write:
        def write(tx: Tx) -> None:
            text = wanted(person)
            if text is None or person.zone is None or cadence.is_still(person):
                return
            at, zone = time.fromisoformat(text), ZoneInfo(person.zone)
            day, due = rhythm.following(after, at, zone)
            # A note that was already given on a date stays the only one of that date.
            while tx.set_timer(person.id, due, kind, day.isoformat(), {}) is None and due < (
                after + timedelta(days=3)
            ):
                day, due = rhythm.following(due, at, zone)

        return write

    return next_one


def _daily_moment(wanted: Callable[[Person], str | None]) -> Callable[[Person, Timer], Any]:
    def meant(person: Person, timer: Timer) -> datetime | None:
        text = wanted(person)
        if text is None or person.zone is None:
            return None
        day = date.fromisoformat(timer.subject)
        return rhythm.moment(day, time.fromisoformat(text), ZoneInfo(person.zone))

    return meant


def _checkin_at(person: Person) -> str | None:
    return person.checkin_at


def _morning_at(person: Person) -> str | None:
    return person.morning_at


next_checkin = _daily(CHECKIN, _checkin_at)
"""Return the write that sets the next daily note, if the person wants one."""

next_intention = _daily(INTENTION, _morning_at)


# --- rituals ---------------------------------------------------------------------------------


def ritual_moment(ritual: Mapping[str, Any], day: date, zone: ZoneInfo) -> datetime:
    """Return when a ritual is on a date."""
    return rhythm.moment(day, time.fromisoformat(str(ritual["at"])), zone)


def next_ritual(person: Person, name: str, after: datetime) -> Write:
    """Return the write that sets a ritual's next reminder."""

    def write(tx: Tx) -> None:
        ritual = person.rituals.get(name)
        if ritual is None or person.zone is None or cadence.is_still(person):
            return
        zone = ZoneInfo(person.zone)
        start = date.fromisoformat(ritual["since"])
        at = time.fromisoformat(ritual["at"])
        found = rhythm.recurring(str(ritual["rule"]), start, at, zone, after)
        while found is not None:
            day, due = found
            subject = f"{name} {day.isoformat()}"
            if tx.set_timer(person.id, due, RITUAL, subject, {"ritual": name}) is not None:
                return
            found = rhythm.recurring(str(ritual["rule"]), start, at, zone, due)

    return write


def _ritual_moment(person: Person, timer: Timer) -> datetime | None:
    ritual = person.rituals.get(str(timer.fields.get("ritual")))
    if ritual is None or person.zone is None:
        return None
    day = date.fromisoformat(timer.subject.partition(" ")[2])
    return ritual_moment(ritual, day, ZoneInfo(person.zone))


def planned(person: Person, now: datetime) -> Write:
    """Return the write that plans every recurring timer anew, after anything about it changed."""

    def write(tx: Tx) -> None:
        tx.cancel_timers(person.id, kinds={CHECKIN, INTENTION, RITUAL})
        if person.consent is None or not person.here:
            return
        next_checkin(person, now)(tx)
        next_intention(person, now)(tx)
        for name in person.rituals:
            next_ritual(person, name, now)(tx)

    return write


# --- the kinds -------------------------------------------------------------------------------

# Whoever started a timer hears it, however late, before consent too.
_OWN = Kind(
    "",
    Lane.TIMER,
    late=None,
    waits=False,
    wanted=lambda _: True,
    own=True,
    rests=False,
    order=0,
)

KINDS: dict[str, Kind] = {
    CHECKIN: Kind(
        "checkin",
        stopped_by_cards=False,  # it goes on the day after; the quiet in between is the plan's
        repeats=lambda person, _, now: next_checkin(person, now),
        wanted=lambda person: person.consent is not None and person.checkin_at is not None,
        order=2,
        chosen=True,
        meant=_daily_moment(_checkin_at),
    ),
    INTENTION: Kind(
        "intention",
        stopped_by_cards=False,
        repeats=lambda person, _, now: next_intention(person, now),
        wanted=lambda person: person.consent is not None and person.morning_at is not None,
        order=2,
        chosen=True,
        meant=_daily_moment(_morning_at),
    ),
    LATER: Kind(counts=False, chosen=True, order=2),
    MORNING: Kind(
        "morning",
        Lane.TIMER,
        late=timedelta(hours=12),
        stopped_by_cards=False,  # it was agreed on one
        rests=False,
        wanted=lambda _: True,
        counts=False,
    ),
    PAUSE: _OWN,
    RETURN: replace(_OWN, flow="back"),
    WORDS: Kind(
        "kept_words",
        Lane.TIMER,
        late=timedelta(hours=12),
        wanted=lambda _: True,
        counts=False,
        chosen=True,
        order=0,
    ),
    AFTER: Kind("after", late=timedelta(hours=20), line="after_line"),
    MORNING_AFTER: Kind("after", line="after_line"),
    PRACTICE_DAY: Kind(
        "practice_day",
        late=timedelta(days=1),
        stopped_by_cards=False,
        wanted=lambda person: person.consent is not None and bool(person.practice),
        line="practice_line",
    ),
    PRACTICE_LOOK: Kind(
        "practice_look",
        late=timedelta(days=14),
        stopped_by_cards=False,
        wanted=lambda person: person.consent is not None and bool(person.practice),
        line="practice_over_line",
    ),
    RITUAL: Kind(
        "ritual_due",
        late=timedelta(hours=1),
        stopped_by_cards=False,
        counts=False,
        chosen=True,
        repeats=lambda person, timer, now: next_ritual(
            person, str(timer.fields.get("ritual")), now
        ),
        meant=_ritual_moment,
    ),
    RITUAL_AFTER: Kind("ritual_after", late=timedelta(hours=12), counts=False, order=3),
}
"""Every kind of timer."""


def stopped_by_cards() -> frozenset[str]:
    """Return the kinds that a card cancels."""
    return frozenset(name for name, kind in KINDS.items() if kind.stopped_by_cards)


STOPPED_BY_CARDS = stopped_by_cards()


# --- the decision ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen with a timer that is due."""

    speak: bool = False
    wait_until: datetime | None = None
    writes: tuple[Write, ...] = ()
    person: Person | None = None
    """The person as they are now, where something was noted about them."""
    flow: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    lead: str = ""
    """The phrase to say first."""
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Around:
    """What else is going on when a timer is due."""

    talking: bool = False
    """The person answered a question a moment ago."""
    rank: Rank = "talk"
    """The open flow's."""
    hard_until: datetime | None = None
    """A hard moment asks for quiet until then."""
    others: tuple[Timer, ...] = ()
    """The person's other waiting timers."""


def plan(timer: Timer, person: Person, now: datetime, around: Around) -> Plan:
    """Decide about a timer that is due: now, later, as a line of the check-in, or not at all."""
    kind = KINDS.get(timer.kind)
    if kind is None:
        return Plan()
    # What was due meanwhile and is not too late comes yet, to the very moment: the next one is
    # looked for strictly after this. A date has one, so none comes twice.
    since = now - (kind.late or timedelta()) - timedelta.resolution
    writes: tuple[Write, ...] = (kind.repeats(person, timer, since),) if kind.repeats else ()
    lapses = Plan(writes=writes)
    meant = kind.meant(person, timer)
    late = now - timer.due_at
    if not kind.wanted(person) or meant is None or _is_over(kind, now - meant, late):
        return lapses
    if meant > now:
        return Plan(wait_until=meant)
    wait = _hold_back(timer, kind, person, now, around)
    if wait is not None:
        over = wait is _NEVER or _is_over(kind, wait - meant, timedelta())
        return lapses if over else Plan(wait_until=wait)
    noted = _room(timer, kind, person, now, around)
    if noted is not None:
        return replace(lapses, person=noted)
    return _speaking(timer, kind, person, now, writes)


_NEVER = datetime.max.replace(tzinfo=UTC)


def _is_over(kind: Kind, passed: timedelta, late: timedelta) -> bool:
    return kind.late is not None and max(passed, late) > kind.late


def _hold_back(
    timer: Timer, kind: Kind, person: Person, now: datetime, around: Around
) -> datetime | None:
    """Return until when a timer has to wait (``_NEVER``: for good), None when it may come."""
    if kind.waits and around.talking and (around.rank != "talk" or now - timer.due_at < WAIT):
        return now + WAIT
    if kind.own:
        return None
    return _unwanted(kind, person, now, around) or _later(timer, kind, person, now, around)


def _unwanted(kind: Kind, person: Person, now: datetime, around: Around) -> datetime | None:
    """Return until when the person wants nothing unasked, or nothing should come."""
    if not kind.rests:
        return None
    if cadence.is_paused(person, now) or person.cadence.get("quiet"):
        return _NEVER
    if kind.counts and cadence.is_left_today(person, now):
        return _NEVER
    if around.hard_until is not None:
        return _NEVER if kind.repeats else around.hard_until
    return None


def _later(
    timer: Timer, kind: Kind, person: Person, now: datetime, around: Around
) -> datetime | None:
    """Return when there is a better moment than now."""
    own = [
        other
        for other in around.others
        if KINDS.get(other.kind, kind).own and other.due_at - now < SOON
    ]
    if own:  # they are in the middle of something, silently
        return max(own[0].due_at, now) + WAIT
    until = cadence.quiet_until(person, now)
    if until is not None and not (kind.chosen and now - timer.due_at < NOTICED):
        return until
    if any(_goes_first(other, kind, now) for other in around.others if other.id != timer.id):
        return now + WAIT
    return None


def _goes_first(other: Timer, kind: Kind, now: datetime) -> bool:
    """Whether another timer is due as well and weighs more."""
    known = KINDS.get(other.kind)
    return known is not None and other.due_at <= now and known.order < kind.order


def _room(timer: Timer, kind: Kind, person: Person, now: datetime, around: Around) -> Person | None:
    """Return the person with what is noted where the day has no room; None where it has."""
    if kind.own or not kind.counts:
        return None
    if timer.kind == CHECKIN:
        skips = cadence.checkin_turn(person, now) == "skip"
        return person if skips or cadence.room(person, now) < 1 else None
    kept = 1 if _checkin_today(person, now, around.others) else 0
    if cadence.room(person, now) > kept:
        return None
    return cadence.keep_line(person, kind.line) if kind.line else person


def _checkin_today(person: Person, now: datetime, others: Iterable[Timer]) -> bool:
    """Whether the check-in is still to come today: a place in the day is kept for it."""
    day = cadence.today(person, now).isoformat()
    return any(
        timer.kind == CHECKIN
        and timer.subject == day
        and cadence.checkin_turn(person, now) != "skip"
        for timer in others
    )


def _speaking(
    timer: Timer, kind: Kind, person: Person, now: datetime, writes: tuple[Write, ...]
) -> Plan:
    flow = str(timer.fields.get("flow") or kind.flow)
    values: dict[str, Any] = {**timer.fields}
    if kind.own:
        return Plan(speak=True, flow=flow, values=values, writes=writes)
    values[cadence.UNASKED] = timer.kind
    quiet = cadence.quiet_until(person, now) is not None
    lead = "late_today" if now - timer.due_at > NOTICED else ""
    if kind.counts:
        person = cadence.spoke(person, now)
    if timer.kind == CHECKIN:
        turn = cadence.checkin_turn(person, now)
        person = cadence.checked_in(person, now, turn)
        flow = {"less": "less_asked", "last": "last_note"}.get(turn, flow)
        if cadence.is_still(person):
            writes = ()
    if person.neutral and flow != "last_note" and kind.rests:
        flow, values = NOTE, {**values, "then": flow}
    return Plan(
        speak=True,
        writes=writes,
        person=person,
        flow=flow,
        values=values,
        lead=lead,
        silent=quiet,
    )
