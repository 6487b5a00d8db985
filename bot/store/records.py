"""What the bot remembers, as values: people, entries, drafts, timers, and rows in and out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

Json = Any
"""What is JSON by itself; whole numbers of up to 64 bits, no infinity."""

Fields = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Consent:
    """One explicit yes to keeping data: which text was agreed to, when, and when taken back."""

    version: str
    given_at: datetime
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the person's own (a trigger, a feeling, a place in the body), learned by use."""

    kind: str
    text: str
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who talks to the bot; ``id`` is random hex and says nothing about their account."""

    id: str
    chat: int
    since: datetime
    here: bool = True
    """False once Telegram said the person blocked the bot."""
    adult: bool | None = None
    consents: tuple[Consent, ...] = ()
    zone: str | None = None
    """IANA zone; None until a clock time was chosen."""
    country: str | None = None
    """ISO 3166 alpha-2, for helplines; asked, never guessed."""
    leaning: str | None = None
    """What comes first: ``space``, ``chase``, ``both`` or ``look``. An order, never a label."""
    language: str = "en"
    emoji: bool = True
    checkin_at: str | None = None
    """Local time of the daily check-in, ``HH:MM``; None for none."""
    words: tuple[Word, ...] = ()
    said: Fields = field(default_factory=dict)
    """What was said once and need not be said again, by name."""
    quiet_from: str = "22:00"
    quiet_till: str = "08:00"
    """Quiet hours on the person's own clock; the same twice for none."""
    morning_at: str | None = None
    """Local time of the morning form; None for none."""
    neutral: bool = False
    """What comes unasked says only that there is a note."""
    cadence: Fields = field(default_factory=dict)
    """What was said unasked lately, and how much of it is wanted."""
    practice: Fields = field(default_factory=dict)
    """The one practice of these two weeks: its name, since when, when and where."""
    rituals: Fields = field(default_factory=dict)
    """Rituals of connection by id: what, with whom, on which days, at what time."""

    @property
    def consent(self) -> Consent | None:
        """The consent in force, if any."""
        for consent in reversed(self.consents):
            return consent if consent.withdrawn_at is None else None
        return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One kept moment. Ids survive export and import."""

    id: str
    kind: str
    happened_at: datetime
    written_at: datetime
    zone: str | None
    fields: Fields
    edited_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A flow that was stopped half-way: its frame as JSON, to be offered again."""

    id: str
    flow: str
    written_at: datetime
    frame: Fields


@dataclass(frozen=True, slots=True)
class Timer:
    """A moment at which the bot speaks first.

    ``subject`` is the local date (``2026-11-21``) for a recurring kind and whatever the timer is
    about for a one-off; a person has one timer for each kind and subject.
    """

    id: str
    person: str
    due_at: datetime
    kind: str
    subject: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """A timer that was claimed to be rung, and whose it is."""

    id: str
    person: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """One update as it came, in the inbox's own order of arrival."""

    number: int
    update_id: int
    arrived_at: datetime
    attempts: int
    payload: bytes
    """The update's JSON, untouched."""


class Lane(IntEnum):
    """The order of need in the outbox; lower goes first."""

    CARD = 0
    MOMENT = 1
    REPLY = 2
    TIMER = 3
    BULK = 4


@dataclass(frozen=True, slots=True)
class Outbound:
    """One call to make.

    ``person`` is None for chats that belong to nobody the bot remembers (a group told once that
    only private chats work; the goodbye after ``/delete``).
    """

    id: str
    number: int
    person: str | None
    chat: int
    lane: Lane
    call: Fields
    """The call in the outbox's own words: ``kind`` and what that kind needs."""
    due_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """A message id in the person's chat, kept 48 hours for ``/hide`` and for later edits."""

    message_id: int
    at: datetime
    outbound: str | None = None
    """The outbox row it came from; None for the person's own message."""


@dataclass(frozen=True, slots=True)
class Event:
    """That a card was shown: when, which tier, which rule. Never the words."""

    id: str
    at: datetime
    tier: Literal["hard", "soft", "abuse", "control", "third", "fault"]
    rule: str
