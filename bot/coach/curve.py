"""A person's own curve over their moments, in words, and the question what came after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from bot.coach import prompts
from bot.coach.helps import Moment
from bot.coach.scene import Result, Scene, Write, function
from bot.schedule import rhythm
from bot.store import Entry, Tx

LEAST = 5
"""Moments before there is a curve to tell."""

STRETCH = 5
"""Moments that are told together."""

SHOWN = 4
"""Stretches that are told: the newest."""

LATER = timedelta(hours=3)
"""After so long it may be known what came after."""

QUIET = (time(22), time(9))
"""Between these nobody is asked what came after."""


@dataclass(frozen=True, slots=True)
class Point:
    """One moment: strength at the beginning and at the end, and minutes until it was half."""

    before: int
    after: int | None
    minutes: float | None


def points(entries: Iterable[Entry]) -> list[Point]:
    """Return the moments that began with a number, oldest first."""
    found = []
    for entry in sorted(entries, key=lambda one: (one.happened_at, one.id)):
        before, after = entry.fields.get("intensity_before"), entry.fields.get("intensity_now")
        minutes = entry.fields.get("settled")
        if isinstance(before, int):
            found.append(
                Point(
                    before,
                    after if isinstance(after, int) else None,
                    float(minutes) if isinstance(minutes, int | float) else None,
                )
            )
    return found


def told(found: Sequence[Point], texts: Mapping[str, str]) -> str:
    """Say the curve in words: stretches of moments, each with how many its numbers rest on."""
    stretches = [found[at : at + STRETCH] for at in range(0, len(found), STRETCH)]
    lines, halves = [], []
    for number, stretch in enumerate(stretches):
        pairs = [(one.before, one.after) for one in stretch if one.after is not None]
        minutes = [one.minutes for one in stretch if one.minutes is not None]
        halves.append(median(minutes) if minutes else None)
        first, last = number * STRETCH + 1, number * STRETCH + len(stretch)
        span = f"{first}-{last}" if last > first else str(last)
        line = texts["none"].format(span=span)
        if pairs:
            line = texts["line"].format(
                span=span,
                before=round(sum(b for b, _ in pairs) / len(pairs)),
                after=round(sum(a for _, a in pairs) / len(pairs)),
                n=len(pairs),
            )
        if minutes:
            line += " " + texts["minutes"].format(minutes=round(median(minutes)), n=len(minutes))
        lines.append(line)
    lines = lines[-SHOWN:]
    known = [half for half in halves if half is not None]
    if len(known) > 1 and known[-1] > known[-2]:
        lines.append(texts["longer"])
    return "\n".join([texts["head"], *lines])


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``11th``."""
    teen = 10 <= number % 100 <= 20  # noqa: PLR2004 - eleventh, twelfth …
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


# --- what came after -------------------------------------------------------------------------


def later(scene: Scene, moment: Moment) -> tuple[Write, ...]:
    """Return the write that sets the question what came after."""
    person = scene.person
    hours = person.said.get("after_hours")
    delay = timedelta(hours=hours) if isinstance(hours, int) else LATER
    due = waking(scene.now + delay, person.zone)
    zone = ZoneInfo(person.zone or "UTC")
    day = scene.now.astimezone(zone).date().isoformat()
    fields = {"entry": moment.entry}

    def write(tx: Tx) -> None:
        tx.set_timer(person.id, due, prompts.AFTER, day, fields)

    return (write,)


def waking(due: datetime, zone: str | None) -> datetime:
    """Return the moment itself, or the end of the quiet hours it falls into."""
    if zone is None:
        return due
    place = ZoneInfo(zone)
    local = due.astimezone(place)
    if QUIET[1] <= local.time() < QUIET[0]:
        return due
    day = local.date() + timedelta(days=1 if local.time() >= QUIET[0] else 0)
    return rhythm.moment(day, QUIET[1], place)


@function("ask", "morning", "gone")
async def after_begin(scene: Scene) -> Result:
    """Find the moment that is asked about; it may be gone by now."""
    who, name = scene.person.id, str(scene.frame.values.get("entry"))
    entry = await scene.store.read(lambda tx: tx.entry(who, name))
    if entry is None:
        return Result(goto="gone")
    return Result(goto="morning" if entry.fields.get("after") else "ask")


@function("relief", "done")
async def keep_after(scene: Scene) -> Result:
    """Add what came after to the moment; after relief it is asked once more in the morning."""
    who, name = scene.person.id, str(scene.frame.values.get("entry"))
    field = "next_day" if "next_day" in scene.frame.answers else "after"
    said = scene.frame.shown.get(field, scene.frame.answers.get(field))
    if said is None:
        return Result({"forgotten": True}, goto="done")
    relief = scene.frame.answers.get("after") == "relief"
    zone = ZoneInfo(scene.person.zone or "UTC")
    day, due = rhythm.following(scene.now, QUIET[1], zone)
    now = scene.now

    def write(tx: Tx) -> None:
        entry = tx.entry(who, name)
        if entry is None:
            return
        fields = {**entry.fields, field: said}
        tx.save_entry(who, replace(entry, fields=fields, edited_at=now))
        if relief:
            tx.set_timer(who, due, prompts.MORNING_AFTER, day.isoformat(), {"entry": name})

    return Result(
        {"forgotten": True}, goto="relief" if relief else "done", settled=True, writes=(write,)
    )
