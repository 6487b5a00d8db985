"""What a person's entries add up to; pure, so that every number can be checked by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from bot.store.records import Entry

MOMENTS = frozenset({"trigger", "closeness", "activation"})
"""Kinds of entry that tell of a hard moment."""

WHOLE = ("trigger", "body", "story", "urge", "did", "after")
"""What a moment is told with when it is told in full."""

NUMB = "numb"
UNKNOWN = "unknown"
STRONGEST = 10

PEOPLE = "people"
"""The list of people and steps: kept like an entry, and nothing that happened."""

PLAN = "plan"
"""What someone wants to do first when something happens: nothing that happened either."""

LEFT_OUT = "left_out"
"""The field that keeps an entry out of every number, where the person has not asked for it."""

LEAST_SHARE = 5
"""Fewer entries than this say how many there are, and nothing about how often."""

LEAST_COMPARED = 3
"""Pairs that each side of a comparison needs."""

TOP = 3


@dataclass(frozen=True, slots=True)
class Count:
    """How many entries said the same thing, in its newest spelling."""

    text: str
    n: int


@dataclass(frozen=True, slots=True)
class Top:
    """How much the most frequent three cover; no share while there are few."""

    n: int
    of: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Strength:
    """Strength on average, and how many numbers that rests on; what is no number stands beside."""

    mean: float | None
    n: int
    numb: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """Moments with a number before and one now: the only ones that can show easing."""

    n: int
    before: float | None
    now: float | None
    turned_numb: int = 0
    """A number before, numb now: that is not settling, so it is no pair."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same pairs with something and without it."""

    with_it: Pairs
    without: Pairs


@dataclass(frozen=True, slots=True)
class Practice:
    """How often something was tried, and what the pairs of those times show."""

    text: str
    n: int
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class Numbers:
    """All the numbers of one window of time; what was not said is in none of them."""

    days: int | None
    entries: int
    kinds: tuple[Count, ...]
    moments: int
    full: int
    quick: int
    triggered: int
    """Moments that say what set them off."""
    triggers: tuple[Count, ...]
    top: Top
    before: Strength
    now: Strength
    pairs: Pairs
    waiting: Comparison | None
    practices: tuple[Practice, ...]
    checkins: int
    felt: int
    """Check-ins that name a feeling."""
    feelings: tuple[Count, ...]
    nearness: tuple[Count, ...]
    closer: int
    further: int
    parts: int


def numbers(
    entries: Iterable[Entry], *, days: int | None, now: datetime, zone: str | None
) -> Numbers:
    """Count what happened in the last so many local dates, today among them; None for all."""
    found = [
        e for e in entries if e.kind not in {PEOPLE, PLAN} and e.fields.get(LEFT_OUT) is not True
    ]
    if days is not None:
        found = _within(found, days, now, place(zone) or UTC)
    moments = [entry for entry in found if entry.kind in MOMENTS]
    checkins = [entry for entry in found if entry.kind == "checkin"]
    full = sum(_is_full(entry) for entry in moments)
    triggered, triggers = _grouped(moments, "trigger")
    felt, feelings = _grouped(checkins, "feeling")
    nearness = Counter(
        named(text) for entry in checkins for text in said(entry.fields.get("nearness"))
    )
    return Numbers(
        days=days,
        entries=len(found),
        kinds=_ranked(Counter(entry.kind for entry in found)),
        moments=len(moments),
        full=full,
        quick=len(moments) - full,
        triggered=triggered,
        triggers=triggers,
        top=_top(moments, triggered, triggers),
        before=_strength(moments, "intensity_before"),
        now=_strength(moments, "intensity_now"),
        pairs=pairs(moments),
        waiting=compare([entry for entry in moments if entry.kind == "activation"], waited),
        practices=_practices(moments),
        checkins=len(checkins),
        felt=felt,
        feelings=feelings,
        nearness=_ranked(nearness),
        closer=nearness["closer"] + nearness["both"],
        further=nearness["further"] + nearness["both"],
        parts=sum(entry.kind == "part" for entry in found),
    )


def compare(entries: Iterable[Entry], with_it: Callable[[Entry], bool]) -> Comparison | None:
    """Hold moments with something beside those without; None while either side has too few."""
    sides: dict[bool, list[Entry]] = {True: [], False: []}
    for entry in entries:
        sides[with_it(entry)].append(entry)
    found = Comparison(pairs(sides[True]), pairs(sides[False]))
    return found if min(found.with_it.n, found.without.n) >= LEAST_COMPARED else None


def pairs(entries: Iterable[Entry]) -> Pairs:
    """Return the moments whose strength is a number both before and now."""
    both: list[tuple[int, int]] = []
    turned = 0
    for entry in entries:
        before = number(entry.fields.get("intensity_before"))
        now = entry.fields.get("intensity_now")
        if before is not None and (after := number(now)) is not None:
            both.append((before, after))
        elif before is not None and now == NUMB:
            turned += 1
    return Pairs(
        n=len(both),
        before=_mean([before for before, _ in both]),
        now=_mean([now for _, now in both]),
        turned_numb=turned,
    )


def number(value: Any) -> int | None:
    """Return a strength that is a number; numb, can't tell and anything odd are none."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= STRONGEST:
        return value
    return None


def waited(entry: Entry) -> bool:
    """Whether some minutes passed between the pull and the choice."""
    minutes = entry.fields.get("minutes")
    return isinstance(minutes, int | float) and not isinstance(minutes, bool) and minutes > 0


def said(value: Any) -> tuple[str, ...]:
    """Return the words of a field, one item for each thing said, on one line each."""
    items = value if isinstance(value, list | tuple) else [value]
    lines = (" ".join(item.split()) for item in items if isinstance(item, str))
    return tuple(line for line in lines if line)


def named(text: str) -> str:
    """Return the name of an answer that may be kept as its button reads: ``As usual``."""
    return "_".join(text.casefold().split())


def place(zone: str | None) -> tzinfo | None:
    """Return a zone by its name; None for one that nobody here knows."""
    try:
        return ZoneInfo(zone) if zone else None
    except (ValueError, OSError, LookupError):
        # Besides a name it does not know, zoneinfo stumbles over names that are no file names.
        return None


def _within(entries: Iterable[Entry], days: int, now: datetime, zone: tzinfo) -> list[Entry]:
    """Cut by local dates: a day with 23 or 25 hours is a day like any other."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=min(max(days, 1), today.toordinal()) - 1)
    # A margin saves most of a long diary the way through its zone.
    near = datetime.combine(first, datetime.min.time(), UTC)
    early = near - timedelta(days=min(2, first.toordinal() - 1))
    return [
        entry
        for entry in entries
        if entry.happened_at >= early
        and first <= entry.happened_at.astimezone(zone).date() <= today
    ]


def _is_full(entry: Entry) -> bool:
    return entry.kind in {"trigger", "closeness"} and all(
        said(entry.fields.get(name)) for name in WHOLE
    )


def _keys(entry: Entry, name: str) -> dict[str, str]:
    """Return what an entry says in a field: as it is compared, and as it is spelled."""
    return {text.casefold(): text for text in said(entry.fields.get(name))}


def _newest(entry: Entry) -> tuple[datetime, datetime, str]:
    return (entry.edited_at or entry.written_at, entry.happened_at, entry.id)


def _grouped(entries: Sequence[Entry], name: str) -> tuple[int, tuple[Count, ...]]:
    """Return how many entries say anything in a field, and what, most frequent first.

    Of things said equally often the one said last comes first, so the order never depends on the
    order of the entries.
    """
    counts: Counter[str] = Counter()
    spelling: dict[str, str] = {}
    some = 0
    for entry in sorted(entries, key=_newest, reverse=True):
        keys = _keys(entry, name)
        some += bool(keys)
        counts.update(keys.keys())
        for key, text in keys.items():
            spelling.setdefault(key, text)
    # Sorting is stable, and a Counter remembers what it met first: the newest.
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return some, tuple(Count(spelling[key], n) for key, n in ranked)


def _ranked(counts: Counter[str]) -> tuple[Count, ...]:
    return tuple(
        Count(text, n) for text, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _top(moments: Iterable[Entry], triggered: int, triggers: Sequence[Count]) -> Top:
    """Count moments, not mentions: one that names two of the three is one moment."""
    leading = {count.text.casefold() for count in triggers[:TOP]}
    n = sum(not leading.isdisjoint(_keys(entry, "trigger")) for entry in moments)
    return Top(n, triggered, n / triggered if triggered >= LEAST_SHARE else None)


def _strength(entries: Iterable[Entry], name: str) -> Strength:
    values = [entry.fields.get(name) for entry in entries]
    found = [value for value in map(number, values) if value is not None]
    return Strength(
        mean=_mean(found),
        n=len(found),
        numb=sum(value == NUMB for value in values),
        unknown=sum(value == UNKNOWN for value in values),
    )


def _practices(entries: Sequence[Entry]) -> tuple[Practice, ...]:
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        for key in _keys(entry, "practice"):
            by_key.setdefault(key, []).append(entry)
    _, counted = _grouped(entries, "practice")
    return tuple(
        Practice(count.text, count.n, pairs(by_key[count.text.casefold()])) for count in counted
    )


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None
