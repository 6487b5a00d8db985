"""Holds the helplines' file against its rules: whose word it is, and how old it has become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

OLDEST = timedelta(days=180)
"""A record older than this is to be compared anew before anything is released."""

SOURCES = 2
"""Named lists that have to agree on a number."""

CHANNELS = frozenset({"call", "text", "chat"})

KINDS = ("lines", "abuse")
"""A country's lists of lines: for those who may not want to live, and for violence."""


def faults(data: Mapping[str, Any], today: date) -> list[str]:
    """Return a sentence for each record that breaks a rule."""
    found = [] if data.get("directory") else ["helplines.toml: directory is missing."]
    seen: set[str] = set()
    for country in data.get("countries", ()):
        where = f"helplines.toml, {country.get('iso') or 'a country without iso'}"
        if missing := [name for name in ("iso", "name", "emergency") if not country.get(name)]:
            found.append(f"{where}: {' and '.join(missing)} is missing.")
        if country.get("iso") in seen:
            found.append(f"{where}: this country stands there twice.")
        seen.add(str(country.get("iso")))
        for kind in KINDS:
            for line in country.get(kind, ()):
                found += _line(f"{where}, {line.get('name') or 'a line without name'}", line, today)
    return found


def _line(where: str, line: Mapping[str, Any], today: date) -> Iterator[str]:
    if missing := [name for name in ("name", "number") if not line.get(name)]:
        yield f"{where}: {' and '.join(missing)} is missing."
    channels = line.get("channels", ())
    if not channels or not CHANNELS.issuperset(channels):
        yield f"{where}: channels are any of {', '.join(sorted(CHANNELS))}."
    if len(set(line.get("source", ()))) < SOURCES:
        yield f"{where}: a line needs {SOURCES} named sources that agree on it."
    checked = line.get("verified_on")
    if not isinstance(checked, date):
        yield f"{where}: verified_on is a date, like 2026-11-21."
    elif checked > today:
        yield f"{where}: verified_on is a day that has not come yet."
    elif today - checked > OLDEST:
        yield (
            f"{where}: verified on {checked}, over {OLDEST.days} days ago; "
            "compare it with its sources anew."
        )
