"""The next moment of a daily time in a person's zone; pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when a local clock time happens on a local date, in UTC.

    In a gap (clocks go forward) 02:30 becomes 03:30, the same real distance after the change; in
    an overlap (clocks go back) the first of the two counts. ``fold=0`` is both of these.
    """
    return datetime.combine(day, at.replace(fold=0), zone).astimezone(UTC)


def following(after: datetime, at: time, zone: ZoneInfo) -> tuple[date, datetime]:
    """Return the next local date and moment of a daily time strictly after a moment.

    One moment belongs to each local date. A date that a zone left out altogether (Samoa,
    30 December 2011) has none of its own: its wall time exists nowhere.
    """
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        due = moment(day, at, zone)
        # A date that was left out falls together with the one after it.
        if due > after and due < moment(day + timedelta(days=1), at, zone):
            return day, due
        day += timedelta(days=1)


def recurring(
    rule: str, start: date, at: time, zone: ZoneInfo, after: datetime
) -> tuple[date, datetime] | None:
    """Return the next date of a recurrence (RFC 5545) and its moment, strictly after a moment.

    The rule only names dates; when its time of day happens on each of them is ``moment``'s to say.
    None for a rule that has no further date.
    """
    days = rrulestr(rule, dtstart=datetime.combine(start, time()))  # a date has no zone
    day = datetime.combine(after.astimezone(zone).date() - timedelta(days=2), time())
    while (found := days.after(day)) is not None:
        day = found
        due = moment(day.date(), at, zone)
        if due > after and due < moment(day.date() + timedelta(days=1), at, zone):
            return day.date(), due
    return None


def clock_time(text: str) -> time | None:
    """Read ``7``, ``7:30``, ``07.30``, ``7 pm`` or ``19h`` as a time; None for anything else."""
    plain = text.strip().casefold().replace("o'clock", "").replace(".", ":").replace("h", ":")
    half = None
    for mark in ("am", "pm"):
        if plain.endswith(mark):
            half, plain = mark, plain.removesuffix(mark)
    hour, _, minute = plain.strip().rstrip(":").partition(":")
    if not (hour.isdecimal() and hour.isascii() and (minute or "0").isdecimal()):
        return None
    if len(hour) > 2 or (minute and (len(minute) != 2 or not minute.isascii())):  # noqa: PLR2004
        return None
    hours, minutes = int(hour), int(minute or 0)
    if half is not None:
        if not 1 <= hours <= 12:  # noqa: PLR2004 - a clock face
            return None
        hours = hours % 12 + (12 if half == "pm" else 0)
    return time(hours, minutes) if hours < 24 and minutes < 60 else None  # noqa: PLR2004
