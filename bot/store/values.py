"""Values to what is sealed of them, and back; times as whole microseconds, UTC."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.store.records import Consent, Draft, Entry, Event, Fields, Person, Sighting, Timer, Word

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)

PLAIN = tuple(
    field.name
    for field in fields(Person)
    if field.name not in {"id", "since", "here", "consents", "words"}
)
"""What of a person is JSON as it stands; a field added to ``Person`` needs no word here."""


def stamp(moment: datetime) -> int:
    """Write a moment as an integer; TypeError for one that does not say where on Earth it is."""
    return (moment - EPOCH) // TICK


def moment(stamped: int) -> datetime:
    """Read a moment, aware, in UTC."""
    return EPOCH + timedelta(microseconds=stamped)


def _stamp_or_none(value: datetime | None) -> int | None:
    return None if value is None else stamp(value)


def _moment_or_none(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def from_person(person: Person) -> Fields:
    """Return what is sealed of a person; whether they are here stands in clear."""
    sealed = {name: getattr(person, name) for name in PLAIN}
    sealed["since"] = stamp(person.since)
    sealed["consents"] = [
        [c.version, stamp(c.given_at), _stamp_or_none(c.withdrawn_at)] for c in person.consents
    ]
    sealed["words"] = [[w.kind, w.text, w.archived] for w in person.words]
    return sealed


def to_person(person: bytes, gone: int, sealed: Fields) -> Person:
    """Read a person."""
    plain: dict[str, Any] = {name: sealed[name] for name in PLAIN if name in sealed}
    return Person(
        id=person.hex(),
        since=moment(sealed["since"]),
        here=not gone,
        consents=tuple(
            Consent(version, moment(given), _moment_or_none(withdrawn))
            for version, given, withdrawn in sealed["consents"]
        ),
        words=tuple(Word(kind, text, archived) for kind, text, archived in sealed["words"]),
        **plain,
    )


def from_entry(entry: Entry) -> Fields:
    """Return what is sealed of an entry: all of it."""
    return {
        "id": entry.id,
        "kind": entry.kind,
        "happened_at": stamp(entry.happened_at),
        "written_at": stamp(entry.written_at),
        "zone": entry.zone,
        "fields": entry.fields,
        "edited_at": _stamp_or_none(entry.edited_at),
    }


def to_entry(sealed: Fields) -> Entry:
    """Read an entry."""
    return Entry(
        id=sealed["id"],
        kind=sealed["kind"],
        happened_at=moment(sealed["happened_at"]),
        written_at=moment(sealed["written_at"]),
        zone=sealed["zone"],
        fields=sealed["fields"],
        edited_at=_moment_or_none(sealed["edited_at"]),
    )


def from_draft(draft: Draft) -> Fields:
    """Return what is sealed of a draft: all of it."""
    return {
        "id": draft.id,
        "flow": draft.flow,
        "written_at": stamp(draft.written_at),
        "frame": draft.frame,
    }


def to_draft(sealed: Fields) -> Draft:
    """Read a draft."""
    return Draft(sealed["id"], sealed["flow"], moment(sealed["written_at"]), sealed["frame"])


def from_event(event: Event) -> Fields:
    """Return what is sealed of an event: all of it."""
    return {"id": event.id, "at": stamp(event.at), "tier": event.tier, "rule": event.rule}


def to_event(sealed: Fields) -> Event:
    """Read an event."""
    return Event(sealed["id"], moment(sealed["at"]), sealed["tier"], sealed["rule"])


def from_sighting(sighting: Sighting) -> Fields:
    """Return what is sealed of a sighting: all of it."""
    return {
        "message_id": sighting.message_id,
        "at": stamp(sighting.at),
        "outbound": sighting.outbound,
    }


def to_sighting(sealed: Fields) -> Sighting:
    """Read a sighting."""
    return Sighting(sealed["message_id"], moment(sealed["at"]), sealed["outbound"])


def to_timer(timer: bytes, person: bytes, due_at: int, sealed: Fields) -> Timer:
    """Read a timer; its id, person and time stand in clear."""
    return Timer(
        id=timer.hex(),
        person=person.hex(),
        due_at=moment(due_at),
        kind=sealed["kind"],
        subject=sealed["subject"],
        fields=sealed["fields"],
    )
