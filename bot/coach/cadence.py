"""How much a person hears unasked: quiet hours, a day's budget, pauses, less when it goes unread.

Pure: everything it knows of a person stands in ``Person.cadence``, as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bot.schedule import rhythm
from bot.store import Event, Person

BUDGET = 2
"""Unasked messages a day, the check-in included."""

THIN = 3
"""After so many unanswered notes every second day is enough."""

LAST = 7
"""After so many unanswered notes there is one kind line, and then quiet."""

AFTER_HARD = timedelta(hours=24)
"""So long after a hard moment nothing comes but what was agreed."""

AWAY = timedelta(days=3)
"""Someone who was here within this needs no hello."""

CALL = "call"
"""Paused until the person says otherwise."""

UNASKED = "unasked"
"""The value that marks a flow the bot opened by itself."""

Turn = Literal["note", "less", "last", "skip"]


def local(person: Person, moment: datetime) -> datetime:
    """Return a moment as the person's clock shows it; UTC where it is not known."""
    return moment.astimezone(ZoneInfo(person.zone) if person.zone else UTC)


def today(person: Person, now: datetime) -> date:
    """Return the person's own date."""
    return local(person, now).date()


def _with(person: Person, **changes: Any) -> Person:
    merged = {**person.cadence, **changes}
    return replace(person, cadence={k: v for k, v in merged.items() if v not in (None, False, 0)})


# --- quiet hours -----------------------------------------------------------------------------


def has_quiet_hours(person: Person) -> bool:
    """Whether there are quiet hours: a zone is known, and they are not set to nothing."""
    return person.zone is not None and person.quiet_from != person.quiet_till


def is_quiet(person: Person, at: time) -> bool:
    """Whether a time on the person's clock lies in their quiet hours."""
    if not has_quiet_hours(person):
        return False
    start, end = time.fromisoformat(person.quiet_from), time.fromisoformat(person.quiet_till)
    return start <= at < end if start < end else at >= start or at < end


def quiet_until(person: Person, now: datetime) -> datetime | None:
    """Return when the quiet hours that it is now are over; None when it is not quiet."""
    if not is_quiet(person, local(person, now).time()):
        return None
    zone = ZoneInfo(str(person.zone))
    return rhythm.following(now, time.fromisoformat(person.quiet_till), zone)[1]


# --- what holds everything back --------------------------------------------------------------


def is_paused(person: Person, now: datetime) -> bool:
    """Whether the person asked for silence."""
    until = person.cadence.get("paused")
    return until == CALL or (until is not None and now.timestamp() < float(until))


def is_still(person: Person) -> bool:
    """Whether nothing is planned at all, until the person does something."""
    return person.cadence.get("paused") == CALL or bool(person.cadence.get("quiet"))


def pause(person: Person, now: datetime, days: int | None) -> Person:
    """Ask for silence for so many days, or until told otherwise."""
    until = CALL if days is None else (now + timedelta(days=days)).timestamp()
    return _with(person, paused=until, line=None)


def go_on(person: Person) -> Person:
    """End a pause."""
    return _with(person, paused=None, quiet=None, unanswered=None, asked_less=None)


def leave_today(person: Person, now: datetime) -> Person:
    """Ask for nothing more today."""
    return _with(person, not_today=today(person, now).isoformat())


def is_left_today(person: Person, now: datetime) -> bool:
    """Whether the person wanted nothing more today."""
    return person.cadence.get("not_today") == today(person, now).isoformat()


def hard_until(events: Iterable[Event], now: datetime) -> datetime | None:
    """Return until when a hard moment asks for quiet; None when there was none lately."""
    last = max((e.at for e in events if e.tier in {"hard", "abuse"}), default=None)
    return last + AFTER_HARD if last is not None and now - last < AFTER_HARD else None


# --- the day's budget ------------------------------------------------------------------------


def room(person: Person, now: datetime) -> int:
    """Return how many unasked messages the day still holds."""
    day = today(person, now)
    sent = [datetime.fromtimestamp(at, UTC) for at in person.cadence.get("sent", ())]
    return BUDGET - sum(1 for at in sent if today(person, at) == day)


def spoke(person: Person, now: datetime) -> Person:
    """Count one unasked message."""
    since = (now - timedelta(days=2)).timestamp()
    sent = [at for at in person.cadence.get("sent", ()) if at > since]
    return _with(person, sent=[*sent, now.timestamp()])


def keep_line(person: Person, line: str) -> Person:
    """Let what found no room be one line of the next check-in; the first one stays."""
    return _with(person, line=person.cadence.get("line") or line)


def take_line(person: Person) -> tuple[str, Person]:
    """Return the line that waits for the check-in, if any, and the person without it."""
    return str(person.cadence.get("line", "")), _with(person, line=None)


# --- less when less comes back ---------------------------------------------------------------


def every(person: Person) -> int:
    """Return how many days lie between two check-ins."""
    chosen = int(person.cadence.get("every", 1))
    return max(chosen, 2) if int(person.cadence.get("unanswered", 0)) >= THIN else chosen


def how_often(person: Person, days: int) -> Person:
    """Choose how many days lie between two check-ins."""
    return _with(go_on(person), every=None if days == 1 else days)


def checkin_turn(person: Person, now: datetime) -> Turn:
    """Return what it is the turn of, on a day with a check-in."""
    unanswered = int(person.cadence.get("unanswered", 0))
    last = person.cadence.get("last")
    if last is not None and (today(person, now) - date.fromisoformat(last)).days < every(person):
        return "skip"
    if unanswered >= LAST:
        return "last"
    if unanswered >= THIN and not person.cadence.get("asked_less"):
        return "less"
    return "note"


def checked_in(person: Person, now: datetime, turn: Turn) -> Person:
    """Count a check-in that was sent; it is unanswered until something comes back."""
    return _with(
        person,
        last=today(person, now).isoformat(),
        unanswered=int(person.cadence.get("unanswered", 0)) + 1,
        asked_less=person.cadence.get("asked_less") or turn == "less",
        quiet=turn == "last",
    )


def answered(person: Person) -> Person:
    """Note that an unasked message was answered, in whatever way."""
    return _with(person, unanswered=None, asked_less=None)


@dataclass(frozen=True, slots=True)
class Heard:
    """What it means for the notes that the person did something."""

    person: Person
    resumes: bool = False
    """Notes were held back until now: the next ones are to be planned."""


def heard(person: Person, now: datetime, *, answering: bool) -> Heard:
    """Note a sign of life; ``answering``: an unasked message was open."""
    if not person.cadence and not answering:
        return Heard(person)
    changed = answered(person) if answering and "unanswered" in person.cadence else person
    if not changed.cadence.get("quiet"):
        return Heard(changed)
    last = changed.cadence.get("seen", 0)
    away = now.timestamp() - float(last) > AWAY.total_seconds()
    return Heard(_with(answered(changed), quiet=None, greet=away), resumes=True)


def seen(person: Person, now: datetime) -> Person:
    """Remember, once a day, that the person was here."""
    last = float(person.cadence.get("seen", 0))
    near = abs(now.timestamp() - last) < timedelta(hours=12).total_seconds()
    return person if near else _with(person, seen=now.timestamp())


def greets(person: Person) -> bool:
    """Whether the person is back after a long quiet, and was not asked yet how to go on."""
    return bool(person.cadence.get("greet"))


def greeted(person: Person) -> Person:
    """Note that the person was asked."""
    return _with(person, greet=None)


def keep_nothing_open(person: Person) -> Person:
    """Forget how often notes were wanted and what waits for one."""
    return _with(how_often(person, 1), line=None, third=None, greet=None)


# --- what is asked ---------------------------------------------------------------------------

FORTNIGHT = 14


def rotate(person: Person, now: datetime, prompts: Sequence[tuple[str, str]]) -> tuple[str, Person]:
    """Return the text of the next prompt and the person who was asked it.

    ``prompts`` are pairs of a name and a text that fit the person. None comes again within two
    weeks while there is another one; else the one that was longest ago comes.
    """
    day = today(person, now).toordinal()
    asked = {name: on for name, on in person.cadence.get("asked", ()) if abs(day - on) < 60}  # noqa: PLR2004
    turn = day % len(prompts)
    ordered = [*prompts[turn:], *prompts[:turn]]
    name, text = min(ordered, key=lambda prompt: max(asked.get(prompt[0], 0), day - 2 * FORTNIGHT))
    asked.pop(name, None)
    return text, _with(person, asked=[*asked.items(), (name, day)])


def third(person: Person, kinds: Sequence[str]) -> tuple[str, Person]:
    """Return which kind of third question it is the turn of, and the person who was asked it."""
    turn = int(person.cadence.get("third", 0))
    return kinds[turn % len(kinds)], _with(person, third=turn % len(kinds) + 1)
