"""Reads when something happened out of a person's words; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.flows.engine import plain
from bot.schedule import rhythm

_AGO = re.compile(r"(an?|\d{1,3}) ?(minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|w)(?: ago)?")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\b,?\s*(.*)")

_SIGNS = ("-", "+", "\N{MINUS SIGN}")
"""Before a number they make it no time."""

_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}

OLDEST = timedelta(days=366 * 5)
"""Further back than this is more likely a slip of the thumb."""


def moment(text: str, now: datetime, zone: ZoneInfo | None) -> datetime | None:
    """Read ``3 hours ago``, ``yesterday 21:00``, ``18:30`` or ``2026-11-20 18:30``.

    Clock times and dates need the person's zone. None for what cannot be read, for the future and
    for more than five years ago.
    """
    said = " ".join(text.casefold().split())
    found = _ago(said, now)
    if found is None and zone is not None:
        found = _on_the_clock(said, now, zone)
    if found is None or found > now or now - found > OLDEST:
        return None
    return found


def clock_times(text: str, words: Mapping[str, Any]) -> tuple[time, ...]:
    """Read a time of day, words too; two where it could be either half of the day, none if not one.

    ``words`` are the language's: names of times, of numbers, of halves of the day.
    """
    at = rhythm.clock_time(text)
    if at is not None:
        return (at,)
    said = "" if text.strip()[:1] in _SIGNS else plain(text)
    for lead in words["leads"]:
        said = said.removeprefix(lead + " ")
    if said in words["named"]:
        return (time.fromisoformat(words["named"][said]),)
    half = next((h for h in words["halves"] if said.endswith(" " + h)), None)
    said = said.removesuffix(half).strip() if half else said
    past = next((p for p in words["parts"] if said.startswith(p + " ")), None)
    said = said.removeprefix(past).strip() if past else said
    hour = words["numbers"].get(said, int(said) if said.isascii() and said.isdecimal() else 0)
    if not 1 <= hour <= 12:  # noqa: PLR2004 - a clock face
        return ()
    minutes = hour % 12 * 60 + (words["parts"][past] if past else 0)
    both = ((minutes + later) % (24 * 60) for later in (0, 12 * 60))
    found = tuple(time(*divmod(m, 60)) for m in both)
    return found if half is None else (found[words["halves"][half] == "pm"],)


def _ago(text: str, now: datetime) -> datetime | None:
    if text in {"now", "just now"}:
        return now
    if text == "this time yesterday":
        return now - timedelta(days=1)
    match = _AGO.fullmatch(text)
    if match is None:
        return None
    count = 1 if match[1].startswith("a") else int(match[1])
    return now - count * _UNITS[match[2][0]]


def _on_the_clock(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    today = now.astimezone(zone).date()
    day, rest = today, text
    for word, back in (("yesterday", 1), ("today", 0), ("last night", 1), ("this morning", 0)):
        if text.startswith(word):
            day, rest = today - timedelta(days=back), text.removeprefix(word).strip()
    if (dated := _DATE.fullmatch(text)) is not None:
        try:
            day, rest = date(int(dated[1]), int(dated[2]), int(dated[3])), dated[4]
        except ValueError:
            return None
    rest = rest.removeprefix("at ").strip(" ,")
    if not rest and rest != text:
        rest = "12:00"
    at = rhythm.clock_time(rest)
    if at is None:
        return None
    found = rhythm.moment(day, at, zone)
    if found > now and rest == text:
        found = rhythm.moment(day - timedelta(days=1), at, zone)  # "23:30", typed after midnight
    return found


_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([a-z]{3,9})")
_MONTH_DAY = re.compile(r"([a-z]{3,9}) (\d{1,2})(?:st|nd|rd|th)?")

FURTHEST = timedelta(days=366 * 2)


def day(text: str, today: date) -> date | None:
    """Read ``tomorrow``, ``friday``, ``24 december`` or ``2026-12-24``, from today on.

    None for what cannot be read, for what is past and for more than two years ahead.
    """
    plain = " ".join(text.casefold().replace(",", " ").split()).removeprefix("on ")
    plain = plain.removeprefix("next ").removeprefix("this ").strip(" .")
    if plain in {"today", "tonight", "tomorrow"}:
        return today + timedelta(days=plain == "tomorrow")
    for number, name in enumerate(_DAYS):
        if plain in {name, name[:3]}:
            return today + timedelta(days=(number - today.weekday()) % 7)
    found = _dated(plain, today)
    if found is None or not today <= found <= today + FURTHEST:
        return None
    return found


def _dated(text: str, today: date) -> date | None:
    year, month, number = today.year, 0, 0
    if (whole := _DATE.fullmatch(text)) is not None and not whole[4]:
        year, month, number = int(whole[1]), int(whole[2]), int(whole[3])
    elif (found := _DAY_MONTH.fullmatch(text)) is not None:
        month, number = _month(found[2]), int(found[1])
    elif (found := _MONTH_DAY.fullmatch(text)) is not None:
        month, number = _month(found[1]), int(found[2])
    try:
        there = date(year, month, number)
        return there.replace(year=year + 1) if there < today and whole is None else there
    except ValueError:
        return None


def _month(name: str) -> int:
    return _MONTHS.index(name[:3]) + 1 if name[:3] in _MONTHS else 0
