"""Numbers and entries as plain words; the wording itself is content."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.errors import ContentError
from bot.flows.model import NAME
from bot.lookback.numbers import (
    LEAST_SHARE,
    LEFT_OUT,
    MOMENTS,
    TOP,
    Count,
    Numbers,
    Pairs,
    Practice,
    Strength,
    named,
    place,
    said,
)
from bot.store.records import Entry

Texts = Mapping[str, object]
"""The look back's content file as it was read."""

PAGE = 900
"""Characters of the whole summary."""

CLIP = 36
"""Characters of a person's own words that a line repeats."""

LABEL = 40
"""Characters of a button."""

_SUBJECT = ("trigger", "feeling", "text", "practice", "fear", "need", "story", "line")
"""The fields that tell entries apart, the most telling first."""

_NAMED = ("nearness", "pull", "intensity_before", "intensity_now")
"""Fields whose values are names of ours, not words of theirs."""

_SAY = (
    *("nothing", "nothing_today", "nothing_ever", "moments", "moments_told", "moments_none"),
    *(
        "most_often",
        "named",
        "first_item",
        "item",
        "top_three",
        "strength",
        "strength_before",
        "strength_now",
    ),
    *("no_number_before", "no_number_now", "basis", "basis_numb", "basis_unknown", "change"),
    *("turned_numb", "waited", "practices", "practice", "practice_change", "checkins"),
    *("checkins_named", "checkins_often", "nearness", "also", "few"),
)
_COUNT = ("days", "moments", "times", "checkins", "part", "note", "other")


def check(texts: Texts) -> None:
    """Raise ContentError naming every phrase that is missing."""
    missing = [f"say.{key}" for key in _SAY if not _is_text(texts, "say", key)]
    missing += [f"count.{key}" for key in _COUNT if not _is_list(texts, "count", key, 2)]
    missing += [f"count.{key}" for key in ("today", "ever") if not _is_text(texts, "count", key)]
    missing += [
        f"dates.{key}"
        for key in ("day", "day_of_year", "moment", "moment_of_year")
        if not _is_text(texts, "dates", key)
    ]
    missing += [
        f"dates.{key}"
        for key, length in (("days", 7), ("months", 12))
        if not _is_list(texts, "dates", key, length)
    ]
    missing += [f"entry.{key}" for key in ("head", "label") if not _is_text(texts, "entry", key)]
    missing += [f"{key}" for key in ("fields", "values") if not isinstance(texts.get(key), dict)]
    if not _is_text(texts, "kinds", "other"):
        missing.append("kinds.other")
    if missing:
        raise ContentError(f"lookback.toml: {', '.join(missing)} is missing.")


# --- the summary -----------------------------------------------------------------------------


def summary(numbers: Numbers, texts: Texts) -> str:
    """Say the numbers on one short page; plain text, not escaped."""
    if not numbers.entries:
        if numbers.days is None:
            return _say(texts, "nothing_ever")
        if numbers.days == 1:
            return _say(texts, "nothing_today")
        return _say(texts, "nothing", span=_count(texts, "days", numbers.days))
    lines = [
        line
        for part in (_moments, _triggers, _strengths, _changes, _waiting, _practices, _days, _also)
        for line in part(numbers, texts)
    ]
    last = [_say(texts, "few")] if _is_little(numbers) else []
    while len(lines) > 1 and _length(lines + last) > PAGE:
        lines.pop()
    return "\n".join(lines + last)


def _moments(numbers: Numbers, texts: Texts) -> Iterator[str]:
    if numbers.days is None:
        span = _text(texts, "count", "ever")
    elif numbers.days == 1:
        span = _text(texts, "count", "today")
    else:
        span = _count(texts, "days", numbers.days)
    key = "moments_told" if numbers.full else "moments" if numbers.moments else "moments_none"
    yield _say(
        texts,
        key,
        span=span,
        moments=_count(texts, "moments", numbers.moments),
        full=numbers.full,
        quick=numbers.quick,
    )


def _triggers(numbers: Numbers, texts: Texts) -> Iterator[str]:
    if not numbers.triggers:
        return
    often = _often(numbers.triggers, numbers.triggered, texts)
    if often:
        yield _say(texts, "most_often", list=often)
    else:
        yield _say(texts, "named", list=_listed(numbers.triggers, texts))
    top = numbers.top
    # Three of three would cover everything, and say nothing.
    if often and top.share is not None and len(numbers.triggers) > TOP:
        percent = round(top.share * 100)
        if top.n < top.of:
            percent = min(percent, 99)
        yield _say(texts, "top_three", percent=percent, n=top.n, of=top.of)


def _strengths(numbers: Numbers, texts: Texts) -> Iterator[str]:
    parts = [
        _strength(strength, when, texts)
        for strength, when in ((numbers.before, "before"), (numbers.now, "now"))
        if strength.n or strength.numb or strength.unknown
    ]
    if parts:
        yield _say(texts, "strength", parts=", ".join(parts))


def _strength(strength: Strength, when: str, texts: Texts) -> str:
    counts = (
        ("basis", strength.n),
        ("basis_numb", strength.numb),
        ("basis_unknown", strength.unknown),
    )
    basis = ", ".join(_say(texts, key, n=n) for key, n in counts if n)
    if strength.mean is None:
        return _say(texts, f"no_number_{when}", basis=basis)
    return _say(texts, f"strength_{when}", mean=_mean(strength.mean), basis=basis)


def _changes(numbers: Numbers, texts: Texts) -> Iterator[str]:
    pairs = numbers.pairs
    said_now = []
    if pairs.n:
        said_now.append(_say(texts, "change", **_change(pairs, texts)))
    if pairs.turned_numb:
        said_now.append(_say(texts, "turned_numb", n=pairs.turned_numb))
    if said_now:
        yield " ".join(said_now)


def _waiting(numbers: Numbers, texts: Texts) -> Iterator[str]:
    if numbers.waiting is not None:
        without = _change(numbers.waiting.without, texts)
        yield _say(
            texts,
            "waited",
            **_change(numbers.waiting.with_it, texts),
            **{f"{name}_without": value for name, value in without.items()},
        )


def _practices(numbers: Numbers, texts: Texts) -> Iterator[str]:
    if numbers.practices:
        tried = [_practice(practice, texts) for practice in numbers.practices[:TOP]]
        yield _say(texts, "practices", list="; ".join(tried))


def _practice(practice: Practice, texts: Texts) -> str:
    key = "practice_change" if practice.pairs.n else "practice"
    values = _change(practice.pairs, texts) | {
        "text": clipped(practice.text, CLIP),
        "times": _count(texts, "times", practice.n),
        "n": str(practice.pairs.n),
    }
    return _say(texts, key, **values)


def _days(numbers: Numbers, texts: Texts) -> Iterator[str]:
    if not numbers.checkins:
        return
    checkins = _count(texts, "checkins", numbers.checkins)
    if often := _often(numbers.feelings, numbers.felt, texts):
        line = _say(texts, "checkins_often", checkins=checkins, list=often)
    elif numbers.feelings:
        listed = _listed(numbers.feelings, texts)
        line = _say(texts, "checkins_named", checkins=checkins, list=listed)
    else:
        line = _say(texts, "checkins", checkins=checkins)
    if numbers.closer or numbers.further:
        near = _say(texts, "nearness", closer=numbers.closer, further=numbers.further)
        line = f"{line} {near}"
    yield line


def _also(numbers: Numbers, texts: Texts) -> Iterator[str]:
    rest: dict[str, int] = {}
    for kind in numbers.kinds:
        if kind.text not in MOMENTS and kind.text != "checkin":
            name = kind.text if _is_list(texts, "count", kind.text, 2) else "other"
            rest[name] = rest.get(name, 0) + kind.n
    if rest:
        yield _say(texts, "also", list=", ".join(_count(texts, *item) for item in rest.items()))


def _often(counts: Sequence[Count], of: int, texts: Texts) -> str:
    """List what came up more than once; empty where there is too little to say how often."""
    if of < LEAST_SHARE:
        return ""
    items: list[str] = []
    for count in counts[:TOP]:
        if count.n > 1:
            key = "item" if items else "first_item"
            items.append(_say(texts, key, text=clipped(count.text, CLIP), n=count.n, of=of))
    return ", ".join(items)


def _listed(counts: Sequence[Count], texts: Texts) -> str:
    return ", ".join(
        _say(texts, "item", text=clipped(count.text, CLIP), n=count.n) for count in counts[:TOP]
    )


def _is_little(numbers: Numbers) -> bool:
    """Whether anything said rests on too few entries to say much."""
    bases = [numbers.moments, numbers.triggered, numbers.before.n, numbers.now.n, numbers.pairs.n]
    bases += [numbers.felt, *(practice.pairs.n for practice in numbers.practices[:TOP])]
    if numbers.waiting is not None:
        bases += [numbers.waiting.with_it.n, numbers.waiting.without.n]
    return any(0 < basis < LEAST_SHARE for basis in bases)


def _change(pairs: Pairs, texts: Texts) -> dict[str, str]:
    return {
        "times": _count(texts, "times", pairs.n),
        "before": _mean(pairs.before),
        "now": _mean(pairs.now),
    }


def _mean(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}".removesuffix(".0")


# --- one entry -------------------------------------------------------------------------------


def entry_text(entry: Entry, texts: Texts, zone: str | None, *, now: datetime | None = None) -> str:
    """Show one entry whole, field by field; plain text, not escaped.

    Without a zone there is no clock time to name, and when it was is the caller's to say.
    """
    kind = _labelled(texts, "kinds", entry.kind) or _text(texts, "kinds", "other")
    local = _local(entry, zone)
    lines = [kind]
    if local is not None:
        key = "moment" if now is None or _same_year(local, now) else "moment_of_year"
        lines = [_fill(_text(texts, "entry", "head"), kind=kind, moment=_date(texts, key, local))]
    labels = texts.get("fields")
    order = [*labels] if isinstance(labels, dict) else []
    known = [name for name in order if name in entry.fields]
    for name in [*known, *(n for n in entry.fields if n not in order and n not in _INNER)]:
        value = _shown(texts, name, entry.fields[name])
        if value and name != LEFT_OUT:
            label = _labelled(texts, "fields", name) or clipped(name.replace("_", " "), LABEL)
            lines.append(f"{label}: {value}")
    return "\n".join(lines)


_INNER = frozenset({"practices", "strengths", "over"})
"""What the moment measures by: its sense is in the other fields, and all of it in the export."""


def entry_label(
    entry: Entry,
    texts: Texts,
    zone: str | None,
    *,
    now: datetime | None = None,
    when: str | None = None,
) -> str:
    """Name one entry on a button: its date (or ``when``) and what it is about."""
    local = _local(entry, zone)
    if when is None and local is not None:
        key = "day" if now is None or _same_year(local, now) else "day_of_year"
        when = _date(texts, key, local)
    subject = next(
        (words[0] for name in _SUBJECT if (words := said(entry.fields.get(name)))),
        _labelled(texts, "kinds", entry.kind) or _text(texts, "kinds", "other"),
    )
    if when:
        subject = _fill(_text(texts, "entry", "label"), date=when, text=subject)
    return clipped(subject, LABEL)


def _local(entry: Entry, zone: str | None) -> datetime | None:
    """Return when it happened by the clock on the wall there and then."""
    found = place(entry.zone) or place(zone)
    return entry.happened_at.astimezone(found) if found else None


def _same_year(local: datetime, now: datetime) -> bool:
    return local.year == now.astimezone(local.tzinfo).year


def _date(texts: Texts, key: str, local: datetime) -> str:
    return _fill(
        _text(texts, "dates", key),
        weekday=_items(texts, "dates", "days")[local.weekday()],
        day=local.day,
        month=_items(texts, "dates", "months")[local.month - 1],
        year=local.year,
        time=f"{local:%H:%M}",
    )


def _shown(texts: Texts, name: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return _labelled(texts, "values", "yes" if value else "no") or str(value)
        case str() if name in _NAMED:
            return _labelled(texts, "values", named(value)) or _clean(value).strip()
        case str():
            return _clean(value).strip()
        case list() | tuple():
            return ", ".join(filter(None, (_shown(texts, name, item) for item in value)))
        case _:
            return _clean(json.dumps(value, ensure_ascii=False))


# --- phrases ---------------------------------------------------------------------------------


def clipped(text: str, most: int) -> str:
    """Return someone's words on one line of at most so many characters."""
    line = " ".join(_clean(text).split())
    if _units(line) <= most:
        return line
    while _units(line) > most - 1:
        line = line[: most - 1] if len(line) > most else line[:-1]
    return line.rstrip() + "…"


_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of what follows them, and would turn our own words too."""


def _clean(text: str) -> str:
    """Leave out what is no writing: control characters, and marks that reach beyond the text."""
    if text.isprintable():
        return text
    return "".join(
        c
        for c in text
        if c in "\n\t" or (c not in _TURNS and unicodedata.category(c) not in {"Cc", "Cs"})
    )


def _units(text: str) -> int:
    """Count as Telegram does, in which an emoji is two."""
    return len(text) + sum(c > "\uffff" for c in text)


def _length(lines: Sequence[str]) -> int:
    return _units("\n".join(lines))


def _say(texts: Texts, key: str, /, **values: object) -> str:
    return _fill(_text(texts, "say", key), **values)


def _fill(template: str, /, **values: object) -> str:
    # One pass: braces in someone's own words are only braces.
    return NAME.sub(lambda found: str(values.get(found[1], "")), template)


def _count(texts: Texts, key: str, n: int) -> str:
    one, many = _items(texts, "count", key)[:2]
    return _fill(one if n == 1 else many, n=n)


def _find(texts: Texts, table: str, key: str) -> object:
    found = texts.get(table)
    return found.get(key) if isinstance(found, Mapping) else None


def _is_text(texts: Texts, table: str, key: str) -> bool:
    return isinstance(_find(texts, table, key), str)


def _is_list(texts: Texts, table: str, key: str, length: int) -> bool:
    found = _find(texts, table, key)
    return (
        isinstance(found, list)
        and len(found) == length
        and all(isinstance(item, str) for item in found)
    )


def _labelled(texts: Texts, table: str, key: str) -> str | None:
    found = _find(texts, table, key)
    return found if isinstance(found, str) else None


def _text(texts: Texts, table: str, key: str) -> str:
    found = _find(texts, table, key)
    if not isinstance(found, str):
        raise ContentError(f"lookback.toml: {table}.{key} is missing.")
    return found


def _items(texts: Texts, table: str, key: str) -> list[str]:
    found = _find(texts, table, key)
    if not isinstance(found, list):
        raise ContentError(f"lookback.toml: {table}.{key} is missing.")
    return [str(item) for item in found]
